package search

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/postgres"
	"bookstore/internal/testenv"
)

func TestBehindIsTheReadModelThatIsBehindTheMost(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), `
		CREATE TABLE checkpoints (consumer text, partition int, next_offset bigint, epoch bigint);
		INSERT INTO checkpoints VALUES ('catalog', 0, 9, 0), ('catalog', 1, 20, 0), ('history', 0, 7, 0), ('history', 1, 20, 0), ('commands', 0, 1, 0)`)
	require.NoError(t, err)
	a := arrivals{pool: pool, ends: map[int32]int64{0: 10, 1: 20}}
	behind, err := a.behind(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, behind)

	a.ends[1] = 15
	behind, err = a.behind(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, behind, "what others have written behind the new books makes up for nothing")

	a.ends[7] = 1
	_, err = a.behind(t.Context())
	require.ErrorIs(t, err, errNotFollowed)
}
