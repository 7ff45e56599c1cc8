package operations

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/projection/parked"
	"bookstore/internal/web"
)

// Asked is what became of a request to retry or discard parked records. The
// numbers after the first add up to it.
type Asked struct {
	Asked     int `json:"asked"`     // records that were asked for
	Applied   int `json:"applied"`   // not parked any more
	Discarded int `json:"discarded"` //
	Parked    int `json:"parked"`    // tried in vain, or behind one that was
	Waiting   int `json:"waiting"`   // for the owner of their partition

	Left []Left `json:"left"` // the first hundred of those that are parked or waiting
}

// Left is a record that is parked still.
type Left struct {
	ID      int64  `json:"id"`
	Waiting bool   `json:"waiting"` // not tried yet
	Error   string `json:"error"`   // of the last try
}

const (
	// askedInterval is the time between two looks at whether it is done. The owner
	// looks about once a second.
	askedInterval = 50 * time.Millisecond
	// mostLeft is how many records an answer names.
	mostLeft = 100
)

// askOfOne leaves a wish on the record that the path names.
func (a *API) askOfOne(wish parked.Wish) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := parkedTarget(r)
		if err != nil {
			return err
		}
		return a.ask(w, r, parked.Selection{IDs: []int64{id}}, wish)
	}
}

// retryAll asks to retry all records that the parameters select.
func (a *API) retryAll(w http.ResponseWriter, r *http.Request) error {
	params := web.Params(r)
	selection := parked.Selection{Consumer: params.String("consumer", maxConsumer), Book: book(params)}
	if err := params.Err(); err != nil {
		return err
	}
	return a.ask(w, r, selection, parked.Retry)
}

// ask leaves a wish and answers with what became of it: 200 when all is done, 202
// when that takes longer than the wait.
func (a *API) ask(w http.ResponseWriter, r *http.Request, selection parked.Selection, wish parked.Wish) error {
	ids, err := parked.Request(r.Context(), a.Pool, selection, wish)
	if err != nil {
		return asProblem(err)
	}
	asked, err := a.await(r.Context(), ids)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if asked.Waiting > 0 {
		status = http.StatusAccepted
	}
	return web.WriteJSON(w, status, asked)
}

// await looks at records until none of them waits for its owner any more, or the
// wait is over.
func (a *API) await(ctx context.Context, ids []int64) (Asked, error) {
	deadline := time.NewTimer(a.Wait)
	defer deadline.Stop()
	tick := time.NewTicker(askedInterval)
	defer tick.Stop()
	for {
		asked, err := a.became(ctx, ids)
		if err != nil || asked.Waiting == 0 {
			return asked, err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return asked, nil
		case <-ctx.Done():
			return Asked{}, ctx.Err()
		}
	}
}

// became says what has become of records by now. One that is not there any more
// has been applied: that, and its whole generation going, is all that takes a
// record away.
func (a *API) became(ctx context.Context, ids []int64) (Asked, error) {
	asked := Asked{Asked: len(ids), Left: []Left{}}
	rows, err := a.Pool.Query(ctx, `
		SELECT id, request IS NOT NULL, discarded_at IS NOT NULL, error FROM parked_records WHERE id = ANY ($1) ORDER BY id`, ids)
	if err != nil {
		return Asked{}, fmt.Errorf("look at parked records: %w", err)
	}
	var record Left
	var discarded bool
	there := 0
	_, err = pgx.ForEachRow(rows, []any{&record.ID, &record.Waiting, &discarded, &record.Error}, func() error {
		there++
		switch {
		case discarded:
			asked.Discarded++
			return nil
		case record.Waiting:
			asked.Waiting++
		default:
			asked.Parked++
		}
		if len(asked.Left) < mostLeft {
			asked.Left = append(asked.Left, record)
		}
		return nil
	})
	asked.Applied = len(ids) - there
	if err != nil {
		return Asked{}, fmt.Errorf("look at parked records: %w", err)
	}
	return asked, nil
}
