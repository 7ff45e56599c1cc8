package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bookstore/internal/app"
	benchbooks "bookstore/internal/bench/books"
	"bookstore/internal/bench/search"
	"bookstore/internal/config"
)

// searchFlags are those of bench search.
type searchFlags struct {
	data        string
	seed        uint64
	books       []int
	connections int
	seconds     float64
	indexing    float64
	asJSON      bool
}

func newBenchSearchCommand(p *program) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Measure how fast searches are, in catalogues of several sizes",
		Long: `Make up catalogues with the words of a real one and measure, over HTTP and with a
trickle of writes beside it, how fast a service of every role answers: lookups by id,
each kind of query, a mix of all kinds, and the same mix sent straight to PostgreSQL.
Print throughput, p50 and p99 of each, their ratios, what is wanted of those, and the
size of the database and its indexes.

In the largest catalogue it goes on with searches at a fixed rate, first with nothing
beside them and then while new books arrive on the log, each for four times --seconds;
and at last has the service apply twenty seconds' worth of new books that arrive at
once. --indexing says how many arrive a second, and 0 that all this is left out.

For each size it starts a service with a broker and a PostgreSQL of its own in a
temporary directory, and removes it. With the sizes that it has by default it takes
a quarter of an hour and 10 GB of disk. Whatever else the machine does shows in the
figures.`,
		Example: `  bookstore bench search --books 10000
  bookstore bench search --json > figures.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runBenchSearch(cmd, f) },
	}
	addDataFlag(cmd, &f.data)
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "another one makes other books and other queries")
	flags.IntSliceVar(&f.books, "books", []int{10_000, 100_000, 1_000_000}, "sizes of the catalogues, joined by commas")
	flags.IntVar(&f.connections, "connections", 16, "how many search at once")
	flags.Float64Var(&f.seconds, "seconds", 10, "length of each measurement")
	flags.Float64Var(&f.indexing, "indexing", 5000, "new books a second that are to get into the largest catalogue while others search")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

// searchesBeside is how many searches a second are sent while new books arrive: far
// fewer than the service can answer, so that what is measured is how long one takes.
const searchesBeside = 100

func (p *program) runBenchSearch(cmd *cobra.Command, f searchFlags) error {
	source, err := readBenchData(f.data, benchbooks.ReadSource)
	if err != nil {
		return err
	}
	report, err := search.Run(cmd.Context(), search.Config{
		Catalogue: benchbooks.NewCatalogue(source, f.seed), Sizes: f.books, Connections: f.connections,
		Length: time.Duration(f.seconds * float64(time.Second)), Seed: f.seed,
		Indexing: f.indexing, SearchesBeside: searchesBeside,
		Start: p.startBenchService, Logger: p.benchLogger(), Progress: p.benchProgress,
	})
	for _, fault := range []error{search.ErrNoSizes, search.ErrFewConnections, search.ErrNoLength, search.ErrNoRate} {
		if errors.Is(err, fault) {
			return usage(cmd, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	if err != nil {
		return fmt.Errorf("bench search: %w", err)
	}
	return p.printReport(&report, f.asJSON)
}

// startBenchService starts the service as a newcomer does, on ports of its own and
// without the sample catalogue.
func (p *program) startBenchService(ctx context.Context, dataDir string) (search.Service, error) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(app.GCPercent) // as the service does
	}
	cfg := config.Default()
	cfg.App.Port, cfg.Embedded.KafkaPort = 0, 0
	cfg.App.DataDir = dataDir
	a, err := app.Start(ctx, cfg, app.Options{NoSample: true, Logger: p.benchLogger()})
	if err != nil {
		return search.Service{}, err
	}
	return search.Service{
		URL: a.URL(), Database: a.Database(), Brokers: a.Brokers(),
		Close: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, cfg.App.ShutdownTimeout)
			defer cancel()
			return a.Close(ctx)
		},
	}, nil
}
