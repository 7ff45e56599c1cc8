package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// row is what a table has under a key.
type row interface {
	comparable
	// values are what is compared of it one by one, and shown.
	values() []value
}

// table compares the rows of one table, each with what the log gives under its key.
type table[K comparable, V row] struct {
	model string  // the read model that it belongs to
	of    string  // what a row is, as the field of one that is missing or too many
	rows  map[K]V // what the log gives; rows that were met are taken out
}

func newTable[K comparable, V row](model, of string) table[K, V] {
	return table[K, V]{model: model, of: of, rows: make(map[K]V)}
}

// meet compares a row of the database. It returns the one that the log gives, and
// false where there is none. The row is named by about: a [Difference] without field
// and values, made only where one is needed.
func (t table[K, V]) meet(v *verification, key K, found V, about func() Difference) (expected V, both bool) {
	v.models[t.model].Found++
	expected, both = t.rows[key]
	if !both {
		v.differs(t.difference(about(), t.of, absent, described(found)))
		return expected, false
	}
	v.models[t.model].Expected++
	delete(t.rows, key)
	if expected != found {
		compareValues(expected.values(), found.values(), func(field, log, model string) {
			v.differs(t.difference(about(), field, log, model))
		})
	}
	return expected, true
}

// has says whether the log gives a row that was not met.
func (t table[K, V]) has(key K) bool {
	_, has := t.rows[key]
	return has
}

// missing reports each row that was not met.
func (t table[K, V]) missing(v *verification, about func(K) Difference) {
	for key := range t.rows {
		t.miss(v, key, about(key))
	}
}

// miss reports a row that was not met.
func (t table[K, V]) miss(v *verification, key K, about Difference) {
	v.models[t.model].Expected++
	v.differs(t.difference(about, t.of, described(t.rows[key]), absent))
	delete(t.rows, key)
}

func (t table[K, V]) difference(about Difference, field, log, model string) Difference {
	about.Where, about.Field, about.Log, about.Model = t.model, field, log, model
	return about
}

// described is a row in one line.
func described[V row](r V) string {
	var fields []string
	for _, v := range r.values() {
		fields = append(fields, v.field+" "+v.text)
	}
	return strings.Join(fields, ", ")
}

// eachRow calls fn with each row of a read model's view, scanned. The first column is
// the generation, which into does not have.
func (v *verification) eachRow(ctx context.Context, tx pgx.Tx, model, columns, view string, into []any, fn func() error) error {
	var generation int64
	rows, err := tx.Query(ctx, `SELECT generation, `+columns+` FROM `+view)
	if err != nil {
		return fmt.Errorf("read %s: %w", view, err)
	}
	_, err = pgx.ForEachRow(rows, append([]any{&generation}, into...), func() error {
		if err := sameGeneration(generation, *v.models[model]); err != nil {
			return err
		}
		return fn()
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", view, err)
	}
	return v.checkActive(ctx, tx, model)
}
