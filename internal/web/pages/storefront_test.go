package pages_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/web"
)

const noBooks = `[]`

func TestResultsShowWhatMatchedAndTheirNeighbours(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books", answer(200, `[{"id":7,"title":"A < B","author":"X","published_at":"-0750","description":"long",
		"highlights":{"title":"<mark>A</mark> &lt; B","author":"X","description":"…of <mark>a</mark> kind"}}]`,
		"Link", `</api/books?o=20>; rel="next"`, "Partial-Results", "true"))

	page := s.get(t, "/?q=a+%22b%22&o=10&utm_source=elsewhere")

	require.Equal(t, 200, page.status)
	require.Equal(t, `a "b"`, page.value(t, "q"), "the box keeps what was typed")
	results := page.id(t, "results")
	require.Equal(t, []string{"A < B"}, texts(results.tag("h3")))
	require.Equal(t, "/books/7", results.tag("h3")[0].tag("a")[0].attr("href"))
	require.Equal(t, []string{"A", "a"}, texts(results.tag("mark")))
	require.Equal(t, []string{"X · 750 BC"}, texts(results.class("byline")))
	require.Equal(t, "Books 11 to 11, page 2", page.id(t, "results-summary").text())
	require.True(t, page.has("partial"))
	links := page.id(t, "pages").tag("a")
	require.Equal(t, "prev", links[0].attr("rel"))
	require.Equal(t, "/?q=a+%22b%22", links[0].attr("href"))
	require.Equal(t, "next", links[1].attr("rel"))
	require.Equal(t, "/?o=20&q=a+%22b%22", links[1].attr("href"))
	require.False(t, page.has("trends"), "who searches is not distracted")

	asked := s.api.requests("GET /api/books")[0].query
	require.Equal(t, map[string][]string{"q": {`a "b"`}, "o": {"10"}, "limit": {"10"}, "highlight": {"true"}}, map[string][]string(asked))
}

func TestNothingFoundHelps(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books", answer(200, noBooks, "Did-You-Mean", "na%C3%AFve%20%22caf%C3%A9%22"))
	page := s.get(t, "/?q=naiv")
	require.Equal(t, 200, page.status)
	require.Equal(t, "Nothing was found.", page.id(t, "results-summary").text())
	meant := page.id(t, "did-you-mean").tag("a")[0]
	require.Equal(t, `naïve "café"`, meant.text())
	require.Equal(t, "/?q=na%c3%afve%20%22caf%c3%a9%22", meant.attr("href"))
	require.True(t, page.has("tips"))

	page = s.get(t, "/?q=naiv&o=50")
	require.Contains(t, page.id(t, "results-summary").text(), "ends before page 6")
	require.False(t, s.get(t, "/").has("did-you-mean"), "an empty shop has nothing to mean")
}

func TestProblemsOfASearchKeepTheBox(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		problem *web.Problem
		tips    bool
	}{
		"a query that is none": {web.BadRequest("See errors.", web.FieldError{Field: "q", Message: "has no letter"}), true},
		"the database is away": {web.Unavailable("The database cannot be reached.", 0), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.api.on("GET /api/books", problem(test.problem))
			page := s.get(t, "/?q=%25%25")
			require.Equal(t, test.problem.Status, page.status)
			require.Equal(t, "%%", page.value(t, "q"))
			alert := page.id(t, "problem")
			require.Equal(t, "alert", alert.attr("role"))
			require.Contains(t, alert.text(), test.problem.Detail)
			for _, fault := range test.problem.Errors {
				require.Contains(t, alert.text(), "Your search "+fault.Message)
			}
			require.Equal(t, test.tips, page.has("tips"))
			require.False(t, page.has("results"))
			require.NotEmpty(t, page.header.Get("Content-Security-Policy"))
		})
	}
}

func TestANewReaderGetsACookieThatTheApiKnowsThemBy(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books", answer(200, noBooks))

	page := s.get(t, "/")
	require.Len(t, page.cookies, 1)
	given := page.cookies[0]
	require.Equal(t, "uid", given.Name)
	require.True(t, given.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, given.SameSite)
	require.Equal(t, "/", given.Path)
	require.Equal(t, 400*24*60*60, given.MaxAge)
	require.False(t, given.Secure, "it would be lost over plain HTTP")
	for _, what := range []string{"GET /api/books", "GET /api/recommendations"} {
		require.Equal(t, given.Value, s.api.requests(what)[0].header.Get("X-User-Id"), what)
	}

	require.True(t, s.get(t, "/", "X-Forwarded-Proto", "https").cookies[0].Secure)
	require.Empty(t, s.get(t, "/", "Cookie", cookie).cookies)
	require.Len(t, s.get(t, "/", "Cookie", "uid=not-one-of-ours").cookies, 1)
}

func TestWhatStandsBesideTheBooks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books", answer(200, noBooks))
	s.api.on("GET /api/trends", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("window") != "7d" {
			answer(200, `[]`)(w, r)
			return
		}
		answer(200, `[{"query":"Emma & co","readers":1,"searches":9,"books":[{"id":1,"title":"Emma"},{"id":2,"title":"Two"},{"id":3,"title":"Three"}]}]`)(w, r)
	})
	s.api.on("GET /api/recommendations", answer(200, `[
		{"book_id":4,"title":"D","author":"E","reason":"searches","query":"emma"},
		{"book_id":5,"title":"F","author":"G","reason":"readers"}]`, "Recommended-From", "searches"))

	page := s.get(t, "/", "Cookie", cookie)
	trends := page.id(t, "trends")
	require.Equal(t, "Searched most this week", trends.tag("h2")[0].text(), "nobody has searched today")
	require.Equal(t, "/?q=Emma%20%26%20co", trends.class("query")[0].attr("href"))
	require.Equal(t, []string{"Emma & co 1 reader Emma, Two"}, texts(trends.tag("li")))
	require.Len(t, s.api.requests("GET /api/trends"), 2, "what is there ends the looking")

	recommended := page.id(t, "recommendations")
	require.Equal(t, "searches", recommended.class("from")[0].attr("data-from"))
	require.Equal(t, []string{"You searched for “emma”", "Readers who search for what you do were shown it"}, texts(recommended.class("reason")))
	require.Equal(t, "/books/4", recommended.class("title")[0].attr("href"))

	s.api.on("GET /api/recommendations", answer(200, `[{"book_id":4,"title":"D","author":"E","reason":"trends","query":"whale"}]`, "Recommended-From", "trends"))
	recommended = s.get(t, "/", "Cookie", cookie).id(t, "recommendations")
	require.Equal(t, "trends", recommended.class("from")[0].attr("data-from"))
	require.Equal(t, []string{"Searched much: “whale”"}, texts(recommended.class("reason")))
}

func TestTheStorefrontNeedsNothingBesideTheBooks(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	const failed = "Not available at the moment."
	tests := map[string]struct {
		answer http.HandlerFunc
		note   string
	}{
		"there are none yet": {answer(200, `[]`), "will be"},
		"they fail":          {problem(web.Unavailable("", 0)), failed},
		"they can't be read": {answer(200, `{"no": "list"}`), failed},
		"they give up in time": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}, failed},
		"they never answer": {func(http.ResponseWriter, *http.Request) { <-over }, failed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.api.on("GET /api/books", answer(200, fmt.Sprintf("[%s]", aBook(1, "Emma"))))
			s.api.on("GET /api/trends", test.answer)
			s.api.on("GET /api/recommendations", test.answer)
			page := s.get(t, "/")
			require.Equal(t, 200, page.status)
			require.Equal(t, []string{"Emma"}, texts(page.id(t, "results").tag("h3")))
			for _, section := range []string{"trends", "recommendations"} {
				require.Contains(t, page.id(t, section).class("note")[0].text(), test.note, section)
			}
		})
	}
}

// A panic in a goroutine of its own would end the process.
func TestAPanicBesideTheBooksIsThePages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books", answer(200, noBooks))
	s.api.on("GET /api/trends", func(http.ResponseWriter, *http.Request) { panic("a fault of ours") })
	require.PanicsWithValue(t, "a fault of ours", func() { s.get(t, "/") })
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/suggest", answer(200, `[{"text":"<Emma>","kind":"title","id":7},{"text":"A \"B\" C","kind":"author"}]`))

	part := s.get(t, "/suggestions?q=+em", "HX-Request", "true")
	require.Equal(t, 200, part.status)
	require.Equal(t, "HX-Request", part.header.Get("Vary"))
	require.Equal(t, "em", s.api.requests("GET /api/suggest")[0].query.Get("q"))
	require.Empty(t, part.tag("h1"), "htmx gets the list alone")
	links := part.tag("a")
	require.Equal(t, []string{"<Emma> book", `A "B" C author`}, texts(links))
	require.Equal(t, "/books/7", links[0].attr("href"))
	require.Equal(t, "/?q=author%3A%22A++B++C%22", links[1].attr("href"))
	said := part.all(func(e document) bool { return e.attr("hx-swap-oob") != "" })
	require.Equal(t, "innerHTML:#suggestions-status", said[0].attr("hx-swap-oob"))
	require.Contains(t, said[0].text(), "2 suggestions")

	require.Len(t, s.get(t, "/suggestions?q=em").tag("h1"), 1, "people get a page")

	s.api.on("GET /api/suggest", problem(web.BadRequest("no letter")))
	part = s.get(t, "/suggestions?q=%22", "HX-Request", "true")
	require.Equal(t, 200, part.status, "who is still typing is not told off")
	require.Empty(t, part.text())
	s.api.on("GET /api/suggest", problem(web.Unavailable("away", 0)))
	require.Equal(t, 503, s.get(t, "/suggestions?q=em", "HX-Request", "true").status)
	before := len(s.api.requests("GET /api/suggest"))
	require.Equal(t, 200, s.get(t, "/suggestions?q=+", "HX-Request", "true").status)
	require.Len(t, s.api.requests("GET /api/suggest"), before, "nothing typed is nothing asked")
}
