package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"bookstore/internal/projection/rebuild"
)

const (
	// lookInterval is the time between two looks at a rebuild, whose owner tells of
	// itself once a second.
	lookInterval = 500 * time.Millisecond
	// awayPatience is how long a service may be away before its rebuild is no longer
	// watched: longer than one takes to start anew.
	awayPatience = 2 * time.Minute
)

// watch shows a rebuild until it is over, or waits for the operator, and says how
// that came out.
func (o *operator) watch(ctx context.Context, r rebuild.Rebuild) error {
	r, err := o.follow(ctx, r)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(o.program.stderr, "watching stopped; the service goes on with the rebuild: 'bookstore rebuild watch %s' shows it again, 'bookstore rebuild cancel %s' ends it\n", o.projection, o.projection)
		return errReported
	case err != nil:
		return fmt.Errorf("rebuild %d of %s is no longer watched, and goes on when the service is there: %w", r.ID, o.projection, err)
	case o.json:
		if err := o.printJSON(ctx, get(callTimeout, o.path(id(r))...)); err != nil {
			return err
		}
	case r.Phase == rebuild.Switched:
		writeSummary(o.program.stdout, r)
	case r.FinishedAt == nil:
		writeDifferences(o.program.stdout, r)
	}
	return outcome(r)
}

// follow shows a rebuild until there is nothing more to see, and returns it as it
// is then.
func (o *operator) follow(ctx context.Context, r rebuild.Rebuild) (rebuild.Rebuild, error) {
	show := newRebuildProgress(o.program.stderr)
	defer show.clear()
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for answered := time.Now(); ; {
		show.state(r)
		if r.FinishedAt != nil || waitsForOperator(r) {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-ticker.C:
		}
		next, err := ask[rebuild.Rebuild](ctx, o.client, get(callTimeout, o.path(id(r))...))
		switch {
		case err == nil:
			r, answered = next, time.Now()
		case !passing(err) || time.Since(answered) > awayPatience:
			return r, err
		default:
			show.away(err)
		}
	}
}

// waitsForOperator says whether a rebuild goes no further until somebody decides.
// It may have been told already what to do and not have seen it yet.
func waitsForOperator(r rebuild.Rebuild) bool {
	return r.Phase == rebuild.Differs && !r.AcceptDiff && r.Wish != rebuild.Cancel
}

// rebuildProgress shows on standard error how far a rebuild is: with a bar for
// each phase on a terminal, with a line every now and then elsewhere.
type rebuildProgress struct {
	out      io.Writer
	terminal bool

	bar     *progressbar.ProgressBar // of the phase; nil where there is no terminal
	spins   bool                     // the bar is one of unknown length
	phase   rebuild.Phase            // that was shown last
	ended   int                      // phases that were said to be over
	shownAt time.Time                // when a line was last printed
	awayAt  time.Time                // when the service was last said to be away
}

func newRebuildProgress(out io.Writer) *rebuildProgress {
	return &rebuildProgress{out: out, terminal: isTerminal(out), ended: -1}
}

// barLength is of a phase that is complete; the bar is a bit longer, so that it
// never takes itself for full and ends its line.
const barLength = 1000

func (p *rebuildProgress) state(r rebuild.Rebuild) {
	p.phasesOver(r)
	if r.FinishedAt != nil {
		return
	}
	if !p.terminal {
		if r.Phase != p.phase || time.Since(p.shownAt) >= lineInterval {
			p.phase, p.shownAt = r.Phase, time.Now()
			fmt.Fprintln(p.out, printable(rebuildSentence(r, inWords)))
		}
		return
	}
	share, known := shareOf(r)
	if p.bar == nil || p.phase != r.Phase || p.spins == known {
		p.clear()
		p.phase, p.spins = r.Phase, !known
		p.bar = newPhaseBar(p.out, known)
	}
	if known {
		_ = p.bar.Set64(int64(share * barLength)) // fails above the bar's length only
	}
	const bar = len(" 100% |          |  ")
	p.bar.Describe(cut(printable(rebuildSentence(r, besideBar)), terminalWidth(p.out)-bar))
}

// phasesOver prints a line for each phase that has ended since the last call. At
// the first call that is none: who joins late is not told old news.
func (p *rebuildProgress) phasesOver(r rebuild.Rebuild) {
	if p.ended >= 0 && len(r.Phases) > p.ended {
		p.clear()
		for _, over := range r.Phases[p.ended:] {
			fmt.Fprintf(p.out, "%s took %s\n", phaseName(over.Phase), seconds(over.Seconds))
		}
	}
	p.ended = len(r.Phases)
}

// away says, every few seconds at most, that the service doesn't answer.
func (p *rebuildProgress) away(why error) {
	if time.Since(p.awayAt) < warnInterval {
		return
	}
	p.awayAt = time.Now()
	p.clear()
	fmt.Fprintln(p.out, printable(fmt.Sprintf("trying for up to %s: %v", awayPatience, why)))
}

func (p *rebuildProgress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}

func newPhaseBar(out io.Writer, known bool) *progressbar.ProgressBar {
	length := int64(barLength + 1)
	if !known {
		length = -1 // a spinner
	}
	return progressbar.NewOptions64(length,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetPredictTime(false), // the service knows better
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0), // it has no goroutine of its own then
	)
}

func terminalWidth(out io.Writer) int {
	const usual = 80
	if file, isFile := out.(*os.File); isFile {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return usual
}

// cut leaves the beginning of a text: a bar that needs two lines can't be cleared.
func cut(s string, most int) string {
	if runes := []rune(s); len(runes) > max(most, 1) {
		return string(runes[:max(most, 1)-1]) + "…"
	}
	return s
}

// wording is how a rebuild's numbers are put: in words, or beside a bar, which
// shows the share itself and has one line in all.
type wording struct {
	events, share, rate, slowdown, givenWay string
}

// The wordings.
var (
	inWords   = wording{"%d of %d events", "%.0f %%", "%.0f a second", "queries' p99 %.1f ms of at most %.1f ms", "has given way for %s"}
	besideBar = wording{"%d/%d", "", "%.0f/s", "p99 %.1f/%.1f ms", "gave way %s"}
)

// rebuildSentence says how far a rebuild is.
func rebuildSentence(r rebuild.Rebuild, w wording) string {
	parts := []string{phaseName(r.Phase)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.Detail != "" {
		add("%s", r.Detail)
	}
	if r.EventsTotal > 0 && (r.Phase == rebuild.Copying || r.Phase == rebuild.CatchingUp) {
		add(w.events, r.EventsDone, r.EventsTotal)
	}
	if share, known := shareOf(r); known && w.share != "" {
		add(w.share, 100*share)
	}
	if r.EventsPerSecond != nil {
		add(w.rate, *r.EventsPerSecond)
	}
	if r.SecondsLeft != nil {
		add("%s left", seconds(*r.SecondsLeft))
	}
	switch {
	case r.Paused:
		add("paused")
	case r.Wish == rebuild.Pause:
		add("about to pause")
	case r.Wish == rebuild.Cancel:
		add("about to be cancelled")
	}
	if r.MaxQuerySlowdown != nil && r.QueryP99Before != nil && r.QueryP99Now != nil {
		add(w.slowdown, *r.QueryP99Now, *r.QueryP99Before**r.MaxQuerySlowdown)
	}
	if r.GivenWay >= 1 {
		add(w.givenWay, seconds(r.GivenWay))
	}
	if r.Trouble != "" {
		add("can't get on: %s", r.Trouble)
	}
	return strings.Join(parts, ", ")
}

// phaseName is how people call a phase.
func phaseName(p rebuild.Phase) string { return strings.ReplaceAll(string(p), "_", " ") }

// shareOf returns how much of its phase a rebuild has done, 0 to 1, if that is
// known.
func shareOf(r rebuild.Rebuild) (share float64, known bool) {
	switch {
	case r.PhaseShare != nil:
		share = *r.PhaseShare
	case r.Phase == rebuild.Copying && r.EventsTotal > 0:
		share = float64(r.EventsDone) / float64(r.EventsTotal)
	default:
		return 0, false
	}
	return min(1, max(0, share)), true
}
