package pages

import (
	"fmt"
	"math"
	"slices"
)

// phases are what a rebuild goes through, in order. One that finds no differences, or
// was told to accept them, skips differs.
var phases = []string{"copying", "indexing", "catching_up", "verifying", "differs", "switching", "switched"}

// phaseWords are what people call a phase, and what happens in it.
var phaseWords = map[string][2]string{
	"copying":     {"Copying", "The events that there were go into the new tables."},
	"indexing":    {"Indexing", "The tables get what they are found by."},
	"catching_up": {"Catching up", "The events that came meanwhile follow."},
	"verifying":   {"Verifying", "All rows are compared with those that answer now."},
	"differs":     {"Waiting for consent", "They are not the same, and nobody has accepted that yet."},
	"switching":   {"Switching", "The new generation becomes the one that answers."},
	"switched":    {"Switched", "The new generation answers queries."},
	"cancelled":   {"Cancelled", "An operator wished so. Its tables are gone."},
	"failed":      {"Failed", "It can't succeed."},
}

// Over says whether nothing follows any more.
func (r rebuild) Over() bool {
	return r.Phase == "switched" || r.Phase == "cancelled" || r.Phase == "failed"
}

// PhaseName is what people call the phase. One that is not known here, which a newer
// process may have, has its own name.
func (r rebuild) PhaseName() string { return phaseName(r.Phase) }

func phaseName(phase string) string {
	if words, known := phaseWords[phase]; known {
		return words[0]
	}
	return phase
}

// Standing says what keeps it from going on, if anything does, beside trouble.
func (r rebuild) Standing() string {
	switch {
	case r.Over():
		return ""
	case r.Wish == "cancel":
		return "being cancelled"
	case r.Paused:
		return "paused"
	case r.Wish == "pause":
		return "about to pause"
	case r.Owner == "":
		return "waiting for a process to take it up"
	}
	return ""
}

// Percent is how far the present phase has come, 0 to 100; -1: not known.
func (r rebuild) Percent() int {
	switch {
	case r.Phase == "switched":
		return 100
	case r.Over():
		return -1
	case r.Phase == "copying" && r.EventsTotal > 0:
		return percent(float64(r.EventsDone) / float64(r.EventsTotal))
	case r.PhaseShare != nil:
		return percent(*r.PhaseShare)
	}
	return -1
}

// percent rounds down: what is not done is not 100 %.
func percent(share float64) int { return int(math.Floor(100 * min(1, max(0, share)))) }

// Took is how long it took, or has taken so far.
func (r rebuild) Took() lasting {
	if r.FinishedAt != nil {
		return ago(*r.FinishedAt, r.StartedAt)
	}
	return ago(r.ReportedAt, r.StartedAt)
}

// CanPause, CanResume, CanCancel and CanAccept say what can be ordered. The API decides
// again, since what is shown is a moment old.
func (r rebuild) CanPause() bool { return !r.Over() && r.Wish == "run" }

// CanResume: see CanPause.
func (r rebuild) CanResume() bool { return !r.Over() && r.Wish == "pause" }

// CanCancel: see CanPause.
func (r rebuild) CanCancel() bool { return !r.Over() && r.Wish != "cancel" }

// CanAccept: see CanPause.
func (r rebuild) CanAccept() bool {
	return r.Phase == "differs" && !r.AcceptDiff && r.Wish != "cancel"
}

// Slower is how many times what it was the p99 of queries is; "" where not measured.
func (r rebuild) Slower() string {
	if r.QueryP99Before == nil || r.QueryP99Now == nil || *r.QueryP99Before <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f times", float64(*r.QueryP99Now)/float64(*r.QueryP99Before))
}

// phaseStep is a phase on the way.
type phaseStep struct {
	Phase, Name, Meaning string

	State string   // done, now or next
	Took  *lasting // of those that are done
}

// Steps are the phases it has gone through, the one it is in and those to come.
func (r rebuild) Steps() []phaseStep {
	took := make(map[string]*lasting)
	var steps []phaseStep
	add := func(phase, state string) {
		steps = append(steps, phaseStep{
			Phase: phase, Name: phaseName(phase), Meaning: phaseWords[phase][1], State: state, Took: took[phase],
		})
	}
	for _, p := range r.Phases {
		if took[p.Phase] == nil {
			took[p.Phase] = new(lasting)
		}
		*took[p.Phase] += p.Seconds // one that an owner's death has set back was in it twice
	}
	present := slices.Index(phases, r.Phase)
	for i, phase := range phases {
		switch {
		case i == present && phase == "switched":
			add(phase, "done")
		case i == present:
			add(phase, "now")
		case took[phase] != nil:
			add(phase, "done")
		case phase != "differs" && i > present && !r.Over():
			add(phase, "next")
		}
	}
	if present < 0 { // cancelled, failed
		add(r.Phase, "now")
	}
	return steps
}
