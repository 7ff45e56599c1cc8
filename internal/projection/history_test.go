package projection_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// historyRow is a row of a history generation.
type historyRow struct {
	BookID, Version                 int64
	Type                            string
	At                              time.Time
	Actor, CommandID, CorrelationID string
	Details                         *events.Details
}

func historyRows(t require.TestingT, pool *pgxpool.Pool, generation int64) []historyRow {
	rows, err := pool.Query(context.Background(), fmt.Sprintf(`
		SELECT book_id, version, type, at, actor, command_id, correlation_id, details
		FROM history_entries_g%d ORDER BY book_id, version`, generation))
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r historyRow, err error) {
		var said []byte
		if err = row.Scan(&r.BookID, &r.Version, &r.Type, &r.At, &r.Actor, &r.CommandID, &r.CorrelationID, &said); err != nil {
			return r, err
		}
		r.At = r.At.UTC()
		if said != nil {
			err = json.Unmarshal(said, &r.Details)
		}
		return r, err
	})
	require.NoError(t, err)
	return found
}

func TestHistoryKeepsEveryStep(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.History{}, 1)
	var l log
	revised := updated(7, 2)
	revised.ISBN = "9783161484100"
	for _, e := range []events.Event{created(7), rejected(7), revised, deleted(7, 3), created(7), deleted(7, 3)} {
		l.add(t, e)
	}
	for _, records := range [][]events.Record{l.records[:2], l.records[2:], l.records} {
		require.NoError(t, apply(pool, projection.History{}, 1, records))
	}

	one, two := detailsOf(7, 1), revised.Details
	require.Equal(t, []historyRow{
		{7, 1, "created", at(1), "ada", "command-0", "correlation-0", &one},
		{7, 2, "updated", at(2), "ada", "command-2", "correlation-2", &two},
		{7, 3, "deleted", at(3), "ada", "command-3", "correlation-3", nil},
	}, historyRows(t, pool, 1))
}

func TestHistoryNamesAnISBNThatCantBeStored(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.History{}, 1)
	withNUL := created(7)
	withNUL.ISBN = "9783161484100\x00"
	var l log
	l.add(t, withNUL)
	var decode *events.DecodeError
	require.ErrorAs(t, apply(pool, projection.History{}, 1, l.records), &decode)
}

func TestHistoryOfAnEventThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.History{}, 1)
	encoded, err := events.EncodeEvent(events.Envelope{ID: "e", Source: events.SourceCommands, Time: dayOne}, created(7))
	require.NoError(t, err)
	var l log
	l.put(events.Record{Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers})
	require.NoError(t, apply(pool, projection.History{}, 1, l.records))

	one := detailsOf(7, 1)
	require.Equal(t, []historyRow{{7, 1, "created", at(1), "", "", "", &one}}, historyRows(t, pool, 1))
}
