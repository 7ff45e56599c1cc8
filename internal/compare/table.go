package compare

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/jackc/pgx/v5"
)

// compare compares one pair of tables.
func (c *comparison) compare(ctx context.Context, l layout) (Table, error) {
	if len(l.key) == 0 {
		return c.countOnly(ctx, l)
	}
	t := &tableComparison{comparison: c, sql: statements{l}, found: l.report, byField: make([]int64, len(l.common)), shown: map[aspect]int{}}
	for part := (span{}); ; part.after = part.upTo {
		var err error
		if part.upTo, err = t.boundBehind(ctx, part.after); err != nil {
			return Table{}, err
		}
		rows, err := t.compareChunk(ctx, part)
		if err != nil {
			return Table{}, err
		}
		if err := c.advance(ctx, l.pair.Name, rows); err != nil {
			return Table{}, err
		}
		if part.upTo == nil {
			return t.finish(), nil
		}
	}
}

// countOnly is for pairs whose rows can't be matched.
func (c *comparison) countOnly(ctx context.Context, l layout) (Table, error) {
	found := l.report
	for _, side := range []struct {
		shape
		rows *int64
	}{{l.active, &found.ActiveRows}, {l.new, &found.NewRows}} {
		if !side.exists {
			continue
		}
		if err := c.tx.QueryRow(ctx, countAll(side.name)).Scan(side.rows); err != nil {
			return Table{}, fmt.Errorf("count rows of %s: %w", side.name, err)
		}
	}
	if found.OnlyIn != New {
		found.OnlyActive, found.OnlyNew = found.ActiveRows, found.NewRows
	}
	return found, c.advance(ctx, l.pair.Name, found.ActiveRows+found.NewRows)
}

// tableComparison is the comparison of one pair, chunk by chunk.
type tableComparison struct {
	*comparison
	sql               statements
	found             Table
	byField           []int64 // rows that differ, by common column
	activeSum, newSum big.Int
	shown             map[aspect]int // samples so far
}

// boundBehind returns the key that ends the chunk behind after, nil if that is
// the last chunk.
func (t *tableComparison) boundBehind(ctx context.Context, after []string) ([]string, error) {
	sql, args := t.sql.bound(after, t.ChunkRows)
	var key []string
	err := t.tx.QueryRow(ctx, sql, args...).Scan(&key)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the next rows: %w", err)
	}
	return key, nil
}

// compareChunk returns the number of rows of part, of both sides together.
func (t *tableComparison) compareChunk(ctx context.Context, part span) (rows int64, err error) {
	sql, args := t.sql.checksums(part)
	var activeRows, newRows int64
	var activeSum, newSum string
	if err := t.tx.QueryRow(ctx, sql, args...).Scan(&activeRows, &activeSum, &newRows, &newSum); err != nil {
		return 0, fmt.Errorf("count and sum up: %w", err)
	}
	t.found.ActiveRows += activeRows
	t.found.NewRows += newRows
	add(&t.activeSum, activeSum)
	add(&t.newSum, newSum)
	if activeRows != newRows || activeSum != newSum {
		if err := t.inspect(ctx, part); err != nil {
			return 0, err
		}
	}
	return activeRows + newRows, nil
}

// add adds a number that PostgreSQL wrote.
func add(sum *big.Int, number string) {
	n, _ := new(big.Int).SetString(number, 10)
	sum.Add(sum, n)
}

// inspect finds out what differs in a part that does.
func (t *tableComparison) inspect(ctx context.Context, part span) error {
	sql, args := t.sql.counts(part)
	var onlyActive, onlyNew, changed int64
	var fields []int64
	if err := t.tx.QueryRow(ctx, sql, args...).Scan(&onlyActive, &onlyNew, &changed, &fields); err != nil {
		return fmt.Errorf("count differences: %w", err)
	}
	t.found.OnlyActive += onlyActive
	t.found.OnlyNew += onlyNew
	t.found.Changed += changed
	for i, n := range fields {
		t.byField[i] += n
	}
	return t.show(ctx, part, onlyActive > 0, onlyNew > 0, fields)
}

// finish returns what was found.
func (t *tableComparison) finish() Table {
	t.found.ActiveChecksum, t.found.NewChecksum = checksum(&t.activeSum), checksum(&t.newSum)
	for i, n := range t.byField {
		if n > 0 {
			t.found.Fields = append(t.found.Fields, Field{Field: t.sql.common[i].name, Rows: n})
		}
	}
	return t.found
}

// checksum writes the low 64 bits of a sum of 64-bit hashes. The whole sum says
// no more: what is above them depends on the number of rows alone, roughly.
func checksum(sum *big.Int) string {
	low := new(big.Int).And(sum, new(big.Int).SetUint64(1<<64-1))
	return fmt.Sprintf("%016x", low)
}
