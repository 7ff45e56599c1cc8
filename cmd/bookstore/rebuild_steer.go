package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"bookstore/internal/projection/rebuild"
)

// steering is a word to the rebuild that is under way.
type steering struct {
	verb, short, long string
	done              string // completes "rebuild 7 of NAME ..."; %s is NAME
}

var steerings = [...]steering{
	{
		"pause", "Let a rebuild rest",
		"Let the rebuild under way rest where it is, until it is resumed or cancelled. It\nkeeps what it has built.",
		"comes to rest; 'bookstore rebuild resume %s' goes on",
	},
	{
		"resume", "Let a paused rebuild go on",
		"Let a rebuild that was paused go on from where it was.",
		"goes on; 'bookstore rebuild watch %s' shows it",
	},
	{
		"cancel", "Give a rebuild up, and its disk back",
		"Give up the rebuild under way. What it has built is dropped; the generation that\nanswers queries is not touched.",
		"is given up; 'bookstore rebuild watch %s' shows when it is gone",
	},
	{
		"accept", "Let a rebuild switch though rows differ",
		"Let a rebuild go on that has found differences between its rows and those of the\ngeneration that answers queries, since the new version means to differ.",
		"may switch; 'bookstore rebuild watch %s' shows when it has",
	},
}

func newSteerCommand(p *program, address *string, s steering) *cobra.Command {
	return &cobra.Command{
		Use:     s.verb + " NAME",
		Short:   s.short,
		Long:    s.long,
		Example: "  bookstore rebuild " + s.verb + " catalog",
		Args:    oneName,
		RunE: onLastRebuild(p, address, func(cmd *cobra.Command, o *operator, r rebuild.Rebuild) error {
			if !underWay(&r) {
				return fmt.Errorf("no rebuild of %s is under way: the last one, %d, %s at %s", r.Projection, r.ID, ended(r), moment(*r.FinishedAt))
			}
			if _, err := o.do(cmd.Context(), post(callTimeout, o.path(id(r), s.verb)...)); err != nil {
				return fmt.Errorf("%s rebuild %d of %s: %w", s.verb, r.ID, r.Projection, err)
			}
			fmt.Fprintf(p.stdout, "rebuild %d of %s "+s.done+"\n", r.ID, r.Projection, r.Projection)
			return nil
		}),
	}
}

// onLastRebuild runs a command that is about the rebuild under way, or else the last
// one, of the projection that it names.
func onLastRebuild(p *program, address *string, run func(*cobra.Command, *operator, rebuild.Rebuild) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		o, err := p.operator(cmd, *address, args[0], false)
		if err != nil {
			return err
		}
		defer o.close()
		r, err := o.last(cmd.Context())
		if err != nil {
			return err
		}
		return run(cmd, o, r)
	}
}

// underWay says whether there is a rebuild and it is not over.
func underWay(r *rebuild.Rebuild) bool { return r != nil && r.FinishedAt == nil }

// ended says how a rebuild ended.
func ended(r rebuild.Rebuild) string {
	switch r.Phase {
	case rebuild.Switched:
		return "has switched"
	case rebuild.Cancelled:
		return "was cancelled"
	default:
		return "failed"
	}
}

func newRebuildWatchCommand(p *program, address *string) *cobra.Command {
	return &cobra.Command{
		Use:   "watch NAME",
		Short: "Watch the rebuild that is under way",
		Long: `Watch the rebuild that is under way, or say how the last one ended. It starts none.
It prints and exits as 'bookstore rebuild' does.`,
		Example: `  bookstore rebuild watch catalog`,
		Args:    oneName,
		RunE: onLastRebuild(p, address, func(cmd *cobra.Command, o *operator, r rebuild.Rebuild) error {
			return o.watch(cmd.Context(), r)
		}),
	}
}

func newRebuildStatusCommand(p *program, address *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Say how far a rebuild is, once",
		Long: `Say how far the rebuild under way is, or how the last one ended, and what differs
between the generations if that was found. It exits with 0 whatever that is.`,
		Example: `  bookstore rebuild status catalog
  bookstore rebuild status catalog --json | jq .phase`,
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := p.operator(cmd, *address, args[0], asJSON)
			if err != nil {
				return err
			}
			defer o.close()
			r, err := o.last(cmd.Context())
			switch {
			case errors.Is(err, errNeverRebuilt) && !asJSON:
				fmt.Fprintf(p.stdout, "%s was never rebuilt\n", args[0])
				return nil
			case err != nil:
				return err
			case asJSON:
				return o.printJSON(cmd.Context(), get(callTimeout, o.path(id(r))...))
			}
			p.printStatus(r)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what the API says")
	return cmd
}

func (p *program) printStatus(r rebuild.Rebuild) {
	switch {
	case r.Phase == rebuild.Switched:
		writeSummary(p.stdout, r)
		return
	case r.FinishedAt != nil:
		fmt.Fprintln(p.stdout, printable(endedLine(r)))
		return
	}
	fmt.Fprintf(p.stdout, "rebuild %d of %s into generation %d, begun at %s, by %s\n",
		r.ID, r.Projection, r.Generation, moment(r.StartedAt), printable(ownerOf(r)))
	fmt.Fprintln(p.stdout, printable(rebuildSentence(r, inWords)))
	if waitsForOperator(r) {
		writeDifferences(p.stdout, r)
		return
	}
	rebuildHint(r.Projection, r, time.Now(), func(format string, args ...any) {
		fmt.Fprintln(p.stdout, printable(fmt.Sprintf(format, args...)))
	})
}

func ownerOf(r rebuild.Rebuild) string {
	if r.Owner == "" {
		return "nobody yet"
	}
	return r.Owner
}

func newRebuildDiffCommand(p *program, address *string) *cobra.Command {
	return &cobra.Command{
		Use:   "diff NAME",
		Short: "Print every row in which the new generation differs",
		Long: `Compare all rows of the generation that the last rebuild made, or is making, with
those of the one it replaces, and print each that differs as a line of JSON. The
service compares anew for this, which takes it a while. Exits with 0 whatever it
finds.`,
		Example: `  bookstore rebuild diff catalog | head
  bookstore rebuild diff catalog > diff.ndjson`,
		Args: oneName,
		RunE: onLastRebuild(p, address, func(cmd *cobra.Command, o *operator, r rebuild.Rebuild) error {
			lines, err := o.stream(cmd.Context(), get(silenceTimeout, o.path(id(r), "diff")...))
			if err != nil {
				return fmt.Errorf("diff of rebuild %d of %s: %w", r.ID, r.Projection, err)
			}
			defer lines.Close()
			readErr, writeErr := copyLines(p.stdout, lines)
			if readErr != nil {
				return fmt.Errorf("diff of rebuild %d of %s is not complete: %w", r.ID, r.Projection, o.explain(cmd.Context(), readErr))
			}
			return writeErr
		}),
	}
}

// copyLines copies lines of JSON and makes each safe for a terminal.
func copyLines(to io.Writer, from io.Reader) (readErr, writeErr error) {
	in, out := bufio.NewReader(from), bufio.NewWriter(to)
	for {
		line, err := in.ReadBytes('\n') // a row, whose size is a book's
		if len(line) > 0 {
			if _, writeErr = out.Write(jsonLine(line)); writeErr != nil {
				return nil, writeErr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil, out.Flush()
		}
		if err != nil {
			return err, out.Flush()
		}
	}
}
