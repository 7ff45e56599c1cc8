package parked

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/postgres"
)

// Requested is a line of which somebody wants something.
type Requested struct {
	Generation int64
	Partition  int32
	Key        []byte
	// Records is the whole line in the order of the log. Request tells what was
	// asked of each.
	Records []Record
}

// linesAtOnce bounds what [ReadRequested] returns: after a fix somebody may ask
// for all of a great many.
const linesAtOnce = 100

// ReadRequested reads the lines of some partitions, in some generations of a
// consumer, of which somebody wants something: at most 100, those that were
// parked first. More come once these are done; so the generations must be those
// of which the caller can do it. It is cheap where there are none.
func ReadRequested(ctx context.Context, db postgres.Reader, consumer string, generations []int64, partitions []int32) ([]Requested, error) {
	rows, err := db.Query(ctx, `
		WITH asked AS (
			SELECT consumer, generation, partition, record_key FROM parked_records
			WHERE consumer = $1 AND generation = ANY ($2) AND partition = ANY ($3) AND request IS NOT NULL
			GROUP BY consumer, generation, partition, record_key ORDER BY min(id) LIMIT $4
		)
		SELECT `+about+`, `+contents+` FROM parked_records AS held
		WHERE discarded_at IS NULL AND EXISTS (SELECT FROM asked WHERE `+sameLine("held", "asked")+`)
		ORDER BY generation, partition, record_key, record_offset`, consumer, generations, partitions, linesAtOnce)
	if err != nil {
		return nil, fmt.Errorf("read what is asked of %s: %w", consumer, err)
	}
	records, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("read what is asked of %s: %w", consumer, err)
	}
	var requested []Requested
	for _, r := range records {
		if last := len(requested) - 1; last >= 0 && requested[last].has(r) {
			requested[last].Records = append(requested[last].Records, r)
			continue
		}
		requested = append(requested, Requested{r.Generation, r.Partition, r.Key, []Record{r}})
	}
	return requested, nil
}

func (q Requested) has(r Record) bool {
	return q.Generation == r.Generation && q.Partition == r.Partition &&
		bytes.Equal(q.Key, r.Key) && (q.Key == nil) == (r.Key == nil)
}
