package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"bookstore/internal/verify"
)

func newVerifyCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the log with what the database says",
		Long: `Fold all events of the log, all searches and all openings of books, and compare
what comes of them with the tables that queries read, at the very position that
these have reached, and with the decisions of the write side. Print what was
counted and every difference.

Events that could not be applied are named as parked, book by book; otherwise
such a book is compared as it was before them. So are searches and openings, one
by one.

Searches and openings may be deleted from their topics when they are old. What was
counted of them then can't be compared any more: the report says so, and that is
no difference.

It writes nothing, and the service may go on meanwhile. It exits with 1 if there
is any difference, or anything is parked.`,
		Example: `  bookstore verify
  bookstore verify --json | jq 'select(.difference).difference'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			kafka, err := openLog(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			pool, err := openDatabase(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer pool.Close()

			var print findings = textFindings{p.stdout}
			if asJSON {
				print = jsonFindings{p.stdout}
			}
			topics := topicsOf(cfg)
			report, err := verify.Run(cmd.Context(), verify.Config{
				Pool: pool, Log: topicLog{kafka, topics.Events}, Differs: print.difference,
				Searches: topicLog{kafka, topics.Searches}, Opens: topicLog{kafka, topics.Opens},
			})
			if err != nil {
				return fmt.Errorf("verify: %w", err)
			}
			print.report(report)
			if !report.Equal() {
				return errReported
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, `print JSON lines: {"difference": ...} for each, {"report": ...} at the end`)
	return cmd
}

// findings prints what a verification finds.
type findings interface {
	difference(verify.Difference)
	report(verify.Report)
}

type textFindings struct{ out io.Writer }

func (f textFindings) difference(d verify.Difference) {
	about := d.Where
	if d.Book != 0 {
		about += fmt.Sprintf(", book %d", d.Book)
	}
	if d.Version != 0 {
		about += fmt.Sprintf(", version %d", d.Version)
	}
	for _, part := range []struct{ name, key string }{{"query", d.Query}, {"reader", d.Reader}, {"slot", d.Slot}} {
		if part.key != "" {
			about += ", " + part.name + " " + part.key
		}
	}
	if d.Form != "" {
		about += ", form " + quoted(d.Form)
	}
	if d.Field == verify.FieldParked {
		fmt.Fprintf(f.out, "PARKED %s: %s, %s\n", about, shortened(d.Log), shortened(d.Model))
		return
	}
	switch d.Where {
	case verify.InLog, verify.InSearches, verify.InOpens: // which differ from what they should be
		fmt.Fprintf(f.out, "DIFFERENCE %s: %s: %s\n", about, d.Field, printable(d.Log))
		return
	}
	fmt.Fprintf(f.out, "DIFFERENCE %s: %s: the log says %s, the database says %s\n", about, d.Field, quoted(d.Log), quoted(d.Model))
}

// quoted makes texts comparable at a glance.
func quoted(s string) string { return `"` + shortened(s) + `"` }

// shortened makes long texts bearable.
func shortened(s string) string {
	const most = 200
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return printable(s)
}

func (f textFindings) report(r verify.Report) {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s "+format+"\n", append([]any{what}, args...)...)
	}
	model := func(name, rows, records string, m verify.ReadModel) {
		where := fmt.Sprintf("generation %d at %s, %d %s behind", m.Generation, m.Position, m.Behind, records)
		if m.NotCompared != "" {
			line(name, "not compared, as %s; %s", m.NotCompared, where)
			return
		}
		line(name, "%d %s expected, %d found, %d differences; %s", m.Expected, rows, m.Found, m.Differences, where)
	}
	line("log", "%d events read, %d of them duplicates, %d rejections", r.Events, r.Duplicates, r.Rejections)
	line("searches", "%d read", r.Searches)
	line("opens", "%d read", r.Opens)
	model("catalog", "books", "events", r.Catalog)
	model("history", "entries", "events", r.History)
	model("served", "books", "searches", r.Served)
	model("opened", "books", "openings", r.Opened)
	model("trends", "rows", "searches", r.Trends)
	model("interests", "rows", "searches", r.Interests)
	line("decisions", "%d, of which %d wait to be published", r.Decisions, r.Unpublished)
	line("parked", "%d events of %d books, %d searches, %d openings", r.Parked.Events, r.Parked.Books, r.Parked.Searches, r.Parked.Opens)
	if r.Discarded > 0 {
		line("discarded", "%d records", r.Discarded)
	}
	line("differences", "%d", r.Differences)
	fmt.Fprint(f.out, b.String())
}

type jsonFindings struct{ out io.Writer }

func (f jsonFindings) difference(d verify.Difference) { f.line("difference", d) }

func (f jsonFindings) report(r verify.Report) { f.line("report", r) }

func (f jsonFindings) line(name string, value any) {
	line, err := json.Marshal(map[string]any{name: value})
	if err != nil { // numbers and texts only: cannot happen
		line = []byte(err.Error())
	}
	fmt.Fprintln(f.out, printableJSON(string(line)))
}
