package command_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
)

// typeNewer is a type of commands that this program does not know.
const typeNewer = "bookstore.book.create.v9"

// newer makes a command one of a newer program's.
func newer(r events.Record) events.Record { return retyped(r, typeNewer) }

func retyped(r events.Record, kind string) events.Record {
	headers := append([]events.Header(nil), r.Headers...)
	for i, h := range headers {
		if h.Key == events.HeaderType {
			headers[i].Value = kind
		}
	}
	r.Headers = headers
	return r
}

// upgradable decides as today's program does, and once it is upgraded as one that
// reads the newer commands too.
type upgradable struct {
	*command.Handler
	upgraded atomic.Bool
}

func (u *upgradable) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	if u.upgraded.Load() {
		lifted := make([]events.Record, len(records))
		for i, r := range records {
			lifted[i] = r
			if r.Header(events.HeaderType) == typeNewer {
				lifted[i] = retyped(r, events.TypeCreateBook)
			}
		}
		records = lifted
	}
	return u.Handler.Apply(ctx, db, generation, records)
}

func startUpgradable(t *testing.T, pool *pgxpool.Pool, log command.Log) (*projection.Engine, *upgradable) {
	t.Helper()
	u := &upgradable{Handler: command.NewHandler(pool, log, command.NewOutcomes(pool))}
	e, err := projection.NewEngine(projection.Config{
		Consumer: "commands", Generations: projection.Only(1), Handler: u, Pool: pool,
		Durable: true, Independent: true, Logger: quiet, Metrics: projection.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(t, err)
	_, err = e.Assign(t.Context(), []int32{0}, func() {})
	require.NoError(t, err)
	background(t, e.Run)
	return e, u
}

// A command that can't be read is parked, and nothing waits for it: not even what
// concerns the same book. A retry decides it when the program can read it.
func TestACommandThatCannotBeReadIsParkedAlone(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	e, u := startUpgradable(t, pool, log)
	for _, r := range []events.Record{
		in.put(t, 0, "", create(7)), newer(in.put(t, 0, "", create(8))), in.put(t, 0, "", update(8)), in.put(t, 0, "", create(9)), in.put(t, 0, "", update(7)),
	} {
		require.NoError(t, e.Handle(t.Context(), r))
	}
	require.Eventually(t, func() bool { return len(log.all()) == 4 }, patience, pollEvery)
	require.ElementsMatch(t, []string{"7 created 1", "8 rejected at 0: book_not_found", "9 created 1", "7 updated 2"}, log.told(t))
	require.Len(t, waiting(t, pool), 1)
	require.Equal(t, int64(8), waiting(t, pool)[0].Book)

	retry := func() {
		_, err := parked.Request(t.Context(), pool, parked.Selection{Consumer: "commands"}, parked.Retry)
		require.NoError(t, err)
	}
	retry()
	require.Eventually(t, func() bool { return waiting(t, pool)[0].Tries == 2 }, patience, pollEvery)

	// The log is away just as the retry is decided: it is published when it is back.
	u.upgraded.Store(true)
	var refused atomic.Bool
	log.before = func([]events.Encoded) error {
		if refused.CompareAndSwap(false, true) {
			return events.ErrLogUnavailable
		}
		return nil
	}
	retry()
	require.Eventually(t, func() bool { return len(log.all()) == 5 }, patience, pollEvery)
	require.True(t, refused.Load())
	require.Equal(t, "8 created 1", log.told(t)[4])
	log.requireHistories(t)
	require.Empty(t, waiting(t, pool))
}

// The client has sent a parked creation again in the meantime, in a way that can be
// read, and it was decided: the retry finds so, however busy its partition is.
func TestAParkedCommandThatWasDecidedSinceChangesNothing(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	e, u := startUpgradable(t, pool, log)
	for _, r := range []events.Record{newer(in.put(t, 0, "twice", create(7))), in.put(t, 0, "twice", create(7))} {
		require.NoError(t, e.Handle(t.Context(), r))
	}
	require.Eventually(t, func() bool { return len(log.all()) == 1 && len(waiting(t, pool)) == 1 }, patience, pollEvery)
	u.upgraded.Store(true)
	_, err := parked.Request(t.Context(), pool, parked.Selection{}, parked.Retry)
	require.NoError(t, err)
	id := int64(100)
	require.Eventually(t, func() bool {
		id++
		require.NoError(t, e.Handle(t.Context(), in.put(t, 0, "", create(id))))
		return len(waiting(t, pool)) == 0
	}, patience, 10*pollEvery)
	require.Equal(t, "7 created 1", log.told(t)[0])
	log.requireHistories(t)
}

// waiting are the commands that are parked.
func waiting(t require.TestingT, pool *pgxpool.Pool) []parked.Record {
	found, err := parked.List(context.Background(), pool, parked.Filter{Consumer: "commands", Limit: 100})
	require.NoError(t, err)
	return found
}
