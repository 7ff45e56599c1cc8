package projection_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/projection"
)

func activate(t *testing.T, pool *pgxpool.Pool, p projection.Projection, generation int64) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return p.Activate(t.Context(), tx, generation) }))
}

// statistics are what the view catalog_statistics has.
type statistics struct {
	books   float64
	lexemes []string
	shares  []float32
}

func readStatistics(t *testing.T, pool *pgxpool.Pool) statistics {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT books, lexemes, shares FROM catalog_statistics`)
	require.NoError(t, err)
	found, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (s statistics, err error) {
		return s, row.Scan(&s.books, &s.lexemes, &s.shares)
	})
	require.NoError(t, err)
	return found
}

func (s statistics) share(lexeme string) float32 {
	if i := slices.Index(s.lexemes, lexeme); i >= 0 {
		return s.shares[i]
	}
	return 0
}

func TestStatisticsSayHowCommonLexemesAre(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	activate(t, pool, projection.Catalog{}, 1)
	const books = 900
	var l log
	for id := int64(1); id <= books; id++ {
		title := "Alone"
		if id%3 == 0 {
			title = "The Sea"
		}
		l.add(t, named(id, title))
	}
	require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records[:40]))
	require.Equal(t, statistics{books: -1}, readStatistics(t, pool), "nothing is known yet, and that is said")

	require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records[40:]))
	_, err := pool.Exec(t.Context(), `ANALYZE catalog_books_g1`)
	require.NoError(t, err)
	known := readStatistics(t, pool)
	require.EqualValues(t, books, known.books)
	require.Greater(t, len(known.shares), len(known.lexemes), "the bounds of the shares are behind them")
	for lexeme, want := range map[string]float64{
		";obrien": 1, "quotes": 1, "=the sea": 1. / 3, "^the": 1. / 3, ";sea": 1. / 3, "alone": 2. / 3, "#9:0": 511. / books, ";quotes": 0,
	} {
		require.InDelta(t, want, known.share(lexeme), 0.01, lexeme)
	}
}

// A search is planned by the catalog that answers it.
func TestActivateSwitchesVocabularyAndStatistics(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for generation := int64(1); generation <= 2; generation++ {
		create(t, pool, projection.Catalog{}, generation)
		var l log
		l.add(t, named(1, fmt.Sprintf("Word%d", generation)))
		require.NoError(t, apply(pool, projection.Catalog{}, generation, l.records))
		_, err := pool.Exec(t.Context(), fmt.Sprintf(`ANALYZE catalog_books_g%d`, generation))
		require.NoError(t, err)
	}
	for _, generation := range []int64{1, 2, 1} {
		activate(t, pool, projection.Catalog{}, generation)
		var there bool
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM catalog_words WHERE word = $1)`, fmt.Sprintf("word%d", generation)).Scan(&there))
		require.True(t, there)
		require.EqualValues(t, 1, readStatistics(t, pool).books)
	}
}
