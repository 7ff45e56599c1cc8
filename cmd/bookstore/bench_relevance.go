package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"bookstore/internal/bench/relevance"
)

// relevanceFlags are those of bench relevance.
type relevanceFlags struct {
	data    string
	seed    uint64
	queries int
	heldOut bool
	misses  int
	asJSON  bool
}

func newBenchRelevanceCommand(p *program) *cobra.Command {
	var f relevanceFlags
	cmd := &cobra.Command{
		Use:   "relevance",
		Short: "Measure whether searches find the book that somebody has in mind",
		Long: `Load a real catalogue, ask for its books as people who know them would (by title, a
few words, the author and a word, with a typo, and so on), and print for each kind of
query how often the wanted book came first, among the first five, and the mean of
1/rank.

The books are split in two halves. The tuning half is reported always; --misses shows
what was not found there. The held-out half is for who does not tune any more: it is
measured with --held-out and only ever shown as numbers.

A query counts for the one book that it was made from, also where others share the
title or all the words; the ceiling says what can be reached at all. Relevance does not
depend on the machine, but the time limit of queries does: see "too slow".`,
		Example: `  bookstore bench relevance --misses 5
  bookstore bench relevance --held-out --json > figures.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runBenchRelevance(cmd, f) },
	}
	addDataFlag(cmd, &f.data)
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "another one asks for other books, with other mistakes")
	flags.IntVar(&f.queries, "queries", 1000, "of each kind and half, at most")
	flags.BoolVar(&f.heldOut, "held-out", false, "measure the half that is not for tuning as well")
	flags.IntVar(&f.misses, "misses", 0, "how many misses of each kind to show, of the tuning half")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

func (p *program) runBenchRelevance(cmd *cobra.Command, f relevanceFlags) error {
	if f.misses < 0 {
		return usage(cmd, "--misses is %d: give how many to show", f.misses)
	}
	books, err := readBenchData(f.data, relevance.ReadBooks)
	if err != nil {
		return err
	}
	report, err := relevance.Run(cmd.Context(), relevance.Config{
		Books: books, Seed: f.seed, Queries: f.queries, HeldOut: f.heldOut, Misses: f.misses,
		Logger: p.benchLogger(), Progress: p.benchProgress,
	})
	if errors.Is(err, relevance.ErrFewQueries) {
		return usage(cmd, "%s", err)
	}
	if err != nil {
		return fmt.Errorf("bench relevance: %w", err)
	}
	return p.printReport(&report, f.asJSON)
}
