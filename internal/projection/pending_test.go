package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/projection"
)

// What has come is merged once no more than a trickle comes; PostgreSQL's own merge would
// wait for a vacuum.
func TestPendingListsAreMerged(t *testing.T) {
	t.Parallel()
	pool := database(t)
	generation, err := projection.Install(t.Context(), pool, projection.Catalog{})
	require.NoError(t, err)
	index := fmt.Sprintf("catalog_books_lexemes_g%d", generation)
	merger := &projection.Merger{Pool: pool, Projection: "catalog", Logger: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); merger.Run(ctx) }()
	defer func() { stop(); <-ended }()

	_, err = pool.Exec(t.Context(), fmt.Sprintf(`
		INSERT INTO catalog_books_g%d (id, version, title, author, published_at, description, isbn, created_at, updated_at, lexemes)
		SELECT n, 1, 'a', '', '', '', '', now(), now(), 'a b c'::tsvector FROM generate_series(1, 500) AS n`, generation))
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `CREATE EXTENSION pgstattuple`)
	require.NoError(t, err)
	pending := func() (pages int) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT pending_pages FROM pgstatginindex($1)`, index).Scan(&pages))
		return pages
	}
	require.Positive(t, pending())
	merger.Advanced(map[int32]int64{0: 500}) // more than a trickle, and then nothing
	require.Eventually(t, func() bool { return pending() == 0 }, 10*time.Second, 50*time.Millisecond)
}
