package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bookstore/internal/bench/insights"
	"bookstore/internal/events"
	"bookstore/internal/runfile"
)

// insightsFlags are those of bench insights.
type insightsFlags struct {
	data      string
	seed      uint64
	searches  int
	queries   int
	readers   int
	perSecond float64
	seconds   float64
	asJSON    bool
}

func newBenchInsightsCommand(p *program) *cobra.Command {
	var f insightsFlags
	cmd := &cobra.Command{
		Use:   "insights",
		Short: "Measure how fast searches are counted and how fast trends and recommendations answer",
		Long: `Import a real catalogue into a service of every role, make up searches of the last
eight days, and measure in one run: how fast trends, interests and what was served
catch up with all of them; how fast trends and recommendations answer, beside lookups
by id; the same while searches arrive, and how far behind the read models are then;
and how much disk they take. In the end the service is killed twice while it catches
up, and what it has counted is compared with what was noted down beside it: it fails
where a single search is missing or counted twice.

It starts the service in a process of its own, with a broker and a PostgreSQL in a
temporary directory, and removes them. A million searches take some five minutes and
10 GB of disk. Whatever else the machine does shows in the figures.`,
		Example: `  bookstore bench insights --searches 50000 --queries 10000
  bookstore bench insights --json > figures.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runBenchInsights(cmd, f) },
	}
	addDataFlag(cmd, &f.data)
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "another one makes other searches")
	flags.IntVar(&f.searches, "searches", 1_000_000, "how many to catch up with")
	flags.IntVar(&f.queries, "queries", 200_000, "how many different ones there are to search for")
	flags.IntVar(&f.readers, "readers", 100_000, "how many search")
	flags.Float64Var(&f.perSecond, "per-second", 10_000, "searches that arrive while the service is to keep up")
	flags.Float64Var(&f.seconds, "seconds", 20, "for how long, and how long questions are asked")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

func (p *program) runBenchInsights(cmd *cobra.Command, f insightsFlags) error {
	books, err := readBenchData(f.data, func(from io.Reader) ([]events.Details, error) { return insights.ReadBooks(from, f.seed) })
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to run it again: %w", err)
	}
	report, err := insights.Run(cmd.Context(), insights.Config{
		Books: books, Searches: f.searches, Queries: f.queries, Readers: f.readers,
		PerSecond: f.perSecond, Length: time.Duration(f.seconds * float64(time.Second)), Seed: f.seed,
		// Not CommandContext: an interrupt is for the service to hear too, and how it ends
		// is for the bench to say.
		Start: insights.InProcess(func(dataDir string) *exec.Cmd {
			return exec.Command(self, "bench", benchServe, dataDir)
		}),
		Logger: p.benchLogger(), Progress: p.benchProgress,
	})
	for _, fault := range []error{insights.ErrNoBooks, insights.ErrFewSearches, insights.ErrNoRate} {
		if errors.Is(err, fault) {
			return usage(cmd, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	if err != nil {
		return fmt.Errorf("bench insights: %w", err)
	}
	return p.printReport(&report, f.asJSON)
}

// benchServe is the command that is the service of a bench.
const benchServe = "serve"

func newBenchServeCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:    benchServe + " DIR",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := p.startBenchService(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			where := runfile.Info{URL: service.URL, Brokers: service.Brokers, Database: service.Database, PID: os.Getpid()}
			err = insights.Serve(cmd.Context(), where, p.stdin, p.stdout)
			return errors.Join(err, service.Close(context.WithoutCancel(cmd.Context())))
		},
	}
}
