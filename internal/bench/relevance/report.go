package relevance

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is what a run has found.
type Report struct {
	Books  int      `json:"books"`
	Seed   uint64   `json:"seed"`
	Halves []Result `json:"halves"` // tuning, and held out where that was asked for
}

// Result is how well the books of one half were found.
type Result struct {
	Half   Half    `json:"half"`
	Kinds  []Score `json:"kinds"`
	Misses []Miss  `json:"misses,omitempty"` // of the tuning half, where they were asked for
}

// Score is how well the queries of one kind did. Success and ceilings are shares, 0
// to 1.
type Score struct {
	Kind     string  `json:"kind"`
	Queries  int     `json:"queries"`
	Success1 float64 `json:"success_at_1"`
	Success5 float64 `json:"success_at_5"`
	MRR      float64 `json:"mrr"` // mean of 1/rank; 0 below the first ten
	// Alone is what is reached by the query's words alone: see the package comment.
	Alone1  float64 `json:"by_words_alone_at_1"`
	Alone5  float64 `json:"by_words_alone_at_5"`
	TooSlow int     `json:"too_slow"` // given up by the database; misses
	// Wanted5 and Wanted1 are wanted of Success5 and Success1; 0: nothing is.
	Wanted5 float64 `json:"wanted_at_5,omitempty"`
	Wanted1 float64 `json:"wanted_at_1,omitempty"`
	Met     bool    `json:"met"` // true where nothing is wanted
}

// Miss is a query that did not bring its book among the first five.
type Miss struct {
	Kind   string   `json:"kind"`
	Query  string   `json:"query"`
	Wanted string   `json:"wanted"`
	Rank   int      `json:"rank"` // among the first ten; 0: not there
	Came   []string `json:"came"` // the first ones
}

// Print writes the report for people.
func (r *Report) Print(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d books, seed %d\n", r.Books, r.Seed)
	for _, result := range r.Halves {
		fmt.Fprintf(&b, "\n%s half\n", result.Half)
		if err := result.print(&b); err != nil {
			return err
		}
	}
	b.WriteString(notes)
	_, err := io.WriteString(to, b.String())
	return err
}

func (r *Result) print(b *strings.Builder) error {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tqueries\tsuccess@1\tsuccess@5\tMRR\twords@1\twords@5\ttoo slow\twanted\t\t")
	for _, s := range r.Kinds {
		fmt.Fprintf(table, "%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%d\t%s\t\n", s.Kind, s.Queries,
			s.Success1, s.Success5, s.MRR, s.Alone1, s.Alone5, s.TooSlow, s.verdict())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, m := range r.Misses {
		rank := "not among the first ten"
		if m.Rank > 0 {
			rank = fmt.Sprintf("rank %d", m.Rank)
		}
		fmt.Fprintf(b, "\n%s: %q wanted %s (%s)\n", m.Kind, m.Query, m.Wanted, rank)
		for _, came := range m.Came {
			fmt.Fprintf(b, "    %s\n", came)
		}
	}
	return nil
}

// verdict is two cells.
func (s Score) verdict() string {
	met := "met"
	if !s.Met {
		met = "MISSED"
	}
	switch {
	case s.Wanted1 > 0:
		return fmt.Sprintf("%.2f@1\t%s", s.Wanted1, met)
	case s.Wanted5 > 0:
		return fmt.Sprintf("%.2f@5\t%s", s.Wanted5, met)
	}
	return "\t"
}

// notes are what one must know to read the figures.
const notes = `
Each query is made from one book, and only that one counts, also where others have
the same title or all the words. words@ is what a search would reach that knows
nothing but words: it puts first all books that the query fits, in any order. More
takes knowing what a title is; where it is low, no search does well. What is wanted is
wanted of the held-out half.
`
