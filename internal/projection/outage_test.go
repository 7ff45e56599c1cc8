package projection_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/embedded"
	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/testenv"
)

// PostgreSQL goes away and comes back. Nothing is lost, nothing is doubled, and
// nobody has to do anything.
func TestEngineOutlivesItsDatabase(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	pool, err := postgres.Open(t.Context(), server.ConnString(), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, quiet)
	require.NoError(t, err)
	withTape(t, pool)
	var dir string
	require.NoError(t, pool.QueryRow(t.Context(), `SHOW data_directory`).Scan(&dir))

	o, _ := startOwner(t, pool, "outage", &tape{consumer: "outage"})
	tracker := runTracker(t, pool, "outage", unknown)
	o.assign(t, partitionA)
	o.deliver(t, partitionA, 0, 9)
	o.reach(t, partitionA, 10)

	require.NoError(t, server.Close(context.Background()))
	o.deliver(t, partitionA, 10, 19)
	require.Eventually(t, func() bool { return len(o.Faults()) == 1 }, patience, pollEvery)
	require.True(t, postgres.IsTransient(o.Faults()[0]), "%v", o.Faults()[0])
	waiting := waitFor(t.Context(), tracker, events.Token{{Partition: partitionA, Offset: 19}})

	again, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{
		DataDir: filepath.Dir(dir), User: "bookstore", Database: "bookstore", Ephemeral: true, Logger: quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, again.Close(context.Background())) })
	require.Equal(t, server.ConnString(), again.ConnString())

	o.reach(t, partitionA, 20)
	require.NoError(t, await(t, waiting, "the tracker to look again"))
	require.Equal(t, upTo(20), taped(t, pool, "outage", partitionA))
	require.Eventually(t, func() bool { return len(o.Faults()) == 0 }, patience, pollEvery)
}
