package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Pair is one table of a projection in both generations.
type Pair struct {
	Name   string // the table's, without a generation: for reports
	Active string // the active generation's table, unquoted; looked for in the search_path
	New    string // the new generation's table, likewise

	// Key is the columns that identify a row, in the order of the primary keys:
	// in another order each chunk sorts what is left of the table.
	Key []string
}

// Options are how to compare. The zero value is fit for use.
type Options struct {
	// ChunkRows bounds the rows that one statement reads, of both sides together.
	// 0 means 20,000: some 50 ms of catalog rows.
	ChunkRows int
	// Between, if not nil, is called after each chunk. This is where a throttle
	// waits; the snapshot stays open meanwhile, and the server ends the
	// transaction if that takes longer than its
	// idle_in_transaction_session_timeout. An error ends the comparison.
	Between func(ctx context.Context, p Progress) error
	// Samples is how many differing rows to keep of each kind and for each field,
	// per table. 0 means 5.
	Samples int
	// Differs, if not nil, is called with every differing row, by table and key,
	// with values in full. It is called while the transaction is reading, and so
	// can't use it. An error ends the comparison.
	Differs func(Row) error
}

// Progress is how far a comparison is.
type Progress struct {
	Table    string // Pair.Name of the table that is being compared
	Rows     int64  // compared so far: of both sides, of all tables
	Expected int64  // of these in the end, as PostgreSQL's planner estimates; never less than Rows
}

const (
	defaultChunkRows = 20_000
	defaultSamples   = 5
)

var (
	// ErrNoPairs says that there is nothing to compare, which must not pass for
	// finding nothing.
	ErrNoPairs = errors.New("no tables to compare")
	// ErrNoSnapshot says that the transaction's statements each see another state:
	// its isolation is less than REPEATABLE READ. Rows that move meanwhile would
	// pass for differences.
	ErrNoSnapshot = errors.New("transaction does not read one snapshot")
	// ErrNoTable says that neither side of a pair exists.
	ErrNoTable = errors.New("table exists on neither side")
	// ErrNoKey says that the key of a pair is neither side's.
	ErrNoKey = errors.New("key identifies no row on either side")
)

// Run compares the tables of pairs in the snapshot of tx, which is REPEATABLE
// READ; it writes nothing, so READ ONLY is fine. Until tx ends, its settings for
// the text form of values (time zone and the like) and for parallel queries are
// changed.
//
// It fails with ErrNoPairs, ErrNoSnapshot, ErrNoTable, ErrNoKey, with the errors
// of Options' functions, and with those of PostgreSQL; tx can then only be
// rolled back. A difference is not an error.
func Run(ctx context.Context, tx pgx.Tx, pairs []Pair, o Options) (Report, error) {
	c := comparison{tx: tx, Options: o}
	c.ChunkRows = cmp.Or(o.ChunkRows, defaultChunkRows)
	c.Samples = cmp.Or(o.Samples, defaultSamples)

	if len(pairs) == 0 {
		return Report{}, ErrNoPairs
	}
	if err := c.prepare(ctx); err != nil {
		return Report{}, err
	}
	layouts, err := c.layouts(ctx, pairs)
	if err != nil {
		return Report{}, err
	}
	report := Report{Tables: make([]Table, 0, len(pairs))}
	for _, l := range layouts {
		table, err := c.compare(ctx, l)
		if err != nil {
			return Report{}, fmt.Errorf("compare table %s: %w", l.pair.Name, err)
		}
		report.Tables = append(report.Tables, table)
		report.Differences += table.Differences()
	}
	return report, nil
}

// comparison is one Run.
type comparison struct {
	Options
	tx       pgx.Tx
	progress Progress
}

// prepare checks the isolation of tx and fixes the text form of values, so that
// neither a lossy setting (extra_float_digits, DateStyle) hides a difference nor
// checksums and reports depend on who asks. It also keeps the comparison to one
// core: the planner would take several for a chunk of a table that was not
// analyzed yet, and live queries need them.
func (c *comparison) prepare(ctx context.Context) error {
	var isolation string
	err := c.tx.QueryRow(ctx, `
		SELECT current_setting('transaction_isolation'),
			set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
			set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true),
			set_config('extra_float_digits', '1', true),
			set_config('max_parallel_workers_per_gather', '0', true)`).Scan(&isolation, nil, nil, nil, nil, nil, nil)
	if err != nil {
		return fmt.Errorf("prepare to compare: %w", err)
	}
	if isolation != "repeatable read" && isolation != "serializable" {
		return fmt.Errorf("%w: it is %s", ErrNoSnapshot, isolation)
	}
	return nil
}

// layouts looks at all tables before the first is compared: what can't be
// compared is known at once, and so is about how much there is to do.
func (c *comparison) layouts(ctx context.Context, pairs []Pair) ([]layout, error) {
	layouts := make([]layout, 0, len(pairs))
	for _, p := range pairs {
		active, err := readShape(ctx, c.tx, p.Active)
		if err != nil {
			return nil, err
		}
		fresh, err := readShape(ctx, c.tx, p.New)
		if err != nil {
			return nil, err
		}
		l, err := match(p, active, fresh)
		if err != nil {
			return nil, fmt.Errorf("compare table %s: %w", p.Name, err)
		}
		layouts = append(layouts, l)
		c.progress.Expected += active.expected + fresh.expected
	}
	return layouts, nil
}

// advance notes that rows were compared and gives the caller its turn.
func (c *comparison) advance(ctx context.Context, table string, rows int64) error {
	c.progress.Table = table
	c.progress.Rows += rows
	c.progress.Expected = max(c.progress.Expected, c.progress.Rows)
	if c.Between == nil {
		return nil
	}
	return c.Between(ctx, c.progress)
}
