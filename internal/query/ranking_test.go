package query

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// rankings are made by a test, which says when, how long it takes and what comes of it.
type rankings struct {
	cache rankingCache
	mu    sync.Mutex
	time  time.Time
	takes time.Duration
	fails error
	made  atomic.Int64
}

func newRankings() *rankings {
	return &rankings{time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (r *rankings) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.time
}

func (r *rankings) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.time = r.time.Add(d)
}

func (r *rankings) read(context.Context) (*ranking, error) {
	r.made.Add(1)
	r.pass(r.takes)
	return &ranking{}, r.fails
}

func (r *rankings) get(t *testing.T) (*ranking, error) {
	t.Helper()
	return r.cache.get(t.Context(), r.now, r.read)
}

// What costs much is used for longer, from a second to a minute, and a second more.
func TestARankingIsUsedForAWhile(t *testing.T) {
	t.Parallel()
	for takes, used := range map[time.Duration]time.Duration{
		0:                      2 * time.Second,
		time.Millisecond:       2 * time.Second,
		100 * time.Millisecond: 3 * time.Second,
		time.Second:            21 * time.Second,
		9 * time.Second:        61 * time.Second,
	} {
		r := newRankings()
		r.takes = takes
		began := r.now()
		first, err := r.get(t)
		require.NoError(t, err)
		require.Equal(t, began, first.asOf, "what came while it was made may not be in it")
		r.pass(used - 1)
		again, err := r.get(t)
		require.NoError(t, err)
		require.Same(t, first, again, "%s", takes)
		r.pass(1)
		renewed, err := r.get(t)
		require.NoError(t, err)
		require.NotSame(t, first, renewed, "%s", takes)
		require.Equal(t, int64(2), r.made.Load())
	}
}

// TestOneMakesARankingForAll also shows that those who have an old one wait for nobody.
func TestOneMakesARankingForAll(t *testing.T) {
	t.Parallel()
	r := newRankings()
	const many = 20
	entered, release := make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context) (*ranking, error) {
		close(entered)
		<-release
		return r.read(ctx)
	}
	var first errgroup.Group
	var got [many]*ranking
	for i := range many {
		first.Go(func() (err error) {
			got[i], err = r.cache.get(t.Context(), r.now, slow)
			return err
		})
	}
	<-entered
	close(release)
	require.NoError(t, first.Wait())
	for _, one := range got {
		require.Same(t, got[0], one)
	}
	require.Equal(t, int64(1), r.made.Load())

	r.pass(time.Minute)
	entered, release = make(chan struct{}), make(chan struct{})
	renewed := make(chan *ranking)
	go func() {
		made, _ := r.cache.get(t.Context(), r.now, slow)
		renewed <- made
	}()
	<-entered
	for range many {
		old, err := r.cache.get(t.Context(), r.now, slow)
		require.NoError(t, err)
		require.Same(t, got[0], old)
	}
	close(release)
	next := <-renewed
	require.NotSame(t, got[0], next)
	last, err := r.get(t)
	require.NoError(t, err)
	require.Same(t, next, last)
}

// As long as somebody asks, a ranking is renewed before anybody has to wait for it.
func TestARankingIsKeptWhileItIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRankings()
	keep := func() { r.cache.keep(t.Context(), r.now, r.read) }
	keep()
	require.Zero(t, r.made.Load(), "nobody has asked")
	first, err := r.get(t)
	require.NoError(t, err)
	keep()
	require.Equal(t, int64(1), r.made.Load(), "it is new")
	r.pass(time.Second)
	keep()
	kept, err := r.get(t)
	require.NoError(t, err)
	require.NotSame(t, first, kept)
	require.Equal(t, int64(2), r.made.Load(), "who asks makes nothing")

	r.fails = errors.New("away")
	r.pass(time.Second)
	keep()
	old, err := r.get(t)
	require.NoError(t, err)
	require.Same(t, kept, old)
	r.fails = nil

	r.pass(time.Minute)
	made := r.made.Load()
	keep()
	require.Equal(t, made, r.made.Load(), "nobody has asked lately")
	now, err := r.get(t)
	require.NoError(t, err)
	require.NotSame(t, kept, now, "who comes then gets what is")
}

// A failure is for all who wait for the same try, and the next who asks tries again.
func TestAFirstRankingThatFails(t *testing.T) {
	t.Parallel()
	r := newRankings()
	away := errors.New("away")
	entered, release := make(chan struct{}), make(chan struct{})
	var tries atomic.Int64
	failing := func(context.Context) (*ranking, error) {
		if tries.Add(1) == 1 {
			close(entered)
			<-release
		}
		return nil, away
	}
	var waiting sync.WaitGroup
	wait := func() {
		_, err := r.cache.get(t.Context(), r.now, failing)
		if !errors.Is(err, away) {
			t.Errorf("got %v", err)
		}
	}
	waiting.Go(wait)
	<-entered
	for range 5 {
		waiting.Go(wait)
	}
	close(release)
	waiting.Wait()
	_, err := r.get(t)
	require.NoError(t, err)
}

func TestARankingThatCannotBeRenewedIsUsedForFiveMinutes(t *testing.T) {
	t.Parallel()
	r := newRankings()
	first, err := r.get(t)
	require.NoError(t, err)
	r.fails, r.takes = errors.New("away"), 100*time.Millisecond
	r.pass(2 * time.Second)
	for tries := int64(1); tries <= 3; tries++ {
		old, err := r.get(t)
		require.NoError(t, err)
		require.Same(t, first, old)
		require.Equal(t, 1+tries, r.made.Load())
		r.pass(time.Second)
		_, err = r.get(t)
		require.NoError(t, err)
		require.Equal(t, 1+tries, r.made.Load(), "it is not tried again at once")
		r.pass(2 * time.Second)
	}
	r.pass(first.asOf.Add(5 * time.Minute).Sub(r.now()))
	_, err = r.get(t)
	require.ErrorIs(t, err, r.fails)
	r.fails = nil
	_, err = r.get(t)
	require.NoError(t, err)
}

// Who makes a ranking makes it for others too: that their client goes does not end it.
func TestARankingIsMadeAlsoForAClientThatGoes(t *testing.T) {
	t.Parallel()
	r := newRankings()
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := r.cache.get(gone, r.now, func(ctx context.Context) (*ranking, error) {
		require.NoError(t, ctx.Err())
		return &ranking{}, nil
	})
	require.NoError(t, err)

	// Who waits need not.
	r = newRankings()
	entered, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = r.cache.get(t.Context(), r.now, func(context.Context) (*ranking, error) {
			close(entered)
			<-release
			return &ranking{}, nil
		})
	}()
	<-entered
	_, err = r.cache.get(gone, r.now, r.read)
	require.ErrorIs(t, err, context.Canceled)
	close(release)
	<-done
}
