package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"bookstore/internal/app"
	benchbooks "bookstore/internal/bench/books"
	"bookstore/internal/bench/throughput"
	"bookstore/internal/config"
	"bookstore/internal/telemetry"
)

func newBenchCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast it is on this machine",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchProjectionCommand(p), newBenchTaskCommand(p), newBenchRelevanceCommand(p), newBenchSearchCommand(p),
		newBenchInsightsCommand(p), newBenchServeCommand(p))
	return cmd
}

// benchFlags are those of bench projection.
type benchFlags struct {
	data        string
	seed        uint64
	events      int
	naiveEvents int
	partitions  int
	mix         benchbooks.Mix
	brokers     []string
	database    string
	asJSON      bool
}

func newBenchProjectionCommand(p *program) *cobra.Command {
	f := benchFlags{mix: benchbooks.DefaultMix()}
	cmd := &cobra.Command{
		Use:   "projection",
		Short: "Measure the catalog, live and rebuilt, beside the naive way and PostgreSQL's limits",
		Long: `Make up a history of books with the words of a real catalogue and measure, in one
run on the same servers and the same events, how fast they get into the tables that
are searched: the naive way (a message, a transaction), the live engine, what
PostgreSQL lets it do at most, the rebuild, and what PostgreSQL lets that do at
most. Print times, rates, peaks of memory and the ratios that are promised.

It starts a broker and a PostgreSQL of its own, with the service's settings, in a
temporary directory, and removes them. A million events take some ten minutes and 8 GB
of disk. Whatever else the machine does shows in the figures.`,
		Example: `  bookstore bench projection --events 50000
  bookstore bench projection --json > figures.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runBenchProjection(cmd, f) },
	}
	flags := cmd.Flags()
	addDataFlag(cmd, &f.data)
	flags.Uint64Var(&f.seed, "seed", 1, "another one makes another history")
	flags.IntVar(&f.events, "events", 1_000_000, "length of the history")
	flags.IntVar(&f.naiveEvents, "naive-events", 20_000, "how many of them the naive way gets on one partition, from the middle; on several, three times as many")
	flags.IntVar(&f.partitions, "partitions", 12, "of the topic that has several")
	flags.Float64Var(&f.mix.Updated, "updated", f.mix.Updated, "share of updates among the events")
	flags.Float64Var(&f.mix.Deleted, "deleted", f.mix.Deleted, "share of deletions")
	flags.Float64Var(&f.mix.Republished, "republished", f.mix.Republished, "share of events that come a second time")
	flags.StringSliceVar(&f.brokers, "brokers", nil, "Kafka to use, host:port, instead of one of its own")
	flags.StringVar(&f.database, "database", "", "connection string of a PostgreSQL to use instead of one of its own; it gets a schema there for the time")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

func (p *program) runBenchProjection(cmd *cobra.Command, f benchFlags) error {
	for name, share := range map[string]float64{"updated": f.mix.Updated, "deleted": f.mix.Deleted, "republished": f.mix.Republished} {
		if share < 0 || share > 1 {
			return usage(cmd, "--%s is %g: give a share from 0 to 1", name, share)
		}
	}
	if sum := f.mix.Updated + f.mix.Deleted + f.mix.Republished; sum >= 1 {
		return usage(cmd, "--updated, --deleted and --republished are %g together: nothing would be created", sum)
	}
	source, err := readBenchData(f.data, benchbooks.ReadSource)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to run it again: %w", err)
	}
	report, err := throughput.Run(cmd.Context(), throughput.Config{
		Catalogue: benchbooks.NewCatalogue(source, f.seed), Mix: f.mix,
		Events: f.events, NaiveEvents: f.naiveEvents, Partitions: f.partitions,
		Brokers: f.brokers, Database: f.database,
		Do: throughput.InProcess(func(ctx context.Context) *exec.Cmd {
			return exec.CommandContext(ctx, self, "bench", benchTask)
		}),
		Logger: p.benchLogger(), Progress: p.benchProgress,
	})
	for _, fault := range []error{throughput.ErrFewEvents, throughput.ErrFewNaive, throughput.ErrFewPartitions} {
		if errors.Is(err, fault) {
			return usage(cmd, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	if err != nil {
		return fmt.Errorf("bench projection: %w", err)
	}
	return p.printReport(&report, f.asJSON)
}

// addDataFlag adds the flag for the real catalogue, which benches make their books
// and queries of.
func addDataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", "../shared/data/goodbooks-10k.csv", "real catalogue, a CSV with the columns title, authors and original_publication_year")
}

// benchLogger tells what goes wrong in the servers of a bench.
func (p *program) benchLogger() *slog.Logger {
	return telemetry.NewLogger(p.stderr, slog.LevelWarn, string(config.LogText))
}

func (p *program) benchProgress(what string) { fmt.Fprintln(p.stderr, what+" ...") }

// printReport prints what a bench has found.
func (p *program) printReport(report interface{ Print(to io.Writer) error }, asJSON bool) error {
	if !asJSON {
		return report.Print(p.stdout)
	}
	out := json.NewEncoder(p.stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

// readBenchData reads a real catalogue.
func readBenchData[T any](path string, read func(io.Reader) (T, error)) (T, error) {
	var none T
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, fmt.Errorf("%w; give --data FILE, a CSV with the columns title, authors and original_publication_year (goodbooks-10k has them)", err)
	}
	if err != nil {
		return none, err
	}
	defer file.Close()
	books, err := read(file)
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	return books, nil
}

// benchTask is the command that does one measurement in a process of its own.
const benchTask = "task"

func newBenchTaskCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:    benchTask,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, set := os.LookupEnv("GOGC"); !set {
				debug.SetGCPercent(app.GCPercent) // as the service does
			}
			return throughput.Serve(cmd.Context(), p.stdin, p.stdout)
		},
	}
}
