package pace

import (
	"slices"
	"time"
)

const (
	// fewQueries is what a p99 must be made of at least. It is then hardly more than
	// the slowest of them, but of both sides of the comparison. Fewer in widest are
	// nobody to give way to.
	fewQueries = 20
	// enoughQueries make a p99 that need not wait for more.
	enoughQueries = 100
	// manyQueries make a p99 that others are compared with: it is taken once, and if it
	// is off, all that follows is.
	manyQueries = 1000
	// narrowest is the shortest time that is judged, however many queries it has: one
	// second may be that of a checkpoint or of a garbage collection.
	narrowest = 3 * time.Second
	// undisturbed is how long manyQueries are waited for, if there are enough.
	undisturbed = 10 * time.Second
	// widest is the longest: what is older says little of what is.
	widest = 30 * time.Second
)

// timeline is what all processes have counted in the last 30 seconds, by the
// database's clock.
type timeline struct {
	windows []window // in order of their beginnings
}

// add adds the windows that are not there yet, and forgets old ones.
func (l *timeline) add(now time.Time, windows []window) {
	for _, w := range windows {
		same := func(other window) bool { return other.process == w.process && other.began.Equal(w.began) }
		if !slices.ContainsFunc(l.windows, same) {
			l.windows = append(l.windows, w)
		}
	}
	l.windows = slices.DeleteFunc(l.windows, func(w window) bool { return w.began.Before(now.Add(-widest)) })
	slices.SortFunc(l.windows, func(a, b window) int { return a.began.Compare(b.began) })
}

// total returns how many queries there were.
func (l *timeline) total() int64 {
	var n int64
	for _, w := range l.windows {
		n += w.counts.total()
	}
	return n
}

// p99 returns that of the newest windows, none of which began before since, and
// whether they are enough to judge by. It takes as few as it can.
func (l *timeline) p99(now, since time.Time) (p99 time.Duration, known bool) {
	var merged histogram
	for _, w := range slices.Backward(l.windows) {
		if w.began.Before(since) {
			break
		}
		merged.add(w.counts)
		newest := l.windows[len(l.windows)-1]
		if merged.total() >= enoughQueries && newest.began.Add(windowLength).Sub(w.began) >= narrowest {
			return merged.p99(), true
		}
	}
	// All there is, if waiting would not bring more.
	known = merged.total() >= fewQueries && !since.After(now.Add(-widest))
	if !known {
		return 0, false
	}
	return merged.p99(), true
}

// reference returns the p99 of all windows that began at since or later, and whether
// they are enough to compare others with.
func (l *timeline) reference(now, since time.Time) (p99 time.Duration, known bool) {
	var merged histogram
	for _, w := range l.windows {
		if !w.began.Before(since) {
			merged.add(w.counts)
		}
	}
	passed, total := now.Sub(since), merged.total()
	known = total >= manyQueries && passed > narrowest ||
		total >= enoughQueries && passed >= undisturbed ||
		total >= fewQueries && passed >= widest
	return merged.p99(), known
}
