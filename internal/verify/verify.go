package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
)

// Log is the events topic.
type Log interface {
	// Watermarks returns, by partition, the offset of the oldest record there is
	// and the one that the next record will get.
	Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error)

	// Read calls fn with all records from the oldest to before to, in order within
	// each partition, one at a time, and fails with its error.
	Read(ctx context.Context, to events.Offsets, fn func(events.Record) error) error
}

// Config is what a verification needs. All fields are required.
type Config struct {
	Pool *pgxpool.Pool
	Log  Log
	// Differs is called with each difference, in no certain order, and with each
	// book of which events are parked, once for each read model: see [FieldParked].
	Differs func(Difference)
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var faults []error
	for field, missing := range map[string]bool{
		"Pool":    c.Pool == nil,
		"Log":     c.Log == nil,
		"Differs": c.Differs == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("verify.Config.%s is missing", field))
		}
	}
	return errors.Join(faults...)
}

// verification is the state of one Run.
type verification struct {
	cfg    Config
	report Report

	// What was in the log before the snapshot was decided before it; what the
	// snapshot calls published was in the log when end was read.
	beforeSnapshot, oldest, end events.Offsets

	books     map[int64]folded
	decisions map[digest]decision      // by command id
	suspects  map[int64]bool           // books of which something differs
	repeated  map[step]bool            // versions that are in the log more than once
	disputed  map[string]facts         // by command id: what its event says, where the decision says otherwise
	parked    map[string]parked        // by read model
	givenUp   map[events.Position]bool // records that operators have discarded

	// What can't be read and is parked for it.
	unread struct {
		records map[events.Position]bool
		keys    map[string]bool
	}
}

// Run compares. That there are differences is no error; see [Report].
// It fails with [ErrNoReadModel], [ErrSwitched], and what reading fails with.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	v := &verification{
		cfg:       cfg,
		books:     make(map[int64]folded),
		decisions: make(map[digest]decision),
		suspects:  make(map[int64]bool),
		repeated:  make(map[step]bool),
		disputed:  make(map[string]facts),
		parked:    map[string]parked{InCatalog: {}, InHistory: {}},
		givenUp:   make(map[events.Position]bool),
	}
	v.unread.records, v.unread.keys = make(map[events.Position]bool), make(map[string]bool)
	_, before, err := cfg.Log.Watermarks(ctx)
	if err != nil {
		return v.report, err
	}
	v.beforeSnapshot = before
	err = pgx.BeginTxFunc(ctx, cfg.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
		func(tx pgx.Tx) error { return v.run(ctx, tx) })
	return v.report, err
}

func (v *verification) run(ctx context.Context, tx pgx.Tx) error {
	for _, part := range []func(context.Context, pgx.Tx) error{
		v.takeSnapshot,
		v.loadParked,
		v.loadDecisions,
		v.foldLog,
		v.compareCatalog,
		v.compareHistory,
		v.compareDecisions,
		v.explainSuspects,
	} {
		if err := part(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) differs(d Difference) {
	v.report.Differences++
	v.cfg.Differs(d)
}

// takeSnapshot reads where the read models stand, which is also what the
// transaction's snapshot begins with.
func (v *verification) takeSnapshot(ctx context.Context, tx pgx.Tx) error {
	// The transaction idles while the log is read, however long that takes.
	if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return fmt.Errorf("prepare the snapshot: %w", err)
	}
	for name, model := range map[string]*ReadModel{InCatalog: &v.report.Catalog, InHistory: &v.report.History} {
		if err := readPosition(ctx, tx, name, model); err != nil {
			return err
		}
	}
	var err error
	if v.oldest, v.end, err = v.cfg.Log.Watermarks(ctx); err != nil {
		return err
	}
	v.checkEnds(InCatalog, &v.report.Catalog)
	v.checkEnds(InHistory, &v.report.History)
	for partition, oldest := range v.oldest {
		if oldest > 0 {
			v.differs(Difference{
				Where: InLog, Field: fmt.Sprintf("partition %d", partition),
				Log: fmt.Sprintf("begins at offset %d: the records before it were deleted", oldest),
			})
		}
	}
	return nil
}

// checkEnds counts how far a read model is behind the log, and reports it where
// it has applied what the log does not have.
func (v *verification) checkEnds(name string, model *ReadModel) {
	for partition, end := range v.end {
		model.Behind += max(0, end-nextOffset(model.Position, int32(partition)))
	}
	for partition, position := range model.Position {
		if end := nextOffset(v.end, int32(partition)); position > end {
			v.differs(Difference{
				Where: name, Field: fmt.Sprintf("position in partition %d", partition),
				Log: fmt.Sprintf("ends at %d", end), Model: fmt.Sprint(position),
			})
		}
	}
}

func nextOffset(o events.Offsets, partition int32) int64 {
	if int(partition) >= len(o) {
		return 0
	}
	return o[partition]
}
