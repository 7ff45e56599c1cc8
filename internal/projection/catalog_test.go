package projection_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/searchtext"
)

// catalogRow is a row of a catalog generation, but for its lexemes.
type catalogRow struct {
	ID, Version int64
	events.Details
	CreatedAt, UpdatedAt time.Time
}

// catalogRows returns the rows of a generation, once each has proved to have the
// lexemes that its other columns make.
func catalogRows(t require.TestingT, pool *pgxpool.Pool, generation int64) []catalogRow {
	rows, err := pool.Query(context.Background(), fmt.Sprintf(`
		SELECT id, version, title, author, published_at, description, isbn, created_at, updated_at
		FROM catalog_books_g%d ORDER BY id`, generation))
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r catalogRow, err error) {
		err = row.Scan(&r.ID, &r.Version, &r.Title, &r.Author, &r.PublishedAt, &r.Description, &r.ISBN, &r.CreatedAt, &r.UpdatedAt)
		r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
		return r, err
	})
	require.NoError(t, err)

	ids, lexemes := make([]int64, len(found)), make([]string, len(found))
	for i, r := range found {
		ids[i] = r.ID
		lexemes[i] = searchtext.Lexemes(r.ID, searchtext.Text{Title: r.Title, Author: r.Author, Description: r.Description, ISBN: r.ISBN})
	}
	var indexed int
	require.NoError(t, pool.QueryRow(context.Background(), fmt.Sprintf(`
		SELECT count(*) FROM unnest($1::bigint[], $2::text[]) AS want (id, lexemes)
		JOIN catalog_books_g%d AS book ON book.id = want.id AND book.lexemes = want.lexemes::tsvector`, generation), ids, lexemes).Scan(&indexed))
	require.Len(t, found, indexed, "each has the lexemes of its other columns")
	return found
}

func TestCatalogFollowsABook(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	row := func(id, version int64) catalogRow {
		return catalogRow{ID: id, Version: version, Details: detailsOf(id, version), CreatedAt: at(1), UpdatedAt: at(version)}
	}

	var l log
	for _, step := range []struct {
		event events.Event
		want  []catalogRow
	}{
		{created(7), []catalogRow{row(7, 1)}},
		{updated(7, 2), []catalogRow{row(7, 2)}},
		{rejected(7), []catalogRow{row(7, 2)}},
		{rejected(99), []catalogRow{row(7, 2)}},
		{created(8), []catalogRow{row(7, 2), row(8, 1)}},
		{updated(7, 3), []catalogRow{row(7, 3), row(8, 1)}},
		{deleted(7, 4), []catalogRow{row(8, 1)}},
	} {
		l.add(t, step.event)
		require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records[len(l.records)-1:]))
		require.Equal(t, step.want, catalogRows(t, pool, 1))
	}

	// All of it again, as after a crash of the write side: nothing changes, and
	// the deleted book does not come back.
	require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records))
	require.Equal(t, []catalogRow{row(8, 1)}, catalogRows(t, pool, 1))
}

func TestCatalogIndexesWhatSearchtextSays(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	e := created(1000)
	e.Details = events.Details{
		Title: "L'Étranger", Author: "Albert Camus", ISBN: "9782070360024",
		// Longer than a tsvector, a lexeme or a list of positions may be.
		Description: strings.Repeat("ж", 5000) + " " + strings.Repeat("sand ", 300_000) + " last",
	}
	var l log
	l.add(t, e)
	require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records))

	for query, want := range map[string]bool{
		`'=letranger'`:  true,
		`'^letranger'`:  true,
		`';letranger'`:  true,
		`'letranger':A`: true,
		`'camus':B`:     true,
		`';camus'`:      true,
		`'sand':C`:      true,
		`'sand':A`:      false,
		`';sand'`:       false,
		`'lettr':*`:     false,
		`'letr':*`:      true,
		`'#9:1'`:        true,
		"'" + strings.Repeat("ж", searchtext.MaxWord) + "'": true,
	} {
		var matches bool
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT lexemes @@ $1::tsquery FROM catalog_books_g1`, query).Scan(&matches))
		require.Equal(t, want, matches, query)
	}
}

func TestABookIsFoundByItsISBNWhileItHasIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Catalog{}, 1)
	var l log
	for version, want := range []struct{ isbn, old string }{
		{"", "9782070360024"}, {"9782070360024", "9780141182506"}, {"9780141182506", "9782070360024"}, {"", "9780141182506"},
	} {
		d := detailsOf(1, 1)
		d.ISBN = want.isbn
		if version == 0 {
			l.add(t, events.BookCreated{ID: 1, Version: 1, Details: d, CreatedAt: at(1)})
		} else {
			l.add(t, events.BookUpdated{ID: 1, Version: int64(version) + 1, Details: d, UpdatedAt: at(1)})
		}
		require.NoError(t, apply(pool, projection.Catalog{}, 1, l.records[version:]))

		require.Equal(t, want.isbn, catalogRows(t, pool, 1)[0].ISBN)
		var found, foundByOld bool
		require.NoError(t, pool.QueryRow(t.Context(), `
			SELECT lexemes @@ $1::text::tsquery, lexemes @@ $2::text::tsquery FROM catalog_books_g1`,
			want.isbn, want.old).Scan(&found, &foundByOld))
		require.Equal(t, want.isbn != "", found)
		require.False(t, foundByOld)
	}
}

func TestProjectionsRefuseAGap(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var generation atomic.Int64
	for name, tc := range map[string]struct {
		events []events.Event
		want   projection.GapError
	}{
		"first event missing":    {[]events.Event{updated(5, 2)}, projection.GapError{Book: 5, Have: 0, Got: 2}},
		"one missing in between": {[]events.Event{created(5), created(6), updated(5, 3)}, projection.GapError{Book: 5, Have: 1, Got: 3, Position: events.Position{Offset: 2}}},
		"deletion after a gap":   {[]events.Event{created(5), deleted(5, 3)}, projection.GapError{Book: 5, Have: 1, Got: 3, Position: events.Position{Offset: 1}}},
		"again after deletion":   {[]events.Event{created(5), deleted(5, 2), updated(5, 3)}, projection.GapError{Book: 5, Have: 2, Got: 3, Ended: true, Position: events.Position{Offset: 2}}},
	} {
		for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
			for _, split := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/split=%t", name, p.Name(), split), func(t *testing.T) {
					t.Parallel()
					g := generation.Add(1)
					create(t, pool, p, g)
					var l log
					for _, e := range tc.events {
						l.add(t, e)
					}
					before, last := l.records[:len(l.records)-1], l.records[len(l.records)-1:]
					if split { // the gap lies between two batches
						require.NoError(t, apply(pool, p, g, before))
					} else {
						last = l.records
					}
					var gap *projection.GapError
					require.ErrorAs(t, apply(pool, p, g, last), &gap)
					require.Equal(t, tc.want, *gap)
				})
			}
		}
	}
}

// After a crash the write side publishes what it is not sure of again, and may
// be killed while it does: a duplicate may be followed by a jump to the next new
// version.
func TestProjectionsDropDuplicatesWithinABatch(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
		create(t, pool, p, 1)
		var l log
		for _, e := range []events.Event{created(5), updated(5, 2), updated(5, 3), updated(5, 2), updated(5, 4)} {
			l.add(t, e)
		}
		require.NoError(t, apply(pool, p, 1, l.records[:3]))
		require.NoError(t, apply(pool, p, 1, l.records[3:]))
	}
	require.Equal(t, int64(4), catalogRows(t, pool, 1)[0].Version)
	require.Len(t, historyRows(t, pool, 1), 4)
}

func TestProjectionsNameARecordThatCantBeStored(t *testing.T) {
	t.Parallel()
	pool := database(t)
	withNUL, invalidActor, lateCreation, earlyUpdate := created(5), created(5), created(5), updated(5, 1)
	withNUL.Description = "a\x00b"
	lateCreation.Version = 2

	var l log
	l.add(t, withNUL)
	l.add(t, invalidActor)
	for i, h := range l.records[1].Headers {
		if h.Key == events.HeaderActor {
			l.records[1].Headers[i].Value = "\xff"
		}
	}
	l.add(t, lateCreation)
	l.add(t, earlyUpdate)
	l.put(events.Record{Key: []byte("5"), Value: []byte("{}")}) // no headers: no event at all

	for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
		create(t, pool, p, 1)
		for _, r := range l.records {
			var decode *events.DecodeError
			require.ErrorAs(t, apply(pool, p, 1, []events.Record{r}), &decode, "record %d", r.Offset)
			require.Equal(t, r.Position(), decode.Position)
		}
	}
	require.Empty(t, catalogRows(t, pool, 1))
	require.Empty(t, historyRows(t, pool, 1))
}

// A generation that is there is never filled again: nobody knows what it holds.
func TestCreateRefusesWhatIsThere(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
		create(t, pool, p, 1)
		create(t, pool, p, 2)
		require.Error(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return p.Create(t.Context(), tx, 2) }))
	}
}

func TestActivateSwitchesTheViews(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for p, views := range map[projection.Projection][]string{
		projection.Catalog{}: {"catalog_generation", "books"},
		projection.History{}: {"history_generation", "book_history"},
	} {
		for generation := int64(1); generation <= 2; generation++ {
			create(t, pool, p, generation)
			var l log
			l.add(t, created(generation))
			require.NoError(t, apply(pool, p, generation, l.records))
		}
		for _, generation := range []int64{1, 2, 1} {
			require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				return p.Activate(t.Context(), tx, generation)
			}))
			for _, view := range views {
				var found int64
				require.NoError(t, pool.QueryRow(t.Context(), `SELECT generation FROM `+view).Scan(&found))
				require.Equal(t, generation, found, view)
			}
		}
	}
}

// BenchmarkCatalog applies creations as the engine does: what the projection
// reads in one round trip, what it writes in another.
func BenchmarkCatalog(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			pool := database(b)
			create(b, pool, projection.Catalog{}, 1)
			random := rand.New(rand.NewPCG(1, 2)) // the same books in each run
			var id int64
			for b.Loop() {
				b.StopTimer()
				var l log
				for range size {
					id++
					e := created(id)
					e.Details = events.Details{Title: words(random, 4), Author: words(random, 2), PublishedAt: "1999", Description: words(random, 30)}
					l.add(b, e)
				}
				b.StartTimer()
				require.NoError(b, apply(pool, projection.Catalog{}, 1, l.records))
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "creates/s")
		})
	}
}

// words draws n words of which some are far more common than others, as in books.
func words(random *rand.Rand, n int) string {
	drawn := make([]string, n)
	for i := range drawn {
		rank := int64(random.ExpFloat64() * random.ExpFloat64() * 1000)
		var word []byte
		for rank = rank*7919 + 17; rank > 0; rank /= 21 {
			word = append(word, "bcdfghjklmnpqrstvwxyz"[rank%21], "aeiou"[rank%5])
		}
		drawn[i] = string(word)
	}
	return strings.Join(drawn, " ")
}
