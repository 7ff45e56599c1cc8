package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

// Measurement is what requests of one sort cost.
type Measurement struct {
	Name      string  `json:"name"`
	Requests  int     `json:"requests"`
	Failed    int     `json:"failed"` // of them
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	// ToLookup is P99 in times of that of a lookup by id; 0 where there is none.
	ToLookup float64 `json:"p99_to_lookup,omitempty"`
}

// Print writes a table for people.
func Print(to io.Writer, measured []Measurement) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trequests\tfailed\ta second\tp50 ms\tp99 ms\tp99 to lookup\t")
	for _, m := range measured {
		ratio := ""
		if m.ToLookup > 0 {
			ratio = fmt.Sprintf("%.1f", m.ToLookup)
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%.0f\t%.2f\t%.2f\t%s\t\n", m.Name, m.Requests, m.Failed, m.PerSecond, m.P50, m.P99, ratio)
	}
	return table.Flush()
}

// Samples are what clients have seen.
type Samples struct {
	latencies []time.Duration
	failed    int
	took      time.Duration
}

// ErrFailed says that a request was answered, and not as it should have been.
var ErrFailed = errors.New("the request failed")

// Hammer has so many clients do something over and over, each when it is done with
// the last, for so long and once at least. do is told how many requests came before its own, and fails
// with ErrFailed, or with what ends the measurement.
func Hammer(ctx context.Context, clients int, length time.Duration, do func(ctx context.Context, i int) error) (Samples, error) {
	var number atomic.Int64
	began := time.Now()
	return together(ctx, clients, func(ctx context.Context, seen *Samples) error {
		for asked := false; !asked || time.Since(began) < length; asked = true {
			sent := time.Now()
			if err := seen.note(sent, do(ctx, int(number.Add(1)-1))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Knock has something done so many times a second, for so long and once at least,
// whether what was asked before is answered or not. At most so many clients ask at a
// time: where all of them wait for answers, requests are late, and as latency counts
// from when a request was due, none is better off for having been asked late. A
// client that is done would else send its next request later the slower the service
// is, and so measure the slow moments the least. do is as for Hammer.
func Knock(ctx context.Context, clients int, perSecond float64, length time.Duration, do func(ctx context.Context, i int) error) (Samples, error) {
	var number atomic.Int64
	began := time.Now()
	return together(ctx, clients, func(ctx context.Context, seen *Samples) error {
		for {
			i := number.Add(1) - 1
			after := time.Duration(float64(i) / perSecond * float64(time.Second))
			if i > 0 && after >= length {
				return nil
			}
			due := began.Add(after)
			if err := SleepUntil(ctx, due); err != nil {
				return err
			}
			if err := seen.note(due, do(ctx, int(i))); err != nil {
				return err
			}
		}
	})
}

// SleepUntil returns at once when it is that late already.
func SleepUntil(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// together has so many clients at work, and returns what all of them have seen.
func together(ctx context.Context, clients int, work func(ctx context.Context, seen *Samples) error) (Samples, error) {
	var (
		mu  sync.Mutex
		all Samples
	)
	began := time.Now()
	busy, ctx := errgroup.WithContext(ctx)
	for range clients {
		busy.Go(func() error {
			var seen Samples
			if err := work(ctx, &seen); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all = all.And(seen)
			return nil
		})
	}
	err := busy.Wait()
	all.took = time.Since(began)
	return all, err
}

// note takes down what became of a request. It fails with what ends the measurement.
func (s *Samples) note(since time.Time, err error) error {
	s.latencies = append(s.latencies, time.Since(since))
	if errors.Is(err, ErrFailed) {
		s.failed++
		return nil
	}
	return err
}

// And is what two stretches of the same come to.
func (s Samples) And(other Samples) Samples {
	return Samples{
		latencies: slices.Concat(s.latencies, other.latencies), failed: s.failed + other.failed, took: s.took + other.took,
	}
}

// Measurement sums up what was seen, under a name.
func (s Samples) Measurement(name string) Measurement {
	m := Measurement{Name: name, Requests: len(s.latencies), Failed: s.failed}
	if m.Requests == 0 {
		return m
	}
	slices.Sort(s.latencies)
	m.PerSecond = float64(m.Requests) / s.took.Seconds()
	m.P50, m.P99 = milliseconds(s.quantile(0.50)), milliseconds(s.quantile(0.99))
	return m
}

// quantile is the latency that so large a share of the requests did not exceed. The
// latencies must be sorted.
func (s Samples) quantile(share float64) time.Duration {
	return s.latencies[min(int(share*float64(len(s.latencies))), len(s.latencies)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// New returns a client that keeps so many connections open.
func New(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
}

// Get reads an answer to its end. It fails with [ErrFailed] where that is not a 200.
func Get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s", ErrFailed, response.Status)
	}
	return nil
}
