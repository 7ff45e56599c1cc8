package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"bookstore/internal/operations"
)

func newParkedRetryCommand(p *program, f *parkedFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry [ID]",
		Short: "Apply parked events once more",
		Long: `Apply parked events once more, as the code of today reads them: the one with the
ID, or those that the flags say, or all. All parked events of a book are tried in
their order, up to the first that fails.

The service does it within seconds. It exits with 1 if any of them is still parked
then.`,
		Example: `  bookstore parked retry 12
  bookstore parked retry --book 17
  bookstore parked retry --consumer catalog
  bookstore parked retry --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return oneID(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ask, err := f.retryOf(cmd, args)
			if err != nil {
				return err
			}
			c, err := p.client(cmd, f.address)
			if err != nil {
				return err
			}
			defer c.close()
			return p.settle(cmd.Context(), c, ask)
		},
	}
	f.selection(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "all that are parked")
	return cmd
}

// retryOf returns the call for what was asked: an id, a selection or all. Nothing
// at all is more likely forgotten than meant.
func (f *parkedFlags) retryOf(cmd *cobra.Command, args []string) (call, error) {
	selected := f.consumer != "" || cmd.Flags().Changed("book")
	ways := len(args)
	for _, way := range []bool{selected, f.all} {
		if way {
			ways++
		}
	}
	if ways != 1 {
		return call{}, usage(cmd, "say which: an ID, or --book or --consumer or both, or --all")
	}
	if err := f.check(cmd); err != nil {
		return call{}, err
	}
	retry := post(callTimeout, append(append([]string{"parked"}, args...), "retry")...)
	retry.query = f.which()
	return retry, nil
}

// settle makes a call that retries or discards, and says what became of it.
func (p *program) settle(ctx context.Context, c *client, call call) error {
	verb := call.path[len(call.path)-1]
	became, err := ask[operations.Asked](ctx, c, call)
	if err != nil {
		return fmt.Errorf("%s what is parked: %w", verb, err)
	}
	if became.Asked == 0 {
		fmt.Fprintln(p.stdout, "nothing like that is parked")
		return nil
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{became.Applied, "applied"},
		{became.Discarded, "discarded"},
		{became.Parked, "still parked"},
		{became.Waiting, "not looked at yet"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	fmt.Fprintf(p.stdout, "%s: %s\n", count(int64(became.Asked), "record", "records"), strings.Join(parts, ", "))
	for _, left := range became.Left {
		if !left.Waiting {
			fmt.Fprintf(p.stdout, "  %d: %s\n", left.ID, printable(left.Error))
		}
	}
	if became.Waiting > 0 {
		fmt.Fprintf(p.stderr, "the request is kept, and is followed when the processes that own these records come to it: see 'bookstore parked list'\n")
	}
	if became.Parked > 0 || became.Waiting > 0 {
		return errReported
	}
	return nil
}

func newParkedDiscardCommand(p *program, f *parkedFlags) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "discard ID",
		Short: "Give a parked event up for good",
		Long: `Give a parked event up: it is never applied, in no generation, also by no later
rebuild, and the events of its book that wait behind it are tried without it. There
is no way back. The log still has it.

On a terminal it asks first; elsewhere it needs --yes.`,
		Example: `  bookstore parked discard 12
  bookstore parked discard 12 --yes`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes && !isTerminal(p.stdin) {
				return usage(cmd, "this gives an event up for good: say --yes")
			}
			c, err := p.client(cmd, f.address)
			if err != nil {
				return err
			}
			defer c.close()
			if !yes {
				r, err := ask[operations.ParkedRecord](cmd.Context(), c, get(callTimeout, "parked", args[0]))
				if err != nil {
					return fmt.Errorf("show parked record %s: %w", args[0], err)
				}
				writeParked(p.stderr, r)
				if err := confirm(cmd.Context(), p.stdin, p.stderr, "give it up for good?"); err != nil {
					return err
				}
			}
			return p.settle(cmd.Context(), c, post(callTimeout, "parked", args[0], "discard"))
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

// errNotConfirmed says that the user thought better of it.
var errNotConfirmed = errors.New("nothing was done")

// confirm asks a question and fails unless the answer is yes.
func confirm(ctx context.Context, in io.Reader, out io.Writer, question string) error {
	fmt.Fprintf(out, "%s Type yes: ", question)
	answered := make(chan string, 1)
	go func() { // a terminal can't be read with a context; the program ends soon
		line, _ := bufio.NewReader(in).ReadString('\n') // what came before an error counts
		answered <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case line := <-answered:
		if line != "yes" {
			return errNotConfirmed
		}
		return nil
	}
}
