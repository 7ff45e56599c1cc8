package search

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"bookstore/internal/bench/clients"
	"bookstore/internal/bench/sizes"
	"bookstore/internal/bench/targets"
)

// Names of the measurements that are of no single kind.
const (
	lookup       = "lookup by id"
	theMix       = "the mix"
	theMixDirect = "the mix, straight to PostgreSQL"

	whileIdle     = "searches while nothing is written"
	whileIndexing = "searches while new books arrive"
)

// Report is what a run has found.
type Report struct {
	Connections int             `json:"connections"`
	Seconds     float64         `json:"seconds"` // that each measurement took
	Seed        uint64          `json:"seed"`
	CPUs        int             `json:"cpus"`
	Sizes       []Size          `json:"sizes"` // the smallest first
	Ratios      []targets.Ratio `json:"ratios"`
}

// Size is what was found in a catalogue of one size.
type Size struct {
	Books        int     `json:"books"`
	WriteSeconds float64 `json:"write_seconds"` // of the log
	StartSeconds float64 `json:"start_seconds"` // of the service, from the log alone
	// DatabaseBytes and Relations are as the service built them, before anything was
	// written through it.
	DatabaseBytes int64            `json:"database_bytes"`
	Relations     []sizes.Relation `json:"relations"`

	Lookup clients.Measurement   `json:"lookup"`
	Kinds  []clients.Measurement `json:"kinds"`
	Mix    clients.Measurement   `json:"mix"`
	Direct clients.Measurement   `json:"direct"`
	Writes Writes                `json:"writes"`

	Indexing *Indexing `json:"indexing,omitempty"` // of the largest, where it was asked for
}

// What is wanted: of p99 in times of a lookup's, of the searches a second as a share
// of those without HTTP, and of p99 in the largest catalogue in times of that in the
// smallest; of p99 while new books arrive in times of that while nothing is written, of
// what is applied in that time as a share of what is to arrive (something always is on
// its way), and of a backlog's books a second.
const (
	targetMix      = 5
	targetKind     = 12
	targetDirect   = 0.6
	targetGrowth   = 3
	targetIndexing = 3
	targetApplied  = 0.99
	targetBacklog  = 5000
)

// conclude makes the ratios of what was measured. The targets are those of the
// largest catalogue.
func (r *Report) conclude() {
	for i := range r.Sizes {
		r.Sizes[i].compare()
	}
	smallest, largest := r.Sizes[0], r.Sizes[len(r.Sizes)-1]
	r.atMost(fmt.Sprintf("p99 of the mix to that of a lookup by id, %d books", largest.Books), largest.Mix.P99, largest.Lookup.P99, targetMix)
	if slowest, any := largest.slowest(); any {
		r.atMost(fmt.Sprintf("highest p99 of a kind (%s) to that of a lookup by id, %d books", slowest.Name, largest.Books),
			slowest.P99, largest.Lookup.P99, targetKind)
	}
	if direct := largest.Direct.PerSecond; direct > 0 {
		r.atLeast(fmt.Sprintf("searches a second of the mix to those straight to PostgreSQL, %d books", largest.Books),
			largest.Mix.PerSecond/direct, targetDirect)
	}
	if len(r.Sizes) > 1 {
		r.atMost(fmt.Sprintf("p99 of the mix, %d books to %d", largest.Books, smallest.Books), largest.Mix.P99, smallest.Mix.P99, targetGrowth)
	}
	if i := largest.Indexing; i != nil {
		r.atMost(fmt.Sprintf("p99 of searches while %g new books a second arrive to that while nothing is written, %d books", i.Wanted, largest.Books),
			i.During.P99, i.Idle.P99, targetIndexing)
		r.atLeast(fmt.Sprintf("new books applied meanwhile, as a share of %g a second", i.Wanted), i.PerSecond/i.Wanted, targetApplied)
		r.atLeast(fmt.Sprintf("new books a second applied of a backlog of %d", i.Backlog), i.BacklogPerSecond, targetBacklog)
	}
}

func (r *Report) atMost(name string, of, to, target float64) {
	if to > 0 {
		r.Ratios = append(r.Ratios, targets.AtMost(name, of/to, target))
	}
}

func (r *Report) atLeast(name string, value, target float64) {
	r.Ratios = append(r.Ratios, targets.AtLeast(name, value, target))
}

// compare puts all measurements beside the lookups of the same size.
func (s *Size) compare() {
	if s.Lookup.P99 == 0 {
		return
	}
	for i := range s.Kinds {
		s.Kinds[i].ToLookup = s.Kinds[i].P99 / s.Lookup.P99
	}
	s.Mix.ToLookup = s.Mix.P99 / s.Lookup.P99
	s.Direct.ToLookup = s.Direct.P99 / s.Lookup.P99
}

func (s *Size) slowest() (slowest clients.Measurement, any bool) {
	if len(s.Kinds) == 0 {
		return clients.Measurement{}, false
	}
	return slices.MaxFunc(s.Kinds, func(a, b clients.Measurement) int {
		switch {
		case a.P99 < b.P99:
			return -1
		case a.P99 > b.P99:
			return 1
		}
		return 0
	}), true
}

// Print writes the report for people.
func (r *Report) Print(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d connections, %g s each, seed %d, %d CPUs\n", r.Connections, r.Seconds, r.Seed, r.CPUs)
	for _, s := range r.Sizes {
		if err := s.print(&b); err != nil {
			return err
		}
	}
	b.WriteString("\n")
	if err := targets.Print(&b, r.Ratios); err != nil {
		return err
	}
	b.WriteString(notes)
	_, err := io.WriteString(to, b.String())
	return err
}

func (s *Size) print(b *strings.Builder) error {
	fmt.Fprintf(b, "\n%d books: log written in %.1f s, service started on it in %.1f s\n", s.Books, s.WriteSeconds, s.StartSeconds)
	fmt.Fprintf(b, "beside it %.0f writes a second of %.0f wanted, %d failed\n", s.Writes.PerSecond, s.Writes.Wanted, s.Writes.Failed)
	if s.Writes.FirstFailure != "" {
		fmt.Fprintf(b, "first failed write: %s\n", strings.TrimSpace(s.Writes.FirstFailure))
	}
	b.WriteString("\n")
	measured := slices.Concat([]clients.Measurement{s.Lookup}, s.Kinds, []clients.Measurement{s.Mix, s.Direct})
	if s.Indexing != nil {
		measured = append(measured, s.Indexing.Idle, s.Indexing.During)
	}
	if err := clients.Print(b, measured); err != nil {
		return err
	}
	if s.Indexing != nil {
		s.Indexing.print(b)
	}
	b.WriteString("\n")
	return s.printSizes(b)
}

func (i *Indexing) print(b *strings.Builder) {
	fmt.Fprintf(b, "\nnew books arriving, %g a second wanted: %.0f a second applied meanwhile, %d still to apply at the end, which took %.2f s\n",
		i.Wanted, i.PerSecond, i.Behind, i.CatchUpSeconds)
	fmt.Fprintf(b, "a backlog of %d new books, with no searches: %.0f a second applied\n", i.Backlog, i.BacklogPerSecond)
}

// printSizes prints what the database is made of, as far as it is worth a line.
func (s *Size) printSizes(b *strings.Builder) error {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tMB\tMB per 1M books\t")
	s.printBytes(table, "database", s.DatabaseBytes)
	for _, rel := range s.Relations {
		const worthALine = 100 // parts of the database
		if rel.Bytes*worthALine < s.DatabaseBytes {
			break // the largest come first
		}
		name := "table " + rel.Name
		if rel.Of != "" {
			name = "index " + rel.Name
		}
		s.printBytes(table, name, rel.Bytes)
	}
	return table.Flush()
}

func (s *Size) printBytes(table io.Writer, name string, n int64) {
	const million = 1_000_000
	fmt.Fprintf(table, "%s\t%.1f\t%.0f\t\n", name, float64(n)/million, float64(n)/float64(s.Books))
}

// notes are what one must know to read the figures.
const notes = `
Each client sends its next request when it has read the last answer. Clients, service
and PostgreSQL share the machine, and clients the service's process. Straight to
PostgreSQL is the read side's own search on a pool of as many connections, without
HTTP and without the spool of searches. Failed are answers other than 200, and in
straight searches those given up for their time limit; their latencies count.

Searches while nothing is written and while new books arrive are the mix at a fixed
rate: their latency counts from when they were due. New books are events on the
service's log, and applied once the catalog and the history have them.

What is wanted is wanted at 1,000,000 books on 2 CPUs with 16 connections, and of
growth from 10,000 books on. MB are 10^6 bytes.
`
