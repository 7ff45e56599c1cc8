package projection

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Tally is a projection that counts how often each book occurs in a topic, be it in
// the catalogue or not: what search orders books by that match as well as each other.
//
// Queries see it as two views: <name>_books (generation, book_id, times, level), a
// row for each book that occurs, and <name>_generation (one row, also while there
// are none).
//
// A count has no memory of what was counted: that each record is counted once, is
// what the checkpoint says that moves in the same transaction, see [Handler]. A
// record that lies in the topic twice counts twice. A spool that was killed between
// a publication and the note of it makes such, a handful each time.
type Tally struct {
	name   string
	source Source
}

// Served counts how often each book was among the results of a search.
func Served() Tally { return Tally{name: "served", source: Searches} }

// Opened counts how often each book was opened.
func Opened() Tally { return Tally{name: "opened", source: Opens} }

// Name implements [Projection].
func (t Tally) Name() string { return t.name }

// Version implements [Projection].
func (Tally) Version() int { return 1 }

// Source implements [Projection].
func (t Tally) Source() Source { return t.source }

// Tables implements [Projection].
func (t Tally) Tables() []Table {
	return []Table{{Name: t.name + "_books", Key: []string{"book_id"}}}
}

// Create implements [Projection]. It fails where the table exists: what it holds is
// not known to be what the log gives.
//
// The level of a book is the number of binary digits of its count: 1, 2 to 3, 4 to 7
// and so on, so that one more view neither changes the order of results nor the
// index. An update that leaves the level as it is stays on its page, if there is
// room (HOT), and touches no index at all.
func (t Tally) Create(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := execAll(ctx, tx, `CREATE TABLE `+t.books(generation)+` (
		book_id bigint   PRIMARY KEY,
		times   bigint   NOT NULL,
		level   smallint NOT NULL GENERATED ALWAYS AS (width_bucket(times, `+powersOfTwo+`)) STORED
	) WITH (fillfactor = 70)`)
	if err != nil {
		return fmt.Errorf("create %s generation %d: %w", t.name, generation, err)
	}
	return nil
}

// powersOfTwo are all that a bigint can be, in SQL. How many of them are not above a
// number is how many binary digits it has.
var powersOfTwo = func() string {
	var powers strings.Builder
	for i := range 63 {
		fmt.Fprintf(&powers, ", %d", int64(1)<<i)
	}
	return `ARRAY[` + powers.String()[len(", "):] + `]::bigint[]`
}()

// Indexes implements [Projection].
func (t Tally) Indexes(generation int64) []Index {
	return []Index{{
		Name: TableName(t.name+"_books_level", generation),
		SQL:  `CREATE INDEX ` + tableName(t.name+"_books_level", generation) + ` ON ` + t.books(generation) + ` (level DESC, book_id DESC)`,
	}}
}

// Activate implements [Projection]; see [Catalog.Activate] for the order.
func (t Tally) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := replaceView(ctx, tx, t.name+"_generation", fmt.Sprintf(`SELECT %d::bigint AS generation`, generation))
	if err == nil {
		err = replaceView(ctx, tx, t.name+"_books", fmt.Sprintf(`
			SELECT %d::bigint AS generation, book_id, times, level FROM %s`, generation, t.books(generation)))
	}
	if err != nil {
		return fmt.Errorf("activate %s generation %d: %w", t.name, generation, err)
	}
	return nil
}

func (t Tally) books(generation int64) string { return tableName(t.name+"_books", generation) }
