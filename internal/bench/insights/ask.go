package insights

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"bookstore/internal/bench/clients"
	"bookstore/internal/events"
)

// question is something that is asked over and over.
type question struct {
	name  string
	paths []string // asked in turns
}

const (
	lookup = "lookup by id"

	// askedPerSecond is how often each question is asked: so seldom that what is measured
	// is how long an answer takes.
	askedPerSecond = 20
	// askedAtOnce is how many of one question may wait for their answers.
	askedAtOnce = 4
	// heaviest is how many readers those who search most are.
	heaviest = 10
)

// questions are what is asked of a service that has these books and readers; the first
// one is the lookup that all others are compared with.
func questions(books []events.ServedBook, readers int, seed uint64) []question {
	const different = 1000
	random := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // G404: repeatable, not secret
	busy := rand.NewZipf(random, zipfExponent, zipfOffset, uint64(readers-1))
	paths := func(n int, path func() string) (made []string) {
		for range n {
			made = append(made, path())
		}
		return made
	}
	recommended := func(reader int) string { return "/api/recommendations?uid=" + userID(reader) }

	asked := []question{{lookup, paths(different, func() string {
		return fmt.Sprintf("/api/books/%d", books[random.IntN(len(books))].ID)
	})}}
	for _, window := range []string{"1h", "24h", "7d", "all"} {
		asked = append(asked, question{"trends, " + window, []string{"/api/trends?window=" + window}})
	}
	return append(asked,
		question{"recommendations", paths(different, func() string { return recommended(int(busy.Uint64())) })},
		question{"recommendations to those who search most", paths(different, func() string {
			return recommended(random.IntN(min(heaviest, readers)))
		})})
}

// ask asks all questions for so long, each at the same rate, and one after the other:
// were they asked at the same moments, each would wait for all others.
func ask(ctx context.Context, client *http.Client, url string, all []question, length time.Duration) ([]clients.Measurement, error) {
	const apart = time.Second / askedPerSecond
	measured := make([]clients.Measurement, len(all))
	began := time.Now()
	asking, ctx := errgroup.WithContext(ctx)
	for i, q := range all {
		asking.Go(func() error {
			if err := clients.SleepUntil(ctx, began.Add(apart*time.Duration(i)/time.Duration(len(all)))); err != nil {
				return err
			}
			seen, err := clients.Knock(ctx, askedAtOnce, askedPerSecond, length, func(ctx context.Context, n int) error {
				return clients.Get(ctx, client, url+q.paths[n%len(q.paths)])
			})
			measured[i] = seen.Measurement(q.name)
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	for i := range measured[1:] {
		measured[1+i].ToLookup = measured[1+i].P99 / measured[0].P99
	}
	return measured, nil
}
