package search

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"bookstore/internal/bench/clients"
)

// Indexing is how new books get into the read models with all their indexes, and what
// searches notice of it.
type Indexing struct {
	Idle   clients.Measurement `json:"idle"`   // searches, while nothing is written
	During clients.Measurement `json:"during"` // the same, while new books arrive

	Wanted         float64 `json:"wanted_per_second"` // new books
	PerSecond      float64 `json:"per_second"`        // applied while they arrived
	Behind         int     `json:"behind"`            // books to apply yet when the last one had arrived
	CatchUpSeconds float64 `json:"catch_up_seconds"`  // that took

	// Backlog is how many books were put on the log at once while nobody searched, and
	// BacklogPerSecond how fast they were applied: from the first one's being written to
	// the last one's being in all read models.
	Backlog          int     `json:"backlog"`
	BacklogPerSecond float64 `json:"backlog_per_second"`
}

const (
	// indexingLengths is how long new books arrive, in lengths of other measurements:
	// long enough for indexes to be merged and tables to be vacuumed meanwhile.
	indexingLengths = 4
	// backlogSeconds is how large the backlog is, in seconds of arrivals.
	backlogSeconds = 20
)

// index measures searches without and with new books arriving, and how fast a backlog
// of those is applied.
func (b *bench) index(ctx context.Context, service Service) (result *Indexing, err error) {
	arriving, closing, err := openArrivals(service, b.cfg.Catalogue, b.direct.Pool, b.cfg.Logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closing()) }()
	result = &Indexing{Wanted: b.cfg.Indexing}

	b.progress("measuring " + whileIdle)
	if result.Idle, err = b.searchesInTime(ctx, whileIdle); err != nil {
		return nil, err
	}
	b.progress("measuring " + whileIndexing)
	if err := b.indexBeside(ctx, arriving, result); err != nil {
		return nil, err
	}
	b.progress("applying a backlog of new books")
	return result, b.indexBacklog(ctx, arriving, result)
}

// searchesInTime sends the mix at the rate that is for that.
func (b *bench) searchesInTime(ctx context.Context, name string) (clients.Measurement, error) {
	seen, err := clients.Knock(ctx, b.cfg.Connections, b.cfg.SearchesBeside, indexingLengths*b.cfg.Length, b.search(b.mix))
	return seen.Measurement(name), err
}

// indexBeside has new books arrive while others search.
func (b *bench) indexBeside(ctx context.Context, arriving *arrivals, result *Indexing) error {
	beside, ctx := errgroup.WithContext(ctx)
	beside.Go(func() error {
		began := time.Now()
		if err := arriving.pace(ctx, b.cfg.Indexing, indexingLengths*b.cfg.Length); err != nil {
			return err
		}
		var err error
		if result.Behind, err = arriving.behind(ctx); err != nil {
			return err
		}
		ended := time.Now()
		result.PerSecond = float64(arriving.arrived-result.Behind) / ended.Sub(began).Seconds()
		err = arriving.caughtUp(ctx)
		result.CatchUpSeconds = time.Since(ended).Seconds()
		return err
	})
	beside.Go(func() (err error) {
		result.During, err = b.searchesInTime(ctx, whileIndexing)
		return err
	})
	return beside.Wait()
}

// indexBacklog has many books arrive at once.
func (b *bench) indexBacklog(ctx context.Context, arriving *arrivals, result *Indexing) error {
	result.Backlog = max(1, int(backlogSeconds*b.cfg.Indexing))
	made, err := arriving.make(ctx, result.Backlog) // not against the clock
	if err != nil {
		return err
	}
	began := time.Now()
	for some := range slices.Chunk(made, appendSize) {
		if err := arriving.write(ctx, some); err != nil {
			return err
		}
	}
	if err := arriving.caughtUp(ctx); err != nil {
		return err
	}
	result.BacklogPerSecond = float64(result.Backlog) / time.Since(began).Seconds()
	return nil
}
