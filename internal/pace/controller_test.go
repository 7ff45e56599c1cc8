package pace

import (
	"bytes"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simulation is a service with queries and a rebuild, in simulated time. What a
// query takes is drawn from a distribution with a long tail, and grows with the
// work that is done at that time.
type simulation struct {
	controller *controller
	log        bytes.Buffer
	random     *rand.Rand
	clock      time.Time
	ran        time.Duration
	open       []time.Duration // what queries took in the second that is not over
	came       []time.Duration // all since the last call of forget
	work       float64         // seconds worked since then

	perSecond int           // queries
	base      time.Duration // p99 of undisturbed queries
	harm      float64       // at duty 1 a query takes 1 + harm as long, on average
	lumpy     bool          // below, few queries meet a slice, but those are harmed in full
	paused    bool          // nobody works, whatever the duty
}

const simulatedStep = lookEvery

func newSimulation(t *testing.T, bound float64) *simulation {
	t.Helper()
	s := &simulation{random: rand.New(rand.NewPCG(1, 2)), clock: time.Unix(1_700_000_000, 0), base: 10 * time.Millisecond}
	s.controller = newController(bound, slog.New(slog.NewTextHandler(&s.log, nil)))
	return s
}

// query draws what a query takes while a share of the time is worked.
func (s *simulation) query(duty float64) time.Duration {
	const spread, sigmas = 0.5, 2.326 // the p99 of a normal distribution
	undisturbed := float64(s.base) * math.Exp(spread*(s.random.NormFloat64()-sigmas))
	harm := s.harm * (0.5 + s.random.Float64())
	switch {
	case !s.lumpy:
		harm *= duty
	case s.random.Float64() >= duty:
		harm = 0
	}
	return time.Duration(undisturbed * (1 + harm))
}

// run lets time pass.
func (s *simulation) run(d time.Duration) {
	for range int(d / simulatedStep) {
		duty := s.controller.duty
		if s.paused {
			duty = 0
		}
		for range int(float64(s.perSecond) * simulatedStep.Seconds()) {
			took := s.query(duty)
			s.open, s.came = append(s.open, took), append(s.came, took)
		}
		s.work += duty * simulatedStep.Seconds()
		s.clock = s.clock.Add(simulatedStep)
		s.ran += simulatedStep

		var windows []window
		if s.ran%windowLength == 0 && len(s.open) > 0 {
			windows = append(windows, window{process: "a", began: s.clock.Add(-windowLength), counts: counted(s.open...)})
			s.open = nil
		}
		s.controller.step(s.clock, windows, duty > 0)
	}
}

// begin ends listening, with what queries took so far.
func (s *simulation) begin() {
	s.controller.begin(counted(s.came...).p99(), s.clock)
	s.forget()
}

func (s *simulation) forget() { s.came, s.work = nil, 0 }

// slowdown is how many times the p99 of undisturbed queries that of all since the
// last call of forget is.
func (s *simulation) slowdown() float64 { return float64(exactP99(s.came)) / float64(s.base) }

func TestHoldsTheBoundAndGetsOn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		perSecond int
		harm      float64
		lumpy     bool
		atLeast   float64 // duty, on average
	}{
		// The bound itself would be met at a duty of about 0.5 / harm.
		"harmless":           {perSecond: 200, harm: 0.1, atLeast: 0.9},
		"moderate":           {perSecond: 200, harm: 1, atLeast: 0.2},
		"harmful":            {perSecond: 200, harm: 5, atLeast: 0.03},
		"very harmful":       {perSecond: 1000, harm: 20, atLeast: 0.008},
		"hardly bearable":    {perSecond: 200, harm: 100, atLeast: 0.001},
		"few queries":        {perSecond: 10, harm: 2, atLeast: 0.05},
		"hardly any queries": {perSecond: 2, harm: 2, atLeast: 0.01}, // a p99 of 60 is a guess
		"a great many":       {perSecond: 1500, harm: 2, atLeast: 0.12},
		"harmless lumps":     {perSecond: 200, harm: 0.2, lumpy: true, atLeast: 0.75},
		"lumps":              {perSecond: 200, harm: 1, lumpy: true, atLeast: 0.05},
		"harmful lumps":      {perSecond: 200, harm: 4, lumpy: true, atLeast: 0.005},
		"very harmful lumps": {perSecond: 200, harm: 20, lumpy: true, atLeast: 0.002},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSimulation(t, 1.5)
			s.perSecond, s.harm, s.lumpy = tc.perSecond, tc.harm, tc.lumpy
			s.run(time.Minute)
			s.begin()

			s.run(10 * time.Minute)
			duty := s.work / (10 * 60)
			slowdown := float64(exactP99(s.came)) / float64(s.controller.first) // as anybody would measure it
			t.Logf("slowdown %.2f, duty %.3f", slowdown, duty)
			require.Less(t, slowdown, 1.5)
			require.Greater(t, duty, tc.atLeast)
		})
	}
}

func TestAHigherBoundIsFaster(t *testing.T) {
	t.Parallel()
	duty := make(map[float64]float64)
	for _, bound := range []float64{1.2, 1.5, 3} {
		s := newSimulation(t, bound)
		s.perSecond, s.harm = 500, 2
		s.run(time.Minute)
		s.begin()
		s.run(10 * time.Minute)
		require.Less(t, s.slowdown(), bound)
		duty[bound] = s.work
	}
	require.Greater(t, duty[1.5], 1.5*duty[1.2])
	require.Greater(t, duty[3], 2*duty[1.5])
}

func TestIsFreeWhileNobodyQueries(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1.5)
	s.run(time.Minute)
	require.Zero(t, s.controller.duty, "before it knows anything")
	s.begin()
	s.run(time.Minute)
	require.Equal(t, 60.0, s.work)

	s.perSecond = 2 // hardly counts, but for what it adds up to
	s.run(2 * time.Second)
	require.Equal(t, 62.0, s.work)
	require.Empty(t, s.log.String())
}

func TestStandsStillToMeasureQueriesThatBeginInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1.5)
	s.harm = 3
	s.begin()
	s.run(time.Minute)

	s.perSecond = 200
	s.run(2 * time.Second)
	require.Zero(t, s.controller.duty)
	s.run(6 * time.Second)
	require.NotZero(t, s.controller.duty, "a few seconds are enough")
	require.InEpsilon(t, s.base, s.controller.before, 0.15)

	s.forget()
	s.run(10 * time.Minute)
	require.Less(t, s.slowdown(), 1.5)
	require.Greater(t, s.work, 0.04*600)

	s.perSecond = 0
	s.run(widest + windowLength)
	s.forget()
	s.run(time.Minute)
	require.Equal(t, 60.0, s.work, "they have gone again")

	s.perSecond = 200
	s.run(2 * time.Second)
	require.Equal(t, firstDuty, s.controller.duty, "it is known what they took")
	require.Empty(t, s.log.String())
}

func TestQueriesThatAreSlowerByThemselvesAreTheNewBefore(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1.5)
	s.perSecond, s.harm = 200, 1
	s.run(time.Minute)
	s.begin()
	s.run(5 * time.Minute)
	require.InEpsilon(t, 10*time.Millisecond, s.controller.before, 0.15)

	s.base *= 2
	s.forget()
	s.run(stillFor)
	require.Less(t, s.work, 4.0, "it gives way first")
	require.Empty(t, s.log.String())
	s.run(time.Minute)
	require.InEpsilon(t, s.base, s.controller.before, 0.15)
	require.Equal(t, 1, bytes.Count(s.log.Bytes(), []byte("\n")), "%s", &s.log)

	s.forget()
	s.run(5 * time.Minute)
	require.Less(t, s.slowdown(), 1.5)
	require.Greater(t, s.work, 0.1*300, "it gets on")

	// Back to the old days: the bound must not stay twice as loose.
	s.base /= 2
	s.run(raisedFor + time.Minute)
	require.InEpsilon(t, s.base, s.controller.before, 0.15)
	s.forget()
	s.run(5 * time.Minute)
	require.Less(t, s.slowdown(), 1.5)
	require.Greater(t, s.work, 0.1*300)
}

// A little slower is not too slow, but would leave no room for the rebuild.
func TestDoesNotWaitForEverBelowTheBound(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1.5)
	s.perSecond, s.harm = 200, 1
	s.run(time.Minute)
	s.begin()
	s.base = s.base * 4 / 3
	s.run(2 * time.Minute)
	s.forget()
	s.run(5 * time.Minute)
	require.Greater(t, s.work, 0.1*300)
}

// An operator's pause, or a long step: what was not used proves nothing.
func TestDoesNotGrowWhileNoWorkIsDone(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1.5)
	s.perSecond, s.harm = 200, 1
	s.run(time.Minute)
	s.begin()
	s.run(5 * time.Minute)
	s.paused = true
	s.run(5 * time.Second) // what was done before
	duty := s.controller.duty
	s.run(10 * time.Minute)
	require.LessOrEqual(t, s.controller.duty, duty)
}

func TestAPauseOfOthersIsNoReasonToRaiseTheBound(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1.5)
	s.perSecond, s.harm = 200, 1
	s.run(time.Minute)
	s.begin()
	s.run(2 * time.Minute)
	for range 5 { // such as a checkpoint
		s.base *= 5
		s.run(5 * time.Second)
		s.base /= 5
		s.run(time.Minute)
	}
	require.InEpsilon(t, s.base, s.controller.before, 0.15)
	require.NotZero(t, s.controller.duty)
	require.Empty(t, s.log.String())
}

func TestTimelineTakesAWindowOnceAndForgetsIt(t *testing.T) {
	t.Parallel()
	var l timeline
	now := time.Unix(1_700_000_000, 0)
	second := func(process string, ago int) window {
		return window{process: process, began: now.Add(-time.Duration(ago) * time.Second), counts: counted(time.Second, time.Second)}
	}
	l.add(now, []window{second("a", 1), second("a", 2)})
	l.add(now, []window{second("a", 3), second("a", 2), second("b", 2), second("a", 31)})
	require.EqualValues(t, 4*2, l.total())
	l.add(now.Add(widest-2*time.Second), nil)
	require.EqualValues(t, 3*2, l.total())
	l.add(now.Add(widest), nil)
	require.Zero(t, l.total())
}

func TestTimelineTakesAsFewWindowsAsWillDo(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	full := func(perSecond int) *timeline {
		var l timeline
		for ago := range int(widest / windowLength) {
			took := time.Duration(ago+1) * time.Second // of all queries of that second
			var counts histogram
			for range perSecond {
				counts.add(counted(took))
			}
			l.add(now, []window{{process: "a", began: now.Add(-windowLength * time.Duration(ago+1)), counts: counts}})
		}
		return &l
	}
	for name, tc := range map[string]struct {
		perSecond int
		since     time.Duration // ago
		want      time.Duration // the oldest that was taken; 0: not known
	}{
		"many":                  {perSecond: 1000, since: time.Hour, want: 3 * time.Second},
		"not so many":           {perSecond: 10, since: time.Hour, want: 10 * time.Second},
		"few":                   {perSecond: 1, since: time.Hour, want: 30 * time.Second},
		"many, but not for 3 s": {perSecond: 1000, since: 2 * time.Second},
		"few, and more to come": {perSecond: 1, since: 29 * time.Second},
		"many in a short time":  {perSecond: 1000, since: 3 * time.Second, want: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p99, known := full(tc.perSecond).p99(now, now.Add(-tc.since))
			require.Equal(t, tc.want > 0, known)
			require.Equal(t, bucketOf(tc.want), bucketOf(p99))
		})
	}
	_, known := (&timeline{}).p99(now, time.Time{})
	require.False(t, known)
}
