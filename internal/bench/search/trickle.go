package search

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"bookstore/internal/bench/books"
	"bookstore/internal/bench/clients"
	"bookstore/internal/events"
)

// Writes is what became of the writes beside the searches.
type Writes struct {
	Wanted    float64 `json:"wanted_per_second"`
	PerSecond float64 `json:"per_second"` // accepted
	Failed    int     `json:"failed"`
	// FirstFailure says why the first one failed.
	FirstFailure string `json:"first_failure,omitempty"`
}

const (
	writesPerSecond = 50
	// writers is how many writes may be on their way at once. Where that is too few,
	// fewer are sent: those who search are not to wait for a jam of writers.
	writers = 16
)

// trickle writes through the API while others search: a new book, a change to one
// that was there, and so on.
type trickle struct {
	client    *http.Client
	url       string
	catalogue *books.Catalogue
	books     int // ids 1 to this were there
	random    *rand.Rand

	accepted, failed atomic.Int64
	firstFailure     atomic.Pointer[error]
}

// start begins to write. What it returns ends that, and says what came of it.
func (t *trickle) start(ctx context.Context) (stop func() Writes) {
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	requests := make(chan write)
	for range writers {
		writing.Go(func() {
			for w := range requests {
				t.send(ctx, w)
			}
		})
	}
	began := time.Now()
	writing.Go(func() {
		defer close(requests)
		tick := time.NewTicker(time.Second / writesPerSecond)
		defer tick.Stop()
		for i := int64(0); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			// On a busy machine ticks are missed. What they stood for is due all the same,
			// but what was held up for longer is not made up for in a flood.
			due := int64(time.Since(began).Seconds() * writesPerSecond)
			for i = max(i, due-writesPerSecond); i < due; i++ {
				select {
				case requests <- t.write(i):
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return func() Writes {
		took := time.Since(began).Seconds()
		accepted, failed := t.accepted.Load(), t.failed.Load() // not those that the end cuts off
		cancel()
		writing.Wait()
		w := Writes{Wanted: writesPerSecond, PerSecond: float64(accepted) / took, Failed: int(failed)}
		if failed > 0 {
			w.FirstFailure = (*t.firstFailure.Load()).Error()
		}
		return w
	}
}

// write is a request.
type write struct {
	method, path string
	details      events.Details
}

func (t *trickle) write(i int64) write {
	if i%2 == 0 {
		return write{http.MethodPost, "/api/books", t.catalogue.Book(int64(t.books) + 1 + i)}
	}
	id := 1 + t.random.Int64N(int64(t.books))
	return write{http.MethodPut, fmt.Sprintf("/api/books/%d", id), t.catalogue.Edition(id, 2+i)}
}

// send does not wait for the write to be readable, as few clients would.
func (t *trickle) send(ctx context.Context, w write) {
	err := func() error {
		body, err := json.Marshal(w.details)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, w.method, t.url+w.path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Prefer", "respond-async")
		response, err := t.client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode >= http.StatusBadRequest {
			const enough = 500 // bytes of a problem's JSON, to see what it is
			problem, _ := io.ReadAll(io.LimitReader(response.Body, enough))
			return fmt.Errorf("%w: %s %s: %s %s", clients.ErrFailed, w.method, w.path, response.Status, problem)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}()
	if err != nil {
		t.firstFailure.CompareAndSwap(nil, &err)
		t.failed.Add(1)
		return
	}
	t.accepted.Add(1)
}
