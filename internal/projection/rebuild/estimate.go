package rebuild

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// sampleEvents is how many events an estimate copies, and sampleBatch how many of
// them at once.
const (
	sampleEvents = 20_000
	sampleBatch  = 2000
)

// Estimate says what a rebuild would take, by doing it with the first events of
// the log in a transaction that is rolled back. It fails with
// [ErrUnknownProjection].
func (r *Rebuilder) Estimate(ctx context.Context, name string) (Estimate, error) {
	p := r.newest(name)
	if p == nil {
		return Estimate{}, fmt.Errorf("estimate a rebuild of %s: %w", name, ErrUnknownProjection)
	}
	oldest, newest, err := r.cfg.Log(p.Source()).Watermarks(ctx)
	if err != nil {
		return Estimate{}, err
	}
	e := Estimate{Basis: "the log is empty"}
	for partition, end := range newest {
		e.Events += end - oldest[partition]
	}
	if e.Events == 0 {
		return e, nil
	}
	s, err := r.sample(ctx, p, newest)
	if err != nil {
		return Estimate{}, fmt.Errorf("estimate a rebuild of %s: %w", name, err)
	}
	times := float64(e.Events) / float64(s.events)
	seconds := (s.copied + s.indexed).Seconds() * times
	e.Seconds = new(math.Ceil(seconds*10) / 10)
	e.EventsPerSecond = new(math.Round(float64(e.Events) / max(seconds, 0.001)))
	e.Bytes = int64(float64(s.bytes) * times)
	e.Basis = fmt.Sprintf("%d events were copied and indexed on one connection, in a transaction that was rolled back; the rest is taken to be like them", s.events)
	if s.events == e.Events {
		e.Basis = "all events were copied and indexed on one connection, in a transaction that was rolled back"
	}
	return e, nil
}

// sample is what a part of the log took.
type sample struct {
	events          int64
	copied, indexed time.Duration
	bytes           int64
}

// errEnough ends what is done for a sample.
var errEnough = errors.New("the sample is taken")

func (r *Rebuilder) sample(ctx context.Context, p projection.Projection, end events.Offsets) (s sample, err error) {
	err = pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) error {
		// A number that no generation will have, and that two estimates don't share.
		generation := 1<<40 + rand.Int64N(1<<40) //nolint:gosec // nobody gains by guessing it
		if err := p.Create(ctx, tx, generation); err != nil {
			return err
		}
		began := time.Now()
		if err := r.copySample(ctx, tx, p, generation, end, &s); err != nil {
			return err
		}
		s.copied = time.Since(began)
		began = time.Now()
		if err := projection.CreateIndexes(ctx, tx, p, generation); err != nil {
			return err
		}
		s.indexed = time.Since(began)
		for _, t := range p.Tables() {
			var bytes int64
			name := pgx.Identifier{projection.TableName(t.Name, generation)}.Sanitize()
			if err := tx.QueryRow(ctx, `SELECT pg_total_relation_size(to_regclass($1))`, name).Scan(&bytes); err != nil {
				return err
			}
			s.bytes += bytes
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return s, err
}

// copySample copies what is there below end, up to sampleEvents. Batches with a
// record that would be parked are left out.
func (r *Rebuilder) copySample(ctx context.Context, tx pgx.Tx, p projection.Projection, generation int64, end events.Offsets, s *sample) error {
	batch := make([]events.Record, 0, sampleBatch)
	flush := func() error {
		defer func() { batch = batch[:0] }()
		s.events += int64(len(batch))
		// What fails over its records undoes itself alone.
		_ = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return applySample(ctx, tx, p, generation, batch) })
		return ctx.Err()
	}
	err := r.cfg.Log(p.Source()).Read(ctx, nil, end, func(record events.Record) error {
		batch = append(batch, record)
		if len(batch) < sampleBatch {
			return nil
		}
		if err := flush(); err != nil {
			return err
		}
		if s.events >= sampleEvents {
			return errEnough
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

func applySample(ctx context.Context, tx pgx.Tx, p projection.Projection, generation int64, batch []events.Record) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	writes, err := p.Apply(ctx, tx, generation, batch)
	if err != nil || writes == nil {
		return err
	}
	return tx.SendBatch(ctx, writes).Close()
}
