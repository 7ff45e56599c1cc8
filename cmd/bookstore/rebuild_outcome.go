package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"bookstore/internal/compare"
	"bookstore/internal/projection/rebuild"
)

// outcome is the error that a rebuild ended with, if it did not switch; where it
// waits for the operator, that has been printed.
func outcome(r rebuild.Rebuild) error {
	switch {
	case r.Phase == rebuild.Switched:
		return nil
	case r.FinishedAt == nil:
		return errReported
	}
	return errors.New(endedLine(r))
}

// endedLine says how a rebuild ended that did not switch.
func endedLine(r rebuild.Rebuild) string {
	line := fmt.Sprintf("rebuild %d of %s %s", r.ID, r.Projection, ended(r))
	if r.Trouble != "" {
		line += ": " + r.Trouble
	}
	return line
}

// writeSummary says what a rebuild did that has switched.
func writeSummary(out io.Writer, r rebuild.Rebuild) {
	var took float64
	var phases []string
	for _, p := range r.Phases {
		took += p.Seconds
		phases = append(phases, phaseName(p.Phase)+" "+seconds(p.Seconds))
	}
	line := fmt.Sprintf("%s: generation %d answers queries: %s in %s", r.Projection, r.Generation, count(r.EventsDone, "event", "events"), seconds(took))
	if len(phases) > 0 {
		line += " (" + strings.Join(phases, ", ") + ")"
	}
	line += fmt.Sprintf(", %.0f a second", float64(r.EventsDone)/max(took, 1e-3))
	if v := r.Verification; v != nil {
		line += fmt.Sprintf(", %s verified", count(rowsOf(v), "row", "rows"))
		if v.Differences > 0 {
			line += fmt.Sprintf(" and %s accepted", count(v.Differences, "difference", "differences"))
		}
	}
	if r.Replaces != nil {
		line += fmt.Sprintf("; 'bookstore projections rollback %s' goes back to generation %d", r.Projection, *r.Replaces)
	}
	fmt.Fprintln(out, printable(line))
}

// rowsOf returns how many rows of the new generation were compared.
func rowsOf(report *compare.Report) (rows int64) {
	for _, t := range report.Tables {
		rows += t.NewRows
	}
	return rows
}

// writeDifferences says where the generations differ, and what to do.
func writeDifferences(out io.Writer, r rebuild.Rebuild) {
	replaced := "the one that answers queries"
	if r.Replaces != nil {
		replaced = fmt.Sprintf("generation %d", *r.Replaces)
	}
	fmt.Fprintf(out, "%s: generation %d differs from %s:\n", printable(r.Projection), r.Generation, replaced)
	if v := r.Verification; v != nil {
		for _, t := range v.Tables {
			writeTable(out, t)
		}
	}
	fmt.Fprintf(out, `'bookstore rebuild diff %s' prints every row
'bookstore rebuild accept %s' lets it switch all the same
'bookstore rebuild cancel %s' gives it up
`, r.Projection, r.Projection, r.Projection)
}

func writeTable(out io.Writer, t compare.Table) {
	line := func(format string, args ...any) {
		fmt.Fprintln(out, "  "+printable(fmt.Sprintf(format, args...)))
	}
	switch {
	case t.OnlyIn == compare.Active:
		line("%s: is gone, with its %s", t.Table, count(t.ActiveRows, "row", "rows"))
		return
	case t.KeyChanged:
		line("%s: has another key, so that its rows can't be matched: %d in the old generation, %d in the new", t.Table, t.ActiveRows, t.NewRows)
		return
	case t.Differences() == 0:
		line("%s: %s, all the same", t.Table, count(t.NewRows, "row", "rows"))
	default:
		line("%s: of %s %d differ, %d are missing in the new generation, %d are only there",
			t.Table, count(t.ActiveRows, "row", "rows"), t.Changed, t.OnlyActive, t.OnlyNew)
	}
	for _, f := range t.Fields {
		line("  %s differs in %s", f.Field, count(f.Rows, "row", "rows"))
	}
	columns := func(what string, names []string) {
		if len(names) > 0 {
			line("  columns %s: %s", what, strings.Join(names, ", "))
		}
	}
	columns("added", t.Added)
	columns("removed", t.Removed)
	columns("of another type", t.Retyped)
	for _, row := range t.Samples {
		line("  %s", sampleSentence(row))
	}
}

// sampleSentence says what is different about a row.
func sampleSentence(row compare.Row) string {
	var key []string
	for _, column := range slices.Sorted(maps.Keys(row.Key)) {
		key = append(key, column+" "+row.Key[column])
	}
	sentence := "for example " + strings.Join(key, ", ") + ": "
	switch row.Kind {
	case compare.OnlyActive:
		return sentence + "missing"
	case compare.OnlyNew:
		return sentence + "only there"
	default:
		var fields []string
		for _, f := range row.Fields {
			fields = append(fields, fmt.Sprintf("%s %s is now %s", f.Field, quotedOrNull(f.Active), quotedOrNull(f.New)))
		}
		return sentence + strings.Join(fields, ", ")
	}
}

func quotedOrNull(value *string) string {
	if value == nil {
		return "NULL"
	}
	return quoted(*value)
}
