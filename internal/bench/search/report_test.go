package search

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/bench/clients"
	"bookstore/internal/bench/sizes"
	"bookstore/internal/bench/targets"
)

func TestWhatIsConcluded(t *testing.T) {
	t.Parallel()
	size := func(books int, mix, slow, direct float64) Size {
		return Size{
			Books: books, DatabaseBytes: 50_000_000, Relations: []sizes.Relation{{Name: "catalog_books_g1", Bytes: 10_000_000}, {Name: "tiny", Bytes: 10}},
			Lookup: clients.Measurement{Name: lookup, P99: 2},
			Kinds:  []clients.Measurement{{Name: Exact, P99: 1}, {Name: Typo, P99: slow}, {Name: NoHit, P99: 3}},
			Mix:    clients.Measurement{Name: theMix, P99: mix, PerSecond: 600}, Direct: clients.Measurement{Name: theMixDirect, P99: 1, PerSecond: direct},
		}
	}
	r := Report{Sizes: []Size{size(10, 5, 6, 600), size(1000, 10, 25, 1200)}}
	r.Sizes[1].Indexing = &Indexing{
		Idle: clients.Measurement{Name: whileIdle, P99: 2}, During: clients.Measurement{Name: whileIndexing, P99: 5},
		Wanted: 1000, PerSecond: 980, Behind: 4321, Backlog: 20_000, BacklogPerSecond: 6000,
	}
	r.conclude()
	require.Equal(t, []targets.Ratio{
		{Name: "p99 of the mix to that of a lookup by id, 1000 books", Value: 5, Target: 5, AtMost: true, Met: true},
		{Name: "highest p99 of a kind (typo) to that of a lookup by id, 1000 books", Value: 12.5, Target: 12, AtMost: true, Met: false},
		{Name: "searches a second of the mix to those straight to PostgreSQL, 1000 books", Value: 0.5, Target: 0.6, AtMost: false, Met: false},
		{Name: "p99 of the mix, 1000 books to 10", Value: 2, Target: 3, AtMost: true, Met: true},
		{Name: "p99 of searches while 1000 new books a second arrive to that while nothing is written, 1000 books", Value: 2.5, Target: 3, AtMost: true, Met: true},
		{Name: "new books applied meanwhile, as a share of 1000 a second", Value: 0.98, Target: 0.99, AtMost: false, Met: false},
		{Name: "new books a second applied of a backlog of 20000", Value: 6000, Target: 5000, AtMost: false, Met: true},
	}, r.Ratios)
	require.Equal(t, 12.5, r.Sizes[1].Kinds[1].ToLookup)

	var printed bytes.Buffer
	require.NoError(t, r.Print(&printed))
	require.Contains(t, printed.String(), "MISSED")
	require.Contains(t, printed.String(), "table catalog_books_g1")
	require.NotContains(t, printed.String(), "tiny")
	require.Contains(t, printed.String(), whileIndexing)
	require.Contains(t, printed.String(), "4321 still to apply")

	one := Report{Sizes: []Size{size(10, 5, 6, 600)}}
	one.conclude()
	require.Len(t, one.Ratios, 3, "one size does not grow")
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Config{})
	require.ErrorIs(t, err, ErrNoSizes)
	require.ErrorIs(t, err, ErrFewConnections)
	require.ErrorIs(t, err, ErrNoLength)
	_, err = Run(t.Context(), Config{Sizes: []int{10, 0}, Connections: 1, Length: time.Second})
	require.ErrorIs(t, err, ErrNoSizes)
	for _, rates := range [][2]float64{{-1, 100}, {5000, 0}} {
		_, err = Run(t.Context(), Config{Sizes: []int{10}, Connections: 1, Length: time.Second, Indexing: rates[0], SearchesBeside: rates[1]})
		require.ErrorIs(t, err, ErrNoRate)
	}
}
