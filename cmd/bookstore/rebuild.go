package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
)

// rebuildFlags are those of the command.
type rebuildFlags struct {
	address     string
	dryRun      bool
	maxSlowdown float64
	acceptDiff  bool
	detach      bool
	json        bool
}

func newRebuildCommand(p *program) *cobra.Command {
	var f rebuildFlags
	cmd := &cobra.Command{
		Use:   "rebuild NAME",
		Short: "Build a read model anew from the log, while the old one answers",
		Long: `Build a new generation of a projection from the whole log, compare it with the one
that answers queries, and put it in its place. Queries go on meanwhile and see one
or the other, never a part of it. The old one is kept for 'bookstore projections
rollback'. If a rebuild of NAME is under way already, this joins in watching it.

The service does the work. Ctrl-C ends the watching only; 'bookstore rebuild watch'
takes it up again. A service that is killed goes on from where it was.

Where rows of the new generation differ from the old one's, it stops and says
which fields in how many rows, until 'bookstore rebuild accept' or 'cancel'.

It exits with 1 if the rebuild failed, was cancelled, waits for an answer, or is
not watched to its end; with --detach or --dry-run, if it can't begin.`,
		Example: `  bookstore rebuild catalog --dry-run
  bookstore rebuild catalog
  bookstore rebuild catalog --max-query-slowdown 1.5 --detach
  bookstore rebuild pause catalog
  bookstore rebuild diff catalog | jq .`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("rebuild takes the NAME of one projection%s, and got %d", orSubcommand(cmd, args), len(args))
			}
			return oneName(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			o, err := p.operator(cmd, f.address, args[0], f.json)
			if err != nil {
				return err
			}
			defer o.close()
			if f.dryRun {
				return o.estimate(cmd.Context())
			}
			return o.rebuild(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say how many events, how long, and how much disk")
	flags.Float64Var(&f.maxSlowdown, "max-query-slowdown", 0, "give way to queries: their p99 stays under so many times what it was, such as 1.5")
	flags.BoolVar(&f.acceptDiff, "accept-diff", false, "switch also if rows differ from the old generation's")
	flags.BoolVar(&f.detach, "detach", false, "start it and don't watch")
	flags.BoolVar(&f.json, "json", false, "print the estimate, or the rebuild in the end, as the API says it")
	addressFlag(cmd, &f.address)
	for _, s := range steerings {
		cmd.AddCommand(newSteerCommand(p, &f.address, s))
	}
	cmd.AddCommand(
		newRebuildWatchCommand(p, &f.address),
		newRebuildStatusCommand(p, &f.address),
		newRebuildDiffCommand(p, &f.address),
	)
	return cmd
}

func (f rebuildFlags) check(cmd *cobra.Command) error {
	most := f.maxSlowdown
	if cmd.Flags().Changed("max-query-slowdown") && (most <= 1 || math.IsNaN(most) || math.IsInf(most, 0)) {
		return usage(cmd, "--max-query-slowdown is %v: give more than 1, such as 1.5", most)
	}
	return nil
}

// operator is somebody who looks after the rebuilds of one projection.
type operator struct {
	*client
	program    *program
	projection string
	json       bool
}

func (p *program) operator(cmd *cobra.Command, address, projection string, asJSON bool) (*operator, error) {
	c, err := p.client(cmd, address)
	if err != nil {
		return nil, err
	}
	return &operator{c, p, projection, asJSON}, nil
}

// path returns where the rebuilds are, or what is below them.
func (o *operator) path(below ...string) []string {
	return append([]string{"projections", o.projection, "rebuilds"}, below...)
}

// printJSON prints a call's answer as it is.
func (o *operator) printJSON(ctx context.Context, call call) error {
	a, err := o.do(ctx, call)
	if err != nil {
		return err
	}
	_, err = o.program.stdout.Write(jsonLine(a.body))
	return err
}

func (o *operator) estimate(ctx context.Context) error {
	look := get(slowTimeout, o.path("estimate")...)
	if o.json {
		return o.printJSON(ctx, look)
	}
	e, err := ask[rebuild.Estimate](ctx, o.client, look)
	if err != nil {
		return fmt.Errorf("estimate a rebuild of %s: %w", o.projection, err)
	}
	took := "for how long is not known"
	if e.Seconds != nil && e.EventsPerSecond != nil {
		took = fmt.Sprintf("about %s at %.0f a second", seconds(*e.Seconds), *e.EventsPerSecond)
	}
	fmt.Fprintf(o.program.stdout, "%s: %s, %s, %s of disk beside what is there\n",
		o.projection, count(e.Events, "event", "events"), took, byteSize(e.Bytes))
	if e.Basis != "" {
		fmt.Fprintln(o.program.stdout, printable(e.Basis))
	}
	return nil
}

// rebuild starts one, or joins the one under way, and watches it.
func (o *operator) rebuild(ctx context.Context, f rebuildFlags) error {
	start := post(callTimeout, o.path()...)
	request := rebuild.Request{AcceptDiff: f.acceptDiff}
	if f.maxSlowdown > 1 {
		request.MaxQuerySlowdown = &f.maxSlowdown
	}
	start.body = request
	r, err := ask[rebuild.Rebuild](ctx, o.client, start)
	said := "rebuild %d of %s into generation %d has begun\n"
	if refusedAs(err, http.StatusConflict) {
		said = "rebuild %d of %s into generation %d is under way already, with the flags that it was started with\n"
		if joined, lookErr := o.last(ctx); lookErr == nil && joined.FinishedAt == nil {
			r, err = joined, nil
		}
	}
	if err != nil {
		return fmt.Errorf("rebuild %s: %w", o.projection, err)
	}
	fmt.Fprintf(o.program.stderr, said, r.ID, o.projection, r.Generation)
	if !f.detach {
		return o.watch(ctx, r)
	}
	if o.json {
		return o.printJSON(ctx, get(callTimeout, o.path(id(r))...))
	}
	fmt.Fprintf(o.program.stdout, "'bookstore rebuild watch %s' shows how far it is\n", o.projection)
	return nil
}

func id(r rebuild.Rebuild) string { return strconv.FormatInt(r.ID, 10) }

// last returns the rebuild under way, else the last one. It fails with
// errNeverRebuilt where there was none.
func (o *operator) last(ctx context.Context) (rebuild.Rebuild, error) {
	p, err := ask[operations.Projection](ctx, o.client, get(callTimeout, "projections", o.projection))
	if err == nil && p.Rebuild == nil {
		err = errNeverRebuilt
	}
	if err != nil {
		return rebuild.Rebuild{}, fmt.Errorf("look for a rebuild of %s: %w", o.projection, err)
	}
	return *p.Rebuild, nil
}

// errNeverRebuilt says that there is no rebuild to speak of.
var errNeverRebuilt = errors.New("there was none yet")
