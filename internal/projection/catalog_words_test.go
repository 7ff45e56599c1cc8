package projection_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/searchtext"
	"bookstore/internal/spelling"
)

// vocabulary is words and what they are found by when they are mistyped.
type vocabulary map[string][]int32

func (v vocabulary) add(d events.Details) {
	for _, word := range searchtext.Words(d.Title + " " + d.Author) {
		v[word] = append([]int32{}, spelling.Variants(word)...) // never nil
	}
}

func vocabularyOf(t require.TestingT, pool *pgxpool.Pool, generation int64) vocabulary {
	rows, err := pool.Query(context.Background(), fmt.Sprintf(`SELECT word, variants FROM catalog_words_g%d`, generation))
	require.NoError(t, err)
	found := vocabulary{}
	var word string
	var variants []int32
	_, err = pgx.ForEachRow(rows, []any{&word, &variants}, func() error {
		require.NotContains(t, found, word)
		found[word] = slices.Clone(variants)
		return nil
	})
	require.NoError(t, err)
	return found
}

// named is the creation of a book with words that no other book's title has.
func named(id int64, title string) events.BookCreated {
	e := created(id)
	e.Title = title
	return e
}

// distinct returns words that differ in more than their ends.
func distinct(from, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%cx%04dy", 'a'+(from+i)%26, from+i)
	}
	return all
}

func TestTheVocabularyHasAllWordsThatEverWere(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	want := vocabulary{}
	var l log
	first, second := named(1, "L'Étranger étranger"), updated(1, 2)
	first.Description = "a word that nobody mistypes"
	second.Title, second.Author = "The Stranger", "Albert Camus"
	for _, step := range []struct {
		event events.Event
		said  events.Details
	}{
		{first, first.Details},
		{second, second.Details},
		{deleted(1, 3), events.Details{}},
		{created(2), detailsOf(2, 1)},
	} {
		l.add(t, step.event)
		want.add(step.said)
		require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records[len(l.records)-1:]))
		require.Equal(t, want, vocabularyOf(t, pool, 1))
	}
	require.NotContains(t, want, "nobody")
	require.Empty(t, want["2"], "a word that allows no typo has no variants")

	// All of it at once: what nobody is called any more at the batch's end was a word
	// as well.
	create(t, pool, projection.Catalog{}, 2)
	require.NoError(t, apply(pool, projection.Catalog{}, 2, l.records))
	require.Equal(t, want, vocabularyOf(t, pool, 2))
}

// A few words are written without looking which are new, many are looked up first.
func TestTheVocabularyGrowsByBatchesOfAnySize(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	want := vocabulary{}
	var l log
	for i, n := range []int{1, 60, 61, 62, 63, 64, 65, 66, 67, 500} {
		// Half of them new, and one again within the batch.
		words := distinct(100*i, n)
		if i > 0 {
			words = append(words[:n-n/2], distinct(100*(i-1), n/2)...)
		}
		e := named(int64(i+1), strings.Join(append(words, words[0]), " "))
		e.Author = ""
		l.add(t, e)
		want.add(e.Details)
		require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records[i:]))
		require.Equal(t, want, vocabularyOf(t, pool, 1), "%d words", n)
	}
}

// The trigrams' index can find whole words as well, and is slow at it. Without statistics
// a plan that is kept for all batches may be that one.
func TestNewWordsAreLookedUpByTheirKey(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	for batch := range 12 {
		var l log
		l.add(t, named(int64(batch+1), strings.Join(distinct(500*batch, 500), " ")))
		writes, err := projection.Catalog{}.Apply(t.Context(), conn, 1, l.records)
		require.NoError(t, err)
		require.NoError(t, conn.SendBatch(t.Context(), writes).Close())
	}
	_, err = conn.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`)
	require.NoError(t, err)
	scans := func(index string) (n int64) {
		require.NoError(t, conn.QueryRow(t.Context(), `
			SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelid = $1::text::regclass`, index).Scan(&n))
		return n
	}
	require.Zero(t, scans("catalog_words_parts_g1"))
	require.Positive(t, scans("catalog_words_g1_pkey"))
}

// Lanes that add the same words wait for each other: no word is lost, and none of the
// transactions is what PostgreSQL ends to break a deadlock.
func TestLanesAddTheSameWordsAtOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for generation, words := range map[int64]int{1: 40, 2: 400} { // written blindly, and looked up
		create(t, pool, projection.Catalog{}, generation)
		want := vocabulary{}
		for round := range 8 {
			var lanes errgroup.Group
			for lane := range 4 {
				said := distinct(round*words, words)
				if lane%2 == 1 {
					slices.Reverse(said)
				}
				var l log
				e := named(int64(4*round+lane+1), strings.Join(said, " "))
				l.add(t, e)
				want.add(e.Details)
				lanes.Go(func() error { return apply(pool, projection.Catalog{}, generation, l.records) })
			}
			require.NoError(t, lanes.Wait())
		}
		require.Equal(t, want, vocabularyOf(t, pool, generation))
	}
}

// The other lane may yet fail: until it is known, nobody can say whether a word is there.
func TestALaneWaitsForTheWordsOfAnother(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	var l log
	l.add(t, named(1, "Stranger"))
	l.add(t, named(2, "Stranger"))

	other, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer other.Rollback(context.Background())
	writes, err := projection.Catalog{}.Apply(t.Context(), pool, 1, l.records[:1])
	require.NoError(t, err)
	require.NoError(t, other.SendBatch(t.Context(), writes).Close())

	applied := make(chan error, 1)
	go func() { applied <- apply(pool, projection.Catalog{}, 1, l.records[1:]) }()
	waitBlockedBy(t, pool, other.Conn().PgConn().PID())
	require.NoError(t, other.Rollback(t.Context()))

	require.NoError(t, await(t, applied, "the lane to go on"))
	require.Contains(t, vocabularyOf(t, pool, 1), "stranger", "it is its own now")
}

// An index entry has to fit into a third of a page, so the longest word has to.
func TestTheLongestWordIsKept(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	var word strings.Builder
	letter := 1
	for range searchtext.MaxWord {
		letter = letter * 48271 % 42_711 // in no order, so that nothing compresses it
		word.WriteRune(rune(0x20000 + letter))
	}
	require.Equal(t, 4*searchtext.MaxWord, word.Len())
	var l log
	l.add(t, named(1, word.String()+" "+strings.Repeat("𠮷", 10_000)))
	require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records))

	found := vocabularyOf(t, pool, 1)
	require.Contains(t, found, word.String())
	require.Contains(t, found, strings.Repeat("𠮷", searchtext.MaxWord))
	catalogRows(t, pool, 1)
}
