package query_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/query"
)

const day = 24 * time.Hour

// recommend returns what is recommended as "7 searches dune" or "7 readers", and what it
// comes from.
func (s *service) recommend(t *testing.T, params string) (books []string, from string) {
	t.Helper()
	a := s.get("/api/recommendations?" + params)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var recommended []query.Recommendation
	require.NoError(t, json.Unmarshal(a.body, &recommended))
	last := 0.0
	for i, r := range recommended {
		require.Positive(t, r.Score)
		require.True(t, i == 0 || r.Score < last, "scores fall")
		last = r.Score
		require.Equal(t, fmt.Sprint("Book ", r.BookID), r.Title)
		books = append(books, strings.TrimSpace(fmt.Sprint(r.BookID, " ", r.Reason, " ", r.Query)))
	}
	return books, a.header.Get(query.HeaderRecommendedFrom)
}

// shelve publishes books that are called by their ids.
func (m *readModel) shelve(through int64) {
	var all []events.Event
	for id := int64(1); id <= through; id++ {
		all = append(all, book(id, fmt.Sprint("Book ", id), fmt.Sprint("Author ", id), ""))
	}
	m.publish(all...)
}

func TestTheFormOfRecommendations(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.publish(book(7, "Dune & <sand>", "Frank Herbert", "Spice."), book(8, "Emma", "Jane Austen", ""), book(9, "Ulysses", "James Joyce", ""))
	s.search("ada&", "Dune", noon.Add(-7*day), 7)
	s.search("ada&", "nothing", noon)
	s.search("bob", "dune", noon.Add(-7*day), 8)
	s.search("cleo", "joyce", noon.Add(-time.Hour), 9)

	a := s.get("/api/recommendations?uid=ada%26")
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Equal(t, "searches", a.header.Get(query.HeaderRecommendedFrom))
	//nolint:testifylint // the very bytes: members in this order, no query of other readers
	require.Equal(t, `[{"user_id":"ada&","title":"Dune & <sand>","author":"Frank Herbert","score":0.5,"book_id":7,"reason":"searches","query":"Dune"},`+
		`{"user_id":"ada&","title":"Emma","author":"Jane Austen","score":0.4,"book_id":8,"reason":"readers"},`+
		`{"user_id":"ada&","title":"Ulysses","author":"James Joyce","score":0.36,"book_id":9,"reason":"trends","query":"joyce"}]`+"\n", string(a.body))

	old := s.get("/recommendations?uid=ada%26&limit=1")
	//nolint:testifylint // what clients of old get: these members and no others
	require.Equal(t, `[{"user_id":"ada&","title":"Dune & <sand>","author":"Frank Herbert","score":0.5}]`+"\n", string(old.body))
	require.Equal(t, "searches", old.header.Get(query.HeaderRecommendedFrom))

	require.Equal(t, string(a.body), string(s.get("/api/recommendations", "X-User-Id", "ada&").body))
	require.Equal(t, string(a.body), string(s.get("/api/recommendations", "Cookie", "uid=ada&").body))
	require.Equal(t, http.StatusOK, s.do(http.MethodHead, "/recommendations?uid=ada").status)
	require.Empty(t, s.searches.take(), "to be recommended books is no search")
	require.Empty(t, s.opens.take())
}

func TestANewReaderGetsWhatTrendsAndIsTold(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	c := s.setClock()
	for _, path := range []string{"/api/recommendations", "/recommendations?uid=ada"} {
		a := s.get(path)
		require.Equal(t, "[]\n", string(a.body), "nobody has searched")
		require.Equal(t, "trends", a.header.Get(query.HeaderRecommendedFrom))
	}
	s.shelve(6)
	s.search("bob", "of a month", noon.Add(-30*day), 1)
	s.search("bob", "of a week", noon.Add(-6*day), 2, 3)
	s.search("cleo", "of a week", noon.Add(-6*day), 2, 3)
	s.search("bob", "of today", noon.Add(-time.Hour), 5, 2)
	c.pass(time.Minute)
	for _, reader := range []string{"", "uid=ada&"} {
		got, from := s.recommend(t, reader+"limit=2")
		require.Equal(t, []string{"5 trends of today", "2 trends of today"}, got)
		require.Equal(t, "trends", from)
		got, _ = s.recommend(t, reader+"limit=3")
		require.Equal(t, []string{"2 trends of a week", "5 trends of today", "3 trends of a week"}, got, "a day has not enough")
		got, _ = s.recommend(t, reader)
		require.Equal(t, []string{"2 trends of a week", "5 trends of today", "3 trends of a week", "1 trends of a month"}, got)
	}
}

func TestRecentInterestComesFirst(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.shelve(5)
	s.search("ada", "old", noon.Add(-21*day), 1)
	s.search("ada", "often", noon.Add(-8*day), 2)
	s.search("ada", "often", noon.Add(-7*day), 2)
	s.search("ada", "new", noon.Add(-day), 3)
	got, _ := s.recommend(t, "uid=ada&limit=3")
	require.Equal(t, []string{"2 searches often", "3 searches new", "1 searches old"}, got)
}

func TestReadersWithTheSameInterestsCount(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.shelve(30)
	s.search("ada", "dune", noon, 1)
	s.search("ada", "emma", noon.Add(-time.Hour), 2)
	// Bob shares both, cleo one, dora none.
	s.search("bob", "Dune", noon.Add(-time.Hour), 1)
	s.search("bob", "émma", noon.Add(-time.Hour), 2)
	s.search("bob", "persuasion", noon.Add(-time.Hour), 10)
	s.search("cleo", "dune", noon.Add(-time.Hour), 1)
	s.search("cleo", "messiah", noon.Add(-time.Hour), 20)
	s.search("dora", "war and peace", noon, 30)
	got, from := s.recommend(t, "uid=ada&limit=4")
	require.Equal(t, []string{"1 searches dune", "2 searches emma", "10 readers", "20 readers"}, got)
	require.Equal(t, "searches", from)

	// A reader without a name is like nobody.
	s.search("", "war and peace", noon, 25)
	s.search("", "solaris", noon, 26)
	got, _ = s.recommend(t, "uid=dora&limit=1")
	require.Equal(t, []string{"30 searches war and peace"}, got)
	got, _ = s.recommend(t, "uid=dora")
	for _, recommended := range got[1:] {
		require.Contains(t, recommended, "trends")
	}
}

func TestWhatWasJustShownIsNotAll(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	c := s.setClock()
	s.shelve(40)
	s.search("ada", "dune", noon, 1, 2, 3, 4, 5, 6, 7, 8)
	got, _ := s.recommend(t, "uid=ada&limit=8")
	require.Len(t, got, 8, "there is nothing else")

	s.search("bob", "emma", noon, 11, 12)
	c.pass(time.Minute)
	got, _ = s.recommend(t, "uid=ada&limit=8")
	require.Equal(t, []string{"1 searches dune", "2 searches dune", "3 searches dune", "4 searches dune", "11 trends emma", "12 trends emma"}, got[:6])

	s.search("ada", "solaris", noon.Add(-28*day), 21, 22, 23, 24, 25)
	got, _ = s.recommend(t, "uid=ada&limit=7")
	require.Equal(t, []string{
		"1 searches dune", "2 searches dune", "3 searches dune", "4 searches dune", "21 searches solaris", "22 searches solaris", "23 searches solaris",
	}, got)
}

func TestDeletedBooksAreNotRecommended(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.shelve(5)
	s.search("ada", "dune", noon, 1, 2)
	s.search("ada", "emma", noon.Add(-day), 3, 4)
	s.search("bob", "ulysses", noon, 5, 99)
	s.publish(events.BookDeleted{ID: 1, Version: 2, DeletedAt: dayOne}, events.BookDeleted{ID: 3, Version: 2, DeletedAt: dayOne})
	got, _ := s.recommend(t, "uid=ada")
	require.Equal(t, []string{"2 searches dune", "4 searches emma", "5 trends ulysses"}, got)

	s.publish(events.BookDeleted{ID: 2, Version: 2, DeletedAt: dayOne}, events.BookDeleted{ID: 4, Version: 2, DeletedAt: dayOne})
	got, from := s.recommend(t, "uid=ada")
	require.Equal(t, []string{"5 trends ulysses"}, got)
	require.Equal(t, "trends", from, "nothing is left of what they searched for")
}

// What the trends know comes from the same topic, but not at the same moment.
func TestAQueryThatTrendsDoNotKnowYetIsNotNamed(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.shelve(1)
	s.search("ada", "dune", noon, 1)
	for _, table := range []string{"trends_queries", "trends_readers", "trends_slots", "trends_forms"} {
		_, err := s.pool.Exec(t.Context(), `TRUNCATE `+table+`_g1`)
		require.NoError(t, err)
	}
	got, _ := s.recommend(t, "uid=ada")
	require.Equal(t, []string{"1 searches"}, got)
}

func TestHowManyRecommendations(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.shelve(150)
	for q := range int64(15) {
		var found []int64
		for n := range int64(10) {
			found = append(found, q*10+n+1)
		}
		s.search("ada", fmt.Sprint("query ", q), noon.Add(-time.Duration(q)*time.Hour), found...)
	}
	for params, want := range map[string]int{"": 10, "limit=1&": 1, "limit=37&": 37, "limit=100&": 100} {
		got, _ := s.recommend(t, params+"uid=ada")
		require.Len(t, got, want)
		got, _ = s.recommend(t, params)
		require.Len(t, got, want)
	}
}

func TestBadInputOfRecommendationsIsRefusedByName(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	for _, path := range []string{"/api/recommendations?", "/recommendations?"} {
		for params, field := range map[string]string{
			"limit=0":                         "limit",
			"limit=101":                       "limit",
			"limit=ten":                       "limit",
			"uid=a&uid=b":                     "uid",
			"uid=%FF":                         "uid",
			"uid=a%00":                        "uid",
			"uid=" + strings.Repeat("a", 129): "uid",
			"user_id=ada":                     "user_id",
			"ps=5":                            "ps",
		} {
			p := s.get(path + params).problem(t)
			require.Equal(t, http.StatusBadRequest, p.Status, params)
			require.Len(t, p.Errors, 1, params)
			require.Equal(t, field, p.Errors[0].Field, params)
		}
	}
}

// Whatever readers call themselves, they are strangers to each other.
func TestHostileReaders(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	hostile := []string{
		"'; DROP TABLE books; --", `\'`, "%", "_", "$1", "ada", "ADA", " ada", "ada ", "00000000-0000-0000-0000-000000000000", "null", "é", "e\u0301",
		"{}", "<script>", strings.Repeat("ﷺ", 128), "\u202eada",
	}
	s.shelve(int64(len(hostile)))
	for i, uid := range hostile {
		s.search(uid, fmt.Sprint("query ", i), noon, int64(i+1))
	}
	for i, uid := range hostile {
		a := s.get("/api/recommendations?limit=1&uid=" + url.QueryEscape(uid))
		require.Equal(t, http.StatusOK, a.status, "%q: %s", uid, a.body)
		var recommended []query.Recommendation
		require.NoError(t, json.Unmarshal(a.body, &recommended))
		require.Len(t, recommended, 1)
		require.Equal(t, uid, recommended[0].UserID)
		require.Equal(t, int64(i+1), recommended[0].BookID, "%q", uid)
		require.Equal(t, "searches", recommended[0].Reason)
	}
}
