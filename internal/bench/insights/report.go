package insights

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"bookstore/internal/bench/clients"
	"bookstore/internal/bench/sizes"
	"bookstore/internal/bench/targets"
)

// Report is what a run has found.
type Report struct {
	Searches int    `json:"searches"` // that the service had to catch up with
	Queries  int    `json:"queries"`  // that searches could be for, different ones
	Readers  int    `json:"readers"`
	Books    int    `json:"books"`
	Seed     uint64 `json:"seed"`
	CPUs     int    `json:"cpus"`

	WriteSeconds float64 `json:"write_seconds"` // of making the searches, and writing them to the log
	ValueBytes   int64   `json:"value_bytes"`   // of a record, on average

	CatchUp   CatchUp          `json:"catch_up"`
	Relations []sizes.Relation `json:"relations"` // of these read models, after catching up; the largest first

	Idle   []clients.Measurement `json:"idle"` // lookups by id, and questions beside them
	KeepUp KeepUp                `json:"keep_up"`
	During []clients.Measurement `json:"during"` // the same, while searches arrive

	Killed Killed          `json:"killed"`
	Ratios []targets.Ratio `json:"ratios"`
}

// What is wanted: searches a second, of those that have piled up and of the slowest read
// model; how far behind one may be, in seconds of arrivals; and the p99 of a question in
// times of that of a lookup by id.
const (
	targetCatchUp  = 10_000
	targetLag      = 1
	targetToLookup = 5
)

// conclude makes the ratios of what was measured.
func (r *Report) conclude() {
	add := func(ratio targets.Ratio) { r.Ratios = append(r.Ratios, ratio) }
	add(targets.AtLeast("searches a second applied by all read models beside each other, catching up", r.CatchUp.PerSecond, targetCatchUp))
	add(targets.AtLeast("searches a second that did arrive, as a share of those that were to", r.KeepUp.PerSecond/r.KeepUp.Wanted, 0.99))
	for _, lag := range r.KeepUp.Lags {
		add(targets.AtMost(lag.Projection+" behind at most, in seconds of arrivals", lag.MostSeconds, targetLag))
	}
	for _, asked := range []struct {
		when     string
		measured []clients.Measurement
	}{{"while nothing is written", r.Idle}, {"while searches arrive", r.During}} {
		for _, m := range asked.measured {
			if m.Name != lookup {
				add(targets.AtMost(fmt.Sprintf("p99 of %s to that of a %s, %s", m.Name, lookup, asked.when), m.ToLookup, targetToLookup))
			}
		}
	}
}

// Print writes the report for people.
func (r *Report) Print(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d searches for %d queries by %d readers, %d books, seed %d, %d CPUs\n", r.Searches, r.Queries, r.Readers, r.Books, r.Seed, r.CPUs)
	fmt.Fprintf(&b, "made and written to the log in %.1f s, %d bytes each and headers\n", r.WriteSeconds, r.ValueBytes)
	r.CatchUp.print(&b)
	b.WriteString("\nwhile nothing is written:\n")
	if err := clients.Print(&b, r.Idle); err != nil {
		return err
	}
	r.KeepUp.print(&b)
	if err := clients.Print(&b, r.During); err != nil {
		return err
	}
	r.Killed.print(&b)
	if err := r.printSizes(&b); err != nil {
		return err
	}
	b.WriteString("\n")
	if err := targets.Print(&b, r.Ratios); err != nil {
		return err
	}
	b.WriteString(notes)
	_, err := io.WriteString(to, b.String())
	return err
}

func (c *CatchUp) print(b *strings.Builder) {
	fmt.Fprintf(b, "\ncatching up with %d searches in %.1f s: %.0f a second by all read models beside each other\n", c.Searches, c.Seconds, c.PerSecond)
	for _, rate := range c.Each {
		fmt.Fprintf(b, "  %s: %.0f a second\n", rate.Projection, rate.PerSecond)
	}
}

func (k *KeepUp) print(b *strings.Builder) {
	fmt.Fprintf(b, "\nwhile %.0f searches a second arrive, of %.0f wanted, for %.1f s; all were applied %.2f s later:\n",
		k.PerSecond, k.Wanted, k.Seconds, k.CatchUpSeconds)
	for _, lag := range k.Lags {
		fmt.Fprintf(b, "  %s: behind %d searches at most, %.2f s of arrivals; in the end %d, %.2f s\n",
			lag.Projection, lag.Most, lag.MostSeconds, lag.AtEnd, lag.EndSeconds)
	}
}

func (k *Killed) print(b *strings.Builder) {
	fmt.Fprintf(b, "\nkilled %d times while it caught up with %d searches, when so many were left: %v\n", len(k.Left), k.Searches, k.Left)
	c := k.Counted
	fmt.Fprintf(b, "it has counted right all %d searches, those of each of %d queries and by each of %d readers, and %d pairs of query and reader\n",
		c.Searches, c.Queries, c.Readers, c.Pairs)
}

func (r *Report) printSizes(b *strings.Builder) error {
	b.WriteString("\non disk after catching up:\n")
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tMB\tbytes a search\t")
	var all int64
	line := func(name string, bytes int64) {
		const million = 1_000_000
		fmt.Fprintf(table, "%s\t%.1f\t%.0f\t\n", name, float64(bytes)/million, float64(bytes)/float64(r.Searches))
	}
	for _, rel := range r.Relations {
		kind := "table "
		if rel.Of != "" {
			kind = "index "
		}
		line(kind+rel.Name, rel.Bytes)
		all += rel.Bytes
	}
	line("all", all)
	return table.Flush()
}

// notes are what one must know to read the figures.
const notes = `
The service is a process of its own with its broker; it, PostgreSQL, those who ask and
what puts searches on the log share the machine. Searches are put there by the bench
and not by the service's API. Latency counts from when a request was due. What is
wanted is wanted of 1,000,000 searches and 10,000 a second on 2 CPUs. MB are 10^6 bytes.
`
