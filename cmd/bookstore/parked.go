package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"bookstore/internal/operations"
)

// parkedFlags are those that say which records.
type parkedFlags struct {
	address   string
	consumer  string
	book      int64
	discarded bool
	all       bool
	json      bool
}

func newParkedCommand(p *program) *cobra.Command {
	var f parkedFlags
	cmd := &cobra.Command{
		Use:   "parked",
		Short: "Look after the events that could not be applied",
		Long: `Look after parked events and commands. A record that can't be decoded or applied is
parked, and so are the later ones of its book, in their order; everything else goes
on. Once the cause is gone, in the code or in the data, 'parked retry' applies them.`,
		Example: `  bookstore parked list
  bookstore parked show 12
  bookstore parked retry --book 17
  bookstore parked discard 12`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, "say what to do: list, show, retry or discard")
			}
			return usage(cmd, "there is no command 'parked %s'%s: give list, show, retry or discard", args[0], orSubcommand(cmd, args))
		},
	}
	addressFlag(cmd, &f.address)
	cmd.AddCommand(newParkedListCommand(p, &f), newParkedShowCommand(p, &f), newParkedRetryCommand(p, &f), newParkedDiscardCommand(p, &f))
	return cmd
}

// which returns what the flags ask for.
func (f *parkedFlags) which() url.Values {
	query := url.Values{}
	if f.consumer != "" {
		query.Set("consumer", f.consumer)
	}
	if f.book != 0 {
		query.Set("book", strconv.FormatInt(f.book, 10))
	}
	if f.discarded {
		query.Set("discarded", "true")
	}
	return query
}

// selection gives a command the flags that say which records.
func (f *parkedFlags) selection(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.consumer, "consumer", "", "those of this projection, or of commands, only")
	cmd.Flags().Int64Var(&f.book, "book", 0, "those of this book only")
}

func (f *parkedFlags) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("book") && f.book < 1 {
		return usage(cmd, "--book is %d: give the id of a book", f.book)
	}
	return nil
}

func newParkedListCommand(p *program, f *parkedFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List parked events and commands",
		Long: `List what is parked, in the order of parking: its id, for whom it is parked, its
place in the log, its book, and why. Those that are held are well themselves and
wait for an earlier one of their book.`,
		Example: `  bookstore parked list
  bookstore parked list --consumer catalog --book 17
  bookstore parked list --discarded --json | jq .error`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			c, err := p.client(cmd, f.address)
			if err != nil {
				return err
			}
			defer c.close()
			return p.listParked(cmd, c, f)
		},
	}
	f.selection(cmd)
	cmd.Flags().BoolVar(&f.discarded, "discarded", false, "those that were given up instead")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON lines")
	return cmd
}

// listParked prints page after page; all may be more than memory holds.
func (p *program) listParked(cmd *cobra.Command, c *client, f *parkedFlags) error {
	query := f.which()
	query.Set("limit", strconv.Itoa(operations.MaxLimit))
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for listed := 0; ; {
		look := get(callTimeout, "parked")
		look.query = query
		a, err := c.do(cmd.Context(), look)
		if err != nil {
			return fmt.Errorf("list what is parked: %w", err)
		}
		var page []json.RawMessage
		if err := json.Unmarshal(a.body, &page); err != nil {
			return c.notBookstore(a.status, err.Error())
		}
		for _, raw := range page {
			if f.json {
				_, _ = p.stdout.Write(jsonLine(raw))
				continue
			}
			var r operations.Parked
			if err := json.Unmarshal(raw, &r); err != nil {
				return c.notBookstore(a.status, err.Error())
			}
			if listed == 0 {
				fmt.Fprintln(table, "ID\tFOR\tGENERATION\tPLACE\tBOOK\tPARKED\tTRIES\tSTATE\tWHY")
			}
			listed++
			parkedRow(table, r)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		next, more := nextPage(a.header)
		switch {
		case more:
			query = next
		case listed == 0 && !f.json:
			fmt.Fprintln(p.stdout, "nothing "+nothingParked(f))
			return nil
		default:
			return nil
		}
	}
}

func nothingParked(f *parkedFlags) string {
	if f.discarded {
		return "was discarded"
	}
	return "is parked"
}

func parkedRow(out io.Writer, r operations.Parked) {
	book := "-"
	if r.Book != nil {
		book = strconv.FormatInt(*r.Book, 10)
	}
	fmt.Fprintf(out, "%d\t%s\t%d\t%d.%d\t%s\t%s\t%d\t%s\t%s\n", r.ID, printable(r.Consumer), r.Generation, r.Partition, r.Offset,
		book, moment(r.ParkedAt), r.Tries, printable(stateOf(r)), cut(printable(r.Error), 100))
}

func stateOf(r operations.Parked) string {
	switch {
	case r.DiscardedAt != nil:
		return "discarded"
	case r.Request != nil:
		return "asked to " + string(*r.Request)
	case r.Poison:
		return "poison"
	}
	return "held"
}

var nextLink = regexp.MustCompile(`<([^>]*)>\s*;[^,]*\brel="?next"?`)

// nextPage returns the query of the next page that a Link (RFC 8288) leads to.
func nextPage(header http.Header) (query url.Values, more bool) {
	for _, link := range header.Values("Link") {
		found := nextLink.FindStringSubmatch(link)
		if found == nil {
			continue
		}
		if to, err := url.Parse(found[1]); err == nil {
			return to.Query(), true
		}
	}
	return nil, false
}

func newParkedShowCommand(p *program, f *parkedFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Print a parked record whole",
		Long: `Print a parked record: why it is parked, and its headers, key and value as they lie
in the log. What is no text is printed in hexadecimal, and what a terminal would not
take for text is escaped.`,
		Example: `  bookstore parked show 12
  bookstore parked show 12 --json | jq .value`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(cmd, f.address)
			if err != nil {
				return err
			}
			defer c.close()
			a, err := c.do(cmd.Context(), get(callTimeout, "parked", args[0]))
			if err != nil {
				return fmt.Errorf("show parked record %s: %w", args[0], err)
			}
			if asJSON {
				_, err := p.stdout.Write(jsonLine(a.body))
				return err
			}
			var r operations.ParkedRecord
			if err := json.Unmarshal(a.body, &r); err != nil {
				return c.notBookstore(a.status, err.Error())
			}
			writeParked(p.stdout, r)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what the API says")
	return cmd
}

// oneID refuses anything but the id of one parked record.
func oneID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes the ID of one parked record, and got %d", cmd.Name(), len(args))
	}
	if n, err := strconv.ParseInt(args[0], 10, 64); err != nil || n < 1 {
		return fmt.Errorf("%q is no ID: give one that 'bookstore parked list' shows", args[0])
	}
	return nil
}

func writeParked(out io.Writer, r operations.ParkedRecord) {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(out, "%-10s %s\n", what, printable(fmt.Sprintf(format, args...)))
	}
	line("id", "%d", r.ID)
	line("for", "%s, generation %d", r.Consumer, r.Generation)
	line("place", "%s %d.%d, of %s", r.Topic, r.Partition, r.Offset, moment(r.RecordedAt))
	if r.Book != nil {
		line("book", "%d", *r.Book)
	}
	line("parked", "%s, tried %s, last at %s", moment(r.ParkedAt), count(int64(r.Tries), "time", "times"), moment(r.TriedAt))
	line("state", "%s", stateOf(r.Parked))
	line("why", "%s", r.Error)
	fmt.Fprintln(out, "headers")
	for _, h := range r.Headers {
		fmt.Fprintf(out, "  %s: %s\n", shortBytes(h.Key), shortBytes(h.Value))
	}
	fmt.Fprint(out, "key\n", block(r.Key))
	fmt.Fprint(out, "value\n", block(r.Value))
}

// shortBytes is a header's key or value on one line.
func shortBytes(b []byte) string {
	if utf8.Valid(b) {
		return printable(string(b))
	}
	return "hex " + hex.EncodeToString(b)
}

// block is a key or value as indented lines: text, JSON made readable, or what
// hexdump shows.
func block(b []byte) string {
	text := hex.Dump(b)
	switch {
	case b == nil:
		text = "(none)"
	case len(b) == 0:
		text = "(empty)"
	case json.Valid(b) && utf8.Valid(b):
		var pretty bytes.Buffer
		_ = json.Indent(&pretty, b, "", "  ") // it is valid
		text = pretty.String()
	case utf8.Valid(b):
		text = string(b)
	}
	var out strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		out.WriteString("  " + printable(line) + "\n")
	}
	return out.String()
}
