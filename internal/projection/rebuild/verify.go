package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/compare"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// gentleChunk is how many rows are compared at once where queries are to be spared.
const gentleChunk = 2000

// verify compares all rows of the new generation with those of the active one. Both
// are fed in the same transactions, so that they are level in any snapshot.
func (o *owner) verify(ctx context.Context, b Rebuild) error {
	options := compare.Options{Between: o.comparing()}
	if o.governor != nil {
		options.ChunkRows = gentleChunk
	}
	report, err := o.compare(ctx, b, options)
	if err != nil {
		return err
	}
	text, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("write down the verification: %w", err)
	}
	next := Switching
	if !report.Equal() && !b.AcceptDiff {
		next = Differs
		o.log.Warn("new generation differs from the active one; 'bookstore rebuild status' shows how, and accept or cancel decides", "differences", report.Differences)
	}
	return pgx.BeginFunc(ctx, o.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE rebuilds SET verification = $3 WHERE id = $1 AND owner = $2`, o.id, o.name, text); err != nil {
			return err
		}
		return o.advance(ctx, tx, b, next)
	})
}

// comparing tells how far the comparison is, and gives way.
func (o *owner) comparing() func(context.Context, compare.Progress) error {
	began := time.Now()
	return func(ctx context.Context, p compare.Progress) error {
		o.status.progress(min(1, float64(p.Rows)/float64(max(p.Expected, 1))), "comparing "+p.Table)
		if o.governor == nil {
			return ctx.Err()
		}
		err := o.governor.Wait(ctx, time.Since(began))
		began = time.Now()
		return err
	}
}

// Diff calls each for every row that differs between the generation that a rebuild
// makes, or has made, and the one it replaces. It fails with [ErrNotFound], each's
// error, or [ErrNothingToCompare] unless both are there and level.
func (r *Rebuilder) Diff(ctx context.Context, id int64, each func(compare.Row) error) error {
	b, err := Get(ctx, r.cfg.Pool, id)
	if err != nil {
		return err
	}
	_, err = r.compare(ctx, b, compare.Options{Differs: each})
	return err
}

// compare compares what a rebuild makes with what it replaces.
func (r *Rebuilder) compare(ctx context.Context, b Rebuild, options compare.Options) (report compare.Report, err error) {
	if b.Replaces == nil {
		return report, fmt.Errorf("compare in rebuild %d: %w", b.ID, ErrNothingToCompare)
	}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, r.cfg.Pool, snapshot, func(tx pgx.Tx) error {
		// It idles while others go first.
		if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
			return err
		}
		pairs, err := r.pairs(ctx, tx, b)
		if err != nil {
			return err
		}
		report, err = compare.Run(ctx, tx, pairs, options)
		return err
	})
	if err != nil {
		return report, fmt.Errorf("compare generations %d and %d of %s: %w", *b.Replaces, b.Generation, b.Projection, err)
	}
	return report, nil
}

// pairs are the tables of both generations, side by side.
func (r *Rebuilder) pairs(ctx context.Context, db postgres.Reader, b Rebuild) ([]compare.Pair, error) {
	rows, err := db.Query(ctx, `
		SELECT generation, tables FROM generations WHERE projection = $1 AND generation IN ($2, $3) AND attached`,
		b.Projection, *b.Replaces, b.Generation)
	if err != nil {
		return nil, err
	}
	tables := make(map[int64][]string)
	var generation int64
	var names []string
	_, err = pgx.ForEachRow(rows, []any{&generation, &names}, func() error {
		tables[generation] = slices.Clone(names)
		return nil
	})
	if err != nil {
		return nil, err
	}
	code := r.code(b.Projection, b.Version)
	if len(tables) != 2 || code == nil {
		return nil, ErrNothingToCompare
	}
	var pairs []compare.Pair
	for _, t := range code.Tables() {
		pairs = append(pairs, pairOf(t.Name, t.Key, b))
	}
	for _, name := range tables[*b.Replaces] {
		base := strings.TrimSuffix(name, projection.TableName("", *b.Replaces))
		if !slices.ContainsFunc(pairs, func(p compare.Pair) bool { return p.Name == base }) {
			pairs = append(pairs, pairOf(base, nil, b)) // the new version does without it
		}
	}
	return pairs, nil
}

func pairOf(table string, key []string, b Rebuild) compare.Pair {
	return compare.Pair{
		Name: table, Key: key,
		Active: projection.TableName(table, *b.Replaces), New: projection.TableName(table, b.Generation),
	}
}
