package throughput

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"bookstore/internal/bench/targets"
)

// Names of the measurements, as the report has them. Spread is over several
// partitions.
const (
	NaiveOne        = "naive, one partition"
	NaiveSpread     = "naive, spread"
	LiveOne         = "live, one partition"
	LiveLimitOne    = "limit of live, one partition"
	LiveSpread      = "live, spread"
	LiveLimitSpread = "limit of live, spread"
	RebuildAll      = "rebuild"
	CopyOneByOne    = "limit of rebuild"
	CopyAtOnce      = "limit of rebuild, indexes at once"
	LiveTenth       = "live, a tenth of the events"
	RebuildTenth    = "rebuild, a tenth of the events"
)

// Report is what a run has found.
type Report struct {
	Events       int             `json:"events"`
	Partitions   int             `json:"partitions"` // where spread
	CPUs         int             `json:"cpus"`
	PostgreSQL   string          `json:"postgresql"`
	Measurements []Measurement   `json:"measurements"` // in the order in which they were made
	Ratios       []targets.Ratio `json:"ratios"`
}

// Measurement is one line of the report.
type Measurement struct {
	Name       string  `json:"name"`
	Partitions int     `json:"partitions"`
	Events     int     `json:"events"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"events_per_second"`
	Steps      []Step  `json:"steps,omitempty"`
	Memory
	// Of the live engine and its limit.
	Connections int `json:"connections,omitempty"`
	Batches     int `json:"batches,omitempty"`
	MedianBatch int `json:"median_batch,omitempty"`
}

func (r *Report) add(name string, t Task, o Outcome) {
	m := Measurement{
		Name: name, Partitions: t.Partitions, Events: o.Events,
		Seconds: o.Seconds, Rate: o.Rate(), Steps: o.Steps, Memory: o.Memory, Connections: o.Connections,
	}
	if sizes := slices.Sorted(slices.Values(o.Batches)); len(sizes) > 0 {
		m.Batches, m.MedianBatch = len(sizes), sizes[len(sizes)/2]
	}
	r.Measurements = append(r.Measurements, m)
}

// find returns a measurement by name.
func (r *Report) find(name string) (Measurement, bool) {
	i := slices.IndexFunc(r.Measurements, func(m Measurement) bool { return m.Name == name })
	if i < 0 {
		return Measurement{}, false
	}
	return r.Measurements[i], true
}

// What is wanted: times the naive way, the share of what PostgreSQL allows, the
// time of a rebuild beside what PostgreSQL needs, and the growth of memory with ten
// times the events.
const (
	targetNaiveOne    = 20
	targetNaiveSpread = 5
	targetLiveLimit   = 0.7
	targetRebuild     = 1.4
	targetMemory      = 1.5
)

// conclude makes the ratios of what was measured.
func (r *Report) conclude() {
	rate := func(m Measurement) float64 { return m.Rate }
	seconds := func(m Measurement) float64 { return m.Seconds }
	memory := func(m Measurement) float64 { return float64(m.PeakRSS) }
	for _, q := range []struct {
		name   string
		of, to string
		by     func(Measurement) float64
		target float64
		atMost bool
	}{
		{"live to naive, events a second, one partition", LiveOne, NaiveOne, rate, targetNaiveOne, false},
		{"live to naive, events a second, spread", LiveSpread, NaiveSpread, rate, targetNaiveSpread, false},
		{"live to its limit, events a second, one partition", LiveOne, LiveLimitOne, rate, targetLiveLimit, false},
		{"live to its limit, events a second, spread", LiveSpread, LiveLimitSpread, rate, targetLiveLimit, false},
		{"rebuild to its limit, seconds", RebuildAll, CopyOneByOne, seconds, targetRebuild, true},
		{"peak memory of live, all events to a tenth", LiveSpread, LiveTenth, memory, targetMemory, true},
		{"peak memory of a rebuild, all events to a tenth", RebuildAll, RebuildTenth, memory, targetMemory, true},
	} {
		of, there := r.find(q.of)
		to, both := r.find(q.to)
		if !there || !both || q.by(to) == 0 {
			continue
		}
		value := q.by(of) / q.by(to)
		met := value >= q.target
		if q.atMost {
			met = value <= q.target
		}
		r.Ratios = append(r.Ratios, targets.Ratio{Name: q.name, Value: value, Target: q.target, AtMost: q.atMost, Met: met})
	}
}

// Print writes the report for people.
func (r *Report) Print(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events; spread is over %d partitions; %d CPUs; PostgreSQL %s\n\n", r.Events, r.Partitions, r.CPUs, r.PostgreSQL)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tevents\tseconds\tevents/s\tpeak RSS\tpeak heap\tbatches\tmedian\tconnections\t")
	for _, m := range r.Measurements {
		fmt.Fprintf(table, "%s\t%d\t%.2f\t%.0f\t%s\t%s\t%s\t%s\t%s\t\n", m.Name, m.Events, m.Seconds, m.Rate,
			megabytes(m.PeakRSS), megabytes(m.PeakHeap), some(m.Batches), some(m.MedianBatch), some(m.Connections))
		for _, step := range m.Steps {
			fmt.Fprintf(table, "of that %s\t\t%.2f\t\t\t\t\t\t\t\n", step.Name, step.Seconds)
		}
	}
	fmt.Fprintln(table, "\t\t\t\t\t\t\t\t\t")
	if err := table.Flush(); err != nil {
		return err
	}
	if err := targets.Print(&b, r.Ratios); err != nil {
		return err
	}
	b.WriteString(notes)
	_, err := io.WriteString(to, b.String())
	return err
}

// notes are what one must know to read the figures.
const notes = `
Seconds are from the first event's arrival to the last commit. The naive way gets
events from the middle of the history, on tables that hold what came before, which
are as large as they are on average; its commits wait for the disk, the others'
don't. A limit of live writes what the live engine wrote: new rows, changed ones,
deletions. Each way ran in a process of its own, after a CHECKPOINT, and all came
to the same rows.
`

func megabytes(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f MB", float64(n)/(1<<20))
}

// some is a number, or nothing where there is none.
func some(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
