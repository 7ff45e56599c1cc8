package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"bookstore/internal/operations"
)

// projectionsFlags are those of the command.
type projectionsFlags struct {
	address string
	watch   bool
	json    bool
}

func newProjectionsCommand(p *program) *cobra.Command {
	var f projectionsFlags
	cmd := &cobra.Command{
		Use:   "projections [NAME]",
		Short: "Show the read models and how far each is",
		Long: `Show each projection, or the one that is named: the generation that answers
queries, its position in the log and the log's end (sums over all partitions), how
far it is behind, how fast it is, its parked events and its size on disk. Below it
its generations, if there are several, and the rebuild that is under way. What
needs an operator is said at the end, with the command that helps.`,
		Example: `  bookstore projections
  bookstore projections catalog --watch
  bookstore projections --json | jq '.[] | {name, behind}'
  bookstore projections rollback catalog`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("projections takes the NAME of one%s, and got %d", orSubcommand(cmd, args), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(cmd, f.address)
			if err != nil {
				return err
			}
			defer c.close()
			look := get(callTimeout, append([]string{"projections"}, args...)...)
			if f.watch {
				return p.watchProjections(cmd.Context(), c, look, f.json)
			}
			shown, err := projectionsText(cmd.Context(), c, look, f.json)
			if err != nil {
				return err
			}
			_, err = p.stdout.Write(shown)
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.watch, "watch", "w", false, "show it anew every second, until Ctrl-C")
	flags.BoolVar(&f.json, "json", false, "print what the API says; with --watch, a line each time")
	addressFlag(cmd, &f.address)
	cmd.AddCommand(newRollbackCommand(p, &f.address), newDropCommand(p, &f.address))
	return cmd
}

// orSubcommand adds to a complaint what may have been meant by the first of args.
func orSubcommand(cmd *cobra.Command, args []string) string {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Sprintf(" (did you mean '%s %s'?)", cmd.CommandPath(), near[0])
	}
	return ""
}

// projectionsText asks for all projections, or one, and returns what to print.
func projectionsText(ctx context.Context, c *client, look call, asJSON bool) ([]byte, error) {
	a, err := c.do(ctx, look)
	if err != nil {
		return nil, err
	}
	if asJSON {
		return jsonLine(a.body), nil
	}
	var all []operations.Projection
	if len(look.path) > 1 { // a single one
		all = make([]operations.Projection, 1)
		err = json.Unmarshal(a.body, &all[0])
	} else {
		err = json.Unmarshal(a.body, &all)
	}
	if err != nil {
		return nil, c.notBookstore(a.status, err.Error())
	}
	return projectionsTable(all, time.Now()), nil
}

// jsonLine is JSON of the service as one line that is safe for a terminal.
func jsonLine(body []byte) []byte {
	var line bytes.Buffer
	if json.Compact(&line, body) != nil {
		line.Write(body)
	}
	return []byte(printableJSON(line.String()) + "\n")
}

// watchProjections shows them until ctx ends, also while the service is away:
// that it comes back is what somebody may be watching for.
func (p *program) watchProjections(ctx context.Context, c *client, look call, asJSON bool) error {
	screen := newScreen(p.stdout)
	defer screen.close()
	ticker := time.NewTicker(screen.interval())
	defer ticker.Stop()
	for {
		shown, err := projectionsText(ctx, c, look, asJSON)
		switch {
		case ctx.Err() != nil:
			return nil // to stop is how watching ends
		case err == nil:
			screen.show(shown)
		case passing(err):
			screen.trouble(p.stderr, err)
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func newRollbackCommand(p *program, address *string) *cobra.Command {
	return &cobra.Command{
		Use:   "rollback NAME",
		Short: "Let the generation before the present one answer queries again",
		Long: `Let the generation that a rebuild has replaced answer queries again. It was fed all
the time, so it is as recent as the present one, which is kept in its turn: run
again, this goes forward.`,
		Example: `  bookstore projections rollback catalog`,
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(cmd, *address)
			if err != nil {
				return err
			}
			defer c.close()
			now, err := ask[operations.Projection](cmd.Context(), c, post(slowTimeout, "projections", args[0], "rollback"))
			if err != nil {
				return fmt.Errorf("rollback of %s: %w", args[0], err)
			}
			fmt.Fprintf(p.stdout, "%s: generation %d answers queries now\n", now.Name, now.Active)
			return nil
		},
	}
}

func newDropCommand(p *program, address *string) *cobra.Command {
	return &cobra.Command{
		Use:   "drop NAME GENERATION",
		Short: "Drop a generation that answers no queries, for its disk",
		Long: `Drop a generation and give its disk back. There is no rollback to it afterwards.
The one that answers queries and one that is being built can't be dropped; the
latter goes by 'bookstore rebuild cancel'.`,
		Example: `  bookstore projections drop catalog 1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] == "" {
				return fmt.Errorf("drop takes the NAME of a projection and the number of a GENERATION, and got %d arguments", len(args))
			}
			if n, err := strconv.ParseInt(args[1], 10, 64); err != nil || n < 1 {
				return fmt.Errorf("%q is no generation: give its number, as 'bookstore projections %s' shows it", args[1], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(cmd, *address)
			if err != nil {
				return err
			}
			defer c.close()
			drop := call{method: http.MethodDelete, path: []string{"projections", args[0], "generations", args[1]}, timeout: slowTimeout}
			if _, err := c.do(cmd.Context(), drop); err != nil {
				return fmt.Errorf("drop generation %s of %s: %w", args[1], args[0], err)
			}
			fmt.Fprintf(p.stdout, "%s: generation %s is gone\n", args[0], args[1])
			return nil
		},
	}
}

// oneName refuses anything but the name of one projection.
func oneName(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) != 1:
		return fmt.Errorf("%s takes the NAME of one projection, and got %d", cmd.Name(), len(args))
	case args[0] == "":
		return errors.New("the NAME of the projection is empty")
	}
	return nil
}
