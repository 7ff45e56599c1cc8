package compare

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// aspect is what a differing row can be a sample of.
type aspect struct {
	kind  Kind
	field int // of Changed: which common column
}

// condition returns the SQL for rows that show the aspect.
func (a aspect) condition() string {
	switch a.kind {
	case OnlyActive:
		return onlyActive
	case OnlyNew:
		return onlyNew
	case Changed:
		return changed(a.field)
	}
	return "false"
}

// show reads the differing rows of part that somebody wants to see: all for
// Differs, else those that are needed as samples. Mostly that is none: where a
// new version changes a field of every row, they are counted where they are.
func (t *tableComparison) show(ctx context.Context, part span, anyOnlyActive, anyOnlyNew bool, changes []int64) error {
	var conditions []string
	want := func(a aspect, found bool) {
		if found && (t.Differs != nil || t.shown[a] < t.Samples) {
			conditions = append(conditions, a.condition())
		}
	}
	want(aspect{kind: OnlyActive}, anyOnlyActive)
	want(aspect{kind: OnlyNew}, anyOnlyNew)
	for i, n := range changes {
		want(aspect{kind: Changed, field: i}, n > 0)
	}
	if len(conditions) == 0 {
		return nil
	}
	if err := t.showRows(ctx, part, conditions); err != nil {
		return fmt.Errorf("read differing rows: %w", err)
	}
	return nil
}

func (t *tableComparison) showRows(ctx context.Context, part span, conditions []string) error {
	sql, args := t.sql.rows(part, conditions)
	rows, err := t.tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var onActive, onNew bool
	var key []string
	var active, fresh []*string
	_, err = pgx.ForEachRow(rows, []any{&onActive, &onNew, &key, &active, &fresh}, func() error {
		row, aspects := t.row(onActive, onNew, key, active, fresh)
		t.sample(row, aspects)
		if t.Differs == nil {
			return nil
		}
		return t.Differs(row)
	})
	return err
}

// row makes a Row, and says what it is a sample of.
func (t *tableComparison) row(onActive, onNew bool, key []string, active, fresh []*string) (Row, []aspect) {
	row := Row{Table: t.found.Table, Key: make(map[string]string, len(key)), Kind: Changed, Fields: []Difference{}}
	for i, k := range t.sql.key {
		row.Key[k.name] = key[i]
	}
	var aspects []aspect
	switch {
	case !onNew:
		row.Kind = OnlyActive
	case !onActive:
		row.Kind = OnlyNew
	}
	if row.Kind != Changed {
		aspects = append(aspects, aspect{kind: row.Kind})
	}
	for i, c := range t.sql.common {
		if row.Kind == Changed {
			if same(active[i], fresh[i]) {
				continue
			}
			aspects = append(aspects, aspect{kind: Changed, field: i})
		} else if _, inKey := row.Key[c.name]; inKey {
			continue
		}
		row.Fields = append(row.Fields, Difference{Field: c.name, Active: active[i], New: fresh[i]})
	}
	return row, aspects
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// sample keeps a row that shows something that too few samples show.
func (t *tableComparison) sample(row Row, aspects []aspect) {
	wanted := false
	for _, a := range aspects {
		wanted = wanted || t.shown[a] < t.Samples
	}
	if !wanted {
		return
	}
	for _, a := range aspects {
		t.shown[a]++
	}
	t.found.Samples = append(t.found.Samples, row.shortened())
}
