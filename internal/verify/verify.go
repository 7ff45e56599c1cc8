package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
)

// Log is a topic.
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
	Pool     *pgxpool.Pool
	Log      Log // the events
	Searches Log // what was searched, and served
	Opens    Log // who opened which book
	// Differs is called with each difference, in no certain order, and with each
	// book of which events are parked, and each search and opening that is, once for
	// each read model: see [FieldParked].
	Differs func(Difference)
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var faults []error
	for field, missing := range map[string]bool{
		"Pool":     c.Pool == nil,
		"Log":      c.Log == nil,
		"Searches": c.Searches == nil,
		"Opens":    c.Opens == nil,
		"Differs":  c.Differs == nil,
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
	models map[string]*ReadModel // of the report, by name
	topics map[string]*topic     // by name: InLog, InSearches, InOpens

	// What was in the log before the snapshot was decided before it; what the
	// snapshot calls published was in the log when its end was read.
	beforeSnapshot events.Offsets

	books     map[int64]folded
	decisions map[digest]decision      // by command id
	suspects  map[int64]bool           // books of which something differs
	repeated  map[step]bool            // versions that are in the log more than once
	disputed  map[string]facts         // by command id: what its event says, where the decision says otherwise
	parked    map[string]positions     // by read model
	givenUp   map[events.Position]bool // events that operators have discarded
	discarded map[string]positions     // the same of searches and opens, by read model

	// What can't be read and is parked for it.
	unread struct {
		records map[events.Position]bool
		keys    map[string]bool
	}

	// What the log gives of the other read models.
	served, opened counted
	trends         trends
	interests      interests
	again          map[events.Position][]unexplained // of the searches: what they are to be read again for
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
		parked:    make(map[string]positions),
		givenUp:   make(map[events.Position]bool),
		discarded: make(map[string]positions),
		topics: map[string]*topic{
			InLog: {name: InLog, log: cfg.Log}, InSearches: {name: InSearches, log: cfg.Searches}, InOpens: {name: InOpens, log: cfg.Opens},
		},
		served: newCounted(InServed),
		opened: newCounted(InOpened),
		again:  make(map[events.Position][]unexplained),
	}
	v.models = v.report.models()
	for name := range v.models {
		v.parked[name], v.discarded[name] = make(positions), make(positions)
	}
	known := newKeys()
	v.trends, v.interests = newTrends(known), newInterests(known)
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
	if err := v.takeSnapshot(ctx, tx); err != nil {
		return err
	}
	for _, part := range []func(context.Context, pgx.Tx) error{
		v.loadParked,
		v.loadDecisions,
		v.foldLog,
		v.compareCatalog,
		v.compareHistory,
		v.compareDecisions,
		v.explainSuspects,
		v.foldOpens,
		v.compareOpened,
		v.foldSearches,
		v.compareServed,
		v.compareTrends,
		v.compareInterests,
		v.explainSearches,
	} {
		if err := unlocked(ctx, tx, part); err != nil {
			return err
		}
	}
	return nil
}

// unlocked runs a part of a verification and lets go of the locks that it took: those
// on views, held while a topic is read, would keep a rebuild from switching, and
// queries waiting each time that it tries. The snapshot stays.
func unlocked(ctx context.Context, tx pgx.Tx, part func(context.Context, pgx.Tx) error) error {
	nested, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	if err := part(ctx, nested); err != nil {
		return err
	}
	if err := nested.Rollback(ctx); err != nil {
		return fmt.Errorf("go back to a savepoint: %w", err)
	}
	return nil
}

func (v *verification) differs(d Difference) {
	v.report.Differences++
	if model := v.models[d.Where]; model != nil {
		model.Differences++
	}
	v.cfg.Differs(d)
}

// takeSnapshot reads where the read models stand, which is also what the
// transaction's snapshot begins with, and then where the topics end.
func (v *verification) takeSnapshot(ctx context.Context, tx pgx.Tx) error {
	// The transaction idles while the log is read, however long that takes.
	if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return fmt.Errorf("prepare the snapshot: %w", err)
	}
	for name, model := range v.models {
		if err := readPosition(ctx, tx, name, model); err != nil {
			return err
		}
	}
	for _, t := range v.topics {
		var err error
		if t.oldest, t.end, err = t.log.Watermarks(ctx); err != nil {
			return err
		}
		v.checkBeginnings(t)
	}
	for name, model := range v.models {
		v.checkEnds(name, model)
	}
	return nil
}

// checkEnds counts how far a read model is behind its topic, and reports it where
// it has applied what the topic does not have.
func (v *verification) checkEnds(name string, model *ReadModel) {
	t := v.topics[topicOf(name)]
	for partition, end := range t.end {
		model.Behind += max(0, end-max(t.oldest[partition], nextOffset(model.Position, int32(partition))))
	}
	for partition, position := range model.Position {
		if end := nextOffset(t.end, int32(partition)); position > end {
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
