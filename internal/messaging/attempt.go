package messaging

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// attempt is records that were handed to the producer, and its answers.
type attempt struct {
	records []*kgo.Record
	places  []place
	doubts  *doubts
	done    chan struct{} // closed with the last answer

	mu        sync.Mutex
	answered  []bool
	errs      []error
	left      int
	abandoned bool
}

func newAttempt(records []*kgo.Record, doubts *doubts) *attempt {
	a := &attempt{
		records: records, places: make([]place, len(records)), doubts: doubts, done: make(chan struct{}),
		answered: make([]bool, len(records)), errs: make([]error, len(records)), left: len(records),
	}
	for i, r := range records {
		a.places[i] = place{r.Topic, r.Partition}
	}
	return a
}

// answer takes what the producer has to say about the record with that index.
func (a *attempt) answer(index int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.abandoned {
		a.doubts.resolve(a.places[index])
		return
	}
	a.answered[index], a.errs[index] = true, err
	if a.left--; a.left == 0 {
		close(a.done)
	}
}

// wait returns what became of the records, at the latest when ctx ends. Those
// without an answer are in doubt from then on.
func (a *attempt) wait(ctx context.Context) result {
	select {
	case <-a.done:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		return a.result()
	}
	a.abandoned = true
	for i, answered := range a.answered {
		if !answered {
			a.doubts.add(a.places[i])
		}
	}
	return result{err: context.Cause(ctx), unsure: true}
}

// result is what became of the records of an attempt.
type result struct {
	err       error         // of one of them; nil: all were written
	unsent    []*kgo.Record // surely not written, in their order
	unsure    bool          // others may have been
	permanent bool          // err is a record's fault and nothing will help
}

func (a *attempt) result() result {
	var r result
	for i, err := range a.errs {
		switch {
		case err == nil:
			continue
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			// The producer obeys a context only where that is safe: before a record is
			// sent, or after a broker's answer that it was not written.
			r.unsent = append(r.unsent, a.records[i])
		case errors.Is(err, kerr.MessageTooLarge):
			r.permanent = true
		default:
			r.unsure = true
		}
		r.err = err
	}
	return r
}
