package query

import (
	"context"
	"sync"
	"time"
)

// ranking is the queries that are searched most in a window, the first the most. It is
// shared by those who read it and never changes.
type ranking struct {
	asOf    time.Time // when reading it began
	queries []rankedQuery
	books   []candidate // of all queries, scored
}

type rankedQuery struct {
	query             string // in the form that most searches of it had
	searches, readers int64
	books             []int64 // the first of those that were served last, in their order
}

// How long a ranking is used.
const (
	// It is due after so many times what making it took, so that making rankings never is
	// more than a twentieth of a connection's time; within these bounds.
	useFactor         = 20
	leastUse, mostUse = time.Second, time.Minute
	// slack is how long one that is due is used yet, since somebody is about to renew it.
	slack = time.Second
	// longestUse is how long one is used that can't be made anew.
	longestUse = 5 * time.Minute
	// keepInterval is how often it is looked which rankings are due.
	keepInterval = 100 * time.Millisecond
)

// rankingCache has the last ranking of a window.
type rankingCache struct {
	mu     sync.Mutex
	last   *ranking
	due    time.Time // when the next one should be made, if anybody wants it
	asked  time.Time // the last time
	making *makingOfRanking
}

// makingOfRanking is under way until done is closed; the rest is set before.
type makingOfRanking struct {
	done chan struct{}
	made *ranking
	err  error
}

// get returns a ranking. As long as readers ask, [rankingCache.keep] renews it in time, and
// nobody waits. Where that was not so for a while, the first request makes it, and so gets
// one that is of now; where one is being made, others go on with the old one. Where there
// is none to go on with, they wait for what that one request is about to get, be it a
// failure: to try one after the other would have them wait for many.
//
// A ranking that could not be made is not asked for again at once, as a database that is
// slow has enough to do. That it is old, those who get it see by asOf.
func (c *rankingCache) get(ctx context.Context, now func() time.Time, read func(context.Context) (*ranking, error)) (*ranking, error) {
	c.mu.Lock()
	c.asked = now()
	last, under := c.last, c.making
	if last != nil && c.asked.Sub(last.asOf) >= longestUse {
		last = nil
	}
	fresh := last != nil && c.asked.Before(c.due.Add(slack))
	mine := under == nil && !fresh
	if mine {
		under = c.begin()
	}
	c.mu.Unlock()

	switch {
	case mine:
		// Others wait for it, so it goes on also when this client has gone. It is
		// bounded by the time limit of what it reads.
		c.renew(context.WithoutCancel(ctx), under, now, read)
	case last != nil:
		return last, nil
	default:
		select {
		case <-under.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if under.err != nil && last != nil {
		return last, nil
	}
	return under.made, under.err
}

// keep renews the ranking if it is due and somebody has asked for it lately.
func (c *rankingCache) keep(ctx context.Context, now func() time.Time, read func(context.Context) (*ranking, error)) {
	c.mu.Lock()
	wanted := c.last != nil && c.making == nil && !now().Before(c.due) && now().Sub(c.asked) < mostUse
	var under *makingOfRanking
	if wanted {
		under = c.begin()
	}
	c.mu.Unlock()
	if wanted {
		c.renew(ctx, under, now, read)
	}
}

// begin says that a ranking is being made.
func (c *rankingCache) begin() *makingOfRanking {
	c.making = &makingOfRanking{done: make(chan struct{})}
	return c.making
}

// renew makes a ranking for everybody.
func (c *rankingCache) renew(ctx context.Context, under *makingOfRanking, now func() time.Time, read func(context.Context) (*ranking, error)) {
	began := now()
	under.made, under.err = read(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if under.err == nil {
		under.made.asOf = began
		c.last = under.made
	}
	c.due = now().Add(min(max(leastUse, useFactor*now().Sub(began)), mostUse))
	c.making = nil
	close(under.done)
}
