package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"bookstore/internal/events"
	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
)

// projectionsTable returns the table, the rebuilds under way and the hints.
func projectionsTable(all []operations.Projection, now time.Time) []byte {
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROJECTION\tVERSION\tGENERATION\tPOSITION/HEAD\tBEHIND\tRATE\tPARKED\tSIZE")
	for _, p := range all {
		projectionRow(table, p)
		if len(p.Generations) > 1 {
			for _, g := range p.Generations {
				generationRow(table, g)
			}
		}
	}
	_ = table.Flush() // into memory

	for _, p := range all {
		if underWay(p.Rebuild) {
			fmt.Fprintf(&out, "\n%s: rebuild %d makes generation %d: %s\n",
				printable(p.Name), p.Rebuild.ID, p.Rebuild.Generation, printable(rebuildSentence(*p.Rebuild, inWords)))
		}
	}
	var hints []string
	for _, p := range all {
		for _, hint := range projectionHints(p, now) {
			hints = append(hints, printable(p.Name+": "+hint))
		}
	}
	if len(hints) > 0 {
		fmt.Fprintf(&out, "\n%s\n", strings.Join(hints, "\n"))
	}
	return out.Bytes()
}

// unknown is what the service can't tell at the moment: the log is away, or it has
// only just begun to look.
const unknown = "?"

func projectionRow(out io.Writer, p operations.Projection) {
	version, generation := p.Version, "none"
	if g := activeOf(p); g != nil {
		version, generation = g.Version, fmt.Sprintf("%d active", g.Generation)
	}
	var bytes int64
	for _, g := range p.Generations {
		bytes += g.Bytes
	}
	head, rate := unknown, unknown
	if p.Head != nil {
		head = strconv.FormatInt(sum(p.Head), 10)
	}
	if p.EventsPerSecond != nil {
		rate = fmt.Sprintf("%.0f/s", *p.EventsPerSecond)
	}
	fmt.Fprintf(out, "%s\t%d\t%s\t%d/%s\t%s\t%s\t%d\t%s\n", printable(p.Name), version, generation,
		sum(p.Position), head, behind(p), rate, p.Parked, byteSize(bytes))
}

func generationRow(out io.Writer, g operations.Generation) {
	state := g.State
	if g.State == "retired" && g.Attached {
		state = "kept for rollback"
	}
	fmt.Fprintf(out, "\t%d\t  %d %s\t\t\t\t%d\t%s\n", g.Version, g.Generation, printable(state), g.Parked, byteSize(g.Bytes))
}

func activeOf(p operations.Projection) *operations.Generation {
	for i, g := range p.Generations {
		if g.Generation == p.Active {
			return &p.Generations[i]
		}
	}
	return nil
}

func sum(offsets events.Offsets) (total int64) {
	for _, offset := range offsets {
		total += offset
	}
	return total
}

func behind(p operations.Projection) string {
	switch {
	case p.Behind == nil:
		return unknown
	case *p.Behind == 0:
		return "level"
	case p.BehindSeconds == nil:
		return count(*p.Behind, "event", "events")
	}
	return fmt.Sprintf("%s, %s", count(*p.Behind, "event", "events"), seconds(*p.BehindSeconds))
}

// unheardOf is how long the owner of a rebuild, who tells of itself each second,
// may say nothing before an operator is told. Clocks may differ by a part of it.
const unheardOf = 30 * time.Second

// projectionHints says in plain words what an operator should do, or may want to.
func projectionHints(p operations.Projection, now time.Time) (hints []string) {
	hint := func(format string, args ...any) { hints = append(hints, fmt.Sprintf(format, args...)) }
	active := activeOf(p)
	switch r := p.Rebuild; {
	case underWay(r):
		rebuildHint(p.Name, *r, now, hint)
	case r != nil && r.Phase == rebuild.Failed && r.Generation > p.Active:
		hint("the last rebuild failed: %s: run 'bookstore rebuild %s' to try again", r.Trouble, p.Name)
	case p.NeedsRebuild && active != nil:
		hint("the code has version %d, generation %d has version %d: run 'bookstore rebuild %s'", p.Version, active.Generation, active.Version, p.Name)
	case p.NeedsRebuild:
		hint("the code has version %d: run 'bookstore rebuild %s'", p.Version, p.Name)
	}
	if p.Parked > 0 {
		are := "are"
		if p.Parked == 1 {
			are = "is"
		}
		hint("%s %s parked: see 'bookstore parked list --consumer %s'", count(p.Parked, "event", "events"), are, p.Name)
	}
	for _, g := range p.Generations {
		if g.State == "retired" {
			hint("generation %d is kept: 'bookstore projections rollback %s' goes back to it, 'bookstore projections drop %s %d' frees %s",
				g.Generation, p.Name, p.Name, g.Generation, byteSize(g.Bytes))
		}
	}
	return hints
}

func rebuildHint(name string, r rebuild.Rebuild, now time.Time, hint func(string, ...any)) {
	switch {
	case waitsForOperator(r):
		hint("the new generation differs, and the rebuild waits: see 'bookstore rebuild status %s', then 'bookstore rebuild accept %s' or 'bookstore rebuild cancel %s'", name, name, name)
	case r.Paused:
		hint("the rebuild is paused: 'bookstore rebuild resume %s' goes on", name)
	}
	switch silent := now.Sub(r.ReportedAt); {
	case r.Owner == "":
		hint("nobody has taken the rebuild yet: that takes a process with the role that feeds %s", name)
	case silent > unheardOf:
		hint("nothing was heard of the rebuild for %s: it goes on when a process with the role that feeds %s runs", seconds(silent.Seconds()), name)
	}
	if r.Trouble != "" {
		hint("the rebuild can't get on: %s", r.Trouble)
	}
}
