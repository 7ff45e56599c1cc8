package query_test

import (
	"context"
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
	"bookstore/internal/web"
)

// suggest returns what is suggested to somebody who has typed so far: titles as
// "4 Hannibal", authors as "Thomas Harris".
func (s *service) suggest(t *testing.T, typed string) []string {
	t.Helper()
	a := s.get("/api/suggest?q=" + url.QueryEscape(typed))
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var suggestions []query.Suggestion
	require.NoError(t, json.Unmarshal(a.body, &suggestions))
	texts := make([]string, len(suggestions))
	for i, one := range suggestions {
		switch one.Kind {
		case "title":
			texts[i] = fmt.Sprint(one.ID, " ", one.Text)
		case "author":
			require.Zero(t, one.ID)
			texts[i] = one.Text
		default:
			require.Fail(t, "unknown kind", one.Kind)
		}
	}
	return texts
}

func TestSuggestionsAsOneTypes(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(
		book(1, "Harry Potter and the Philosopher’s Stone", "J.K. Rowling", "A thomas."),
		book(2, "Harry Potter and the Chamber of Secrets", "J.K. Rowling, Mary GrandPré", ""),
		book(3, "The Hobbit", "J.R.R. Tolkien", "By no harris."),
		book(4, "Hannibal", "Thomas Harris", ""),
		book(5, "Red Dragon", "Thomas Harris", ""),
		book(6, "The Unlikely Pilgrimage of Harold Fry", "Rachel Joyce", ""),
		book(7, "Гарри Поттер", "Джоан Роулинг", ""),
	)
	const (
		stone, chamber  = "1 Harry Potter and the Philosopher’s Stone", "2 Harry Potter and the Chamber of Secrets"
		hobbit          = "3 The Hobbit"
		hannibal, red   = "4 Hannibal", "5 Red Dragon"
		harold          = "6 The Unlikely Pilgrimage of Harold Fry"
		harris, rowling = "Thomas Harris", "J.K. Rowling"
	)
	for typed, want := range map[string][]string{
		// Titles that begin so, then those with a word that does, the newest first.
		"h":              {hannibal, chamber, stone, harold, hobbit, harris},
		"ha":             {hannibal, chamber, stone, harold, harris},
		"har":            {chamber, stone, harold, harris},
		"harr":           {chamber, stone, harris},
		"harry":          {chamber, stone},
		"harry ":         {chamber, stone},
		"Harry P":        {chamber, stone},
		"potter harry c": {chamber},
		"philosophers s": {stone},
		"harri":          {harris},
		"harris, thomas": {harris},
		"thomas h":       {harris},
		"j":              {"Rachel Joyce", "J.R.R. Tolkien", rowling},
		"rowl":           {rowling}, // of two books, and without who else wrote one
		"grandpre":       {"Mary GrandPré"},
		"mary rowling":   {}, // no one's name
		"potter rowling": {}, // half a title and half a name
		"гар":            {"7 Гарри Поттер"},
		"arry":           {}, // no part of a word
		"zzz":            {},

		// Fields and phrases mean what they mean in a search.
		"author:har":         {harris},
		"title:har":          {chamber, stone, harold},
		"author:harris r":    {red},
		"title:potter j":     {rowling},
		`"harry potter`:      {chamber, stone},
		`"the hob`:           {hobbit},
		`author:"thomas har`: {harris},
	} {
		require.Equal(t, want, s.suggest(t, typed), "%q", typed)
	}
	require.Empty(t, s.searches.take(), "a suggestion is no search")
	require.Empty(t, s.opens.take())
}

func TestTheFormOfSuggestions(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune & <sand>", "Dunya <Mikhail>", ""))
	a := s.get("/api/suggest?q=dun&uid=ada")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	//nolint:testifylint // the very bytes: "&" and "<" as they are, no id of an author
	require.Equal(t, `[{"text":"Dune & <sand>","kind":"title","id":7},{"text":"Dunya <Mikhail>","kind":"author"}]`+"\n", string(a.body))
	for _, nothing := range []string{"/api/suggest", "/api/suggest?q=", "/api/suggest?q=zzz"} {
		require.Equal(t, "[]\n", string(s.get(nothing).body), nothing)
	}
	require.Equal(t, http.StatusOK, s.do(http.MethodHead, "/api/suggest?q=dun").status)
	require.Equal(t, http.StatusMethodNotAllowed, s.do(http.MethodPost, "/api/suggest?q=dun").status)
}

func TestSuggestionsComeOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(
		book(1, "Dune", "Dunja Herbert", ""),
		book(2, "DUNE!", "DUNJA Herbert", ""),
		book(3, "Dúne", "Dunja Herbert, dunja  herbert", ""),
		book(4, "Dune Messiah", "Dunja-Herbert", ""),
	)
	require.Equal(t, []string{"3 Dúne", "4 Dune Messiah"}, s.suggest(t, "dune"), "the newest of the same")
	require.Equal(t, []string{"Dunja-Herbert"}, s.suggest(t, "dunja"))
}

func TestHowManyAreSuggested(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	var all []events.Event
	for id := int64(1); id <= 30; id++ {
		all = append(all, book(id, fmt.Sprint("Dune ", id), fmt.Sprint("Dunja ", id), ""), book(100+id, fmt.Sprint("Emma ", id), "Jane Austen", ""))
	}
	s.publish(all...)
	for path, want := range map[string]struct{ titles, authors int }{
		"q=dun":           {6, 2}, // authors get a third
		"q=dun&limit=1":   {1, 0},
		"q=dun&limit=3":   {2, 1},
		"q=dun&limit=20":  {14, 6},
		"q=emm&limit=20":  {20, 0}, // and titles all that authors leave
		"q=jan&limit=20":  {0, 1},
		"q=dunj&limit=20": {0, 20},
	} {
		var suggestions []query.Suggestion
		a := s.get("/api/suggest?" + path)
		require.NoError(t, json.Unmarshal(a.body, &suggestions), "%s", a.body)
		got := struct{ titles, authors int }{}
		for _, one := range suggestions {
			if one.Kind == "title" {
				got.titles++
			} else {
				got.authors++
			}
		}
		require.Equal(t, want, got, path)
	}
}

func TestBadInputOfSuggestionsIsRefusedByName(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	for path, field := range map[string]string{
		"q=%25":                          "q",
		"q=+%22+":                        "q",
		"q=%FF":                          "q",
		"q=" + strings.Repeat("a", 501):  "q",
		"q=a&q=b":                        "q",
		"q=dune&limit=0":                 "limit",
		"q=dune&limit=21":                "limit",
		"q=dune&limit=many":              "limit",
		"q=dune&o=5":                     "o",
		"q=dune&highlight=true":          "highlight",
		"q=dune&uid=%FF":                 "uid",
		"query=dune":                     "query",
		"q=dune&limit=8&prefix=harry%20": "prefix",
	} {
		p := s.get("/api/suggest?" + path).problem(t)
		require.Equal(t, http.StatusBadRequest, p.Status, path)
		require.Len(t, p.Errors, 1, path)
		require.Equal(t, field, p.Errors[0].Field, path)
	}
}

func TestASlowSuggestionIsA503(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.catalog.Timeout = 50 * time.Millisecond
	s := serve(t, m)
	s.lock(t, `catalog_books_g1`)
	a := s.get("/api/suggest?q=dune")
	require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
	require.Equal(t, "1", a.header.Get("Retry-After"))
}

// lock has all that read a table wait until the test ends.
func (s *service) lock(t *testing.T, table string) {
	t.Helper()
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	_, err = tx.Exec(t.Context(), `LOCK TABLE `+table)
	require.NoError(t, err)
}

// highlights returns those of the only book that a query finds.
func (s *service) highlights(t *testing.T, q string) web.Highlights {
	t.Helper()
	found := s.get("/api/books?highlight=true&q=" + url.QueryEscape(q)).books(t)
	require.Len(t, found, 1, "%q", q)
	require.NotNil(t, found[0].Highlights, "%q", q)
	return *found[0].Highlights
}

func TestHighlights(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	const filler = "One thing follows another, and nobody minds. "
	s.publish(
		book(1, `Raven <script>alert("x")</script> & Quill`, "Edgar Poe", "Once upon a raven. <b>Never</b> again."),
		book(2, "The Hobbit", "J.R.R. Tolkien", strings.Repeat(filler, 40)+"Then Bilbo found a ring in the dark. "+strings.Repeat(filler, 40)),
		book(3, "Cent ans de solitude", "Gabriel García Márquez", ""),
		book(4, "L’Étranger", "Albert Camus", "Tolkienesque it is not."),
	)
	const raven, safe = `<mark>Raven</mark> &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; Quill`,
		`Raven &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; Quill`
	for q, want := range map[string]web.Highlights{
		"raven":         {Title: raven, Author: "Edgar Poe", Description: "Once upon a <mark>raven</mark>. &lt;b&gt;Never&lt;/b&gt; again."},
		"title:raven":   {Title: raven, Author: "Edgar Poe", Description: "Once upon a raven. &lt;b&gt;Never&lt;/b&gt; again."},
		"edgar raven":   {Title: raven, Author: "<mark>Edgar</mark> Poe", Description: "Once upon a <mark>raven</mark>. &lt;b&gt;Never&lt;/b&gt; again."},
		`never "edgar`:  {Title: safe, Author: "<mark>Edgar</mark> Poe", Description: "Once upon a raven. &lt;b&gt;<mark>Never</mark>&lt;/b&gt; again."},
		"rav":           {Title: strings.Replace(raven, "Raven</mark>", "Rav</mark>en", 1), Author: "Edgar Poe", Description: "Once upon a <mark>rav</mark>en. &lt;b&gt;Never&lt;/b&gt; again."},
		"script edgar":  {Title: strings.ReplaceAll(safe, "script", "<mark>script</mark>"), Author: "<mark>Edgar</mark> Poe", Description: "Once upon a raven. &lt;b&gt;Never&lt;/b&gt; again."},
		"garcia marque": {Title: "Cent ans de solitude", Author: "Gabriel <mark>García</mark> <mark>Márque</mark>z"},
		"gabreil":       {Title: "Cent ans de solitude", Author: "<mark>Gabriel</mark> García Márquez"}, // letters swapped
		"solitdue":      {Title: "Cent ans de <mark>solitude</mark>", Author: "Gabriel García Márquez"},
		"letranger":     {Title: "<mark>L’Étranger</mark>", Author: "Albert Camus", Description: "Tolkienesque it is not."},
		"tranger":       {Title: "<mark>L’Étranger</mark>", Author: "Albert Camus", Description: "Tolkienesque it is not."}, // a part of the word
	} {
		require.Equal(t, want, s.highlights(t, q), "%q", q)
	}

	// Of a long description it is the part that shows why.
	shown := s.highlights(t, "bilbo rin")
	require.Equal(t, "The Hobbit", shown.Title)
	require.Contains(t, shown.Description, "Then <mark>Bilbo</mark> found a <mark>rin</mark>g in the dark.")
	require.True(t, strings.HasPrefix(shown.Description, "…") && strings.HasSuffix(shown.Description, "…"), shown.Description)
	require.Less(t, len(shown.Description), 300)
	unmarked := s.highlights(t, "hobit")
	require.Equal(t, "The <mark>Hobbit</mark>", unmarked.Title)
	require.True(t, strings.HasPrefix(unmarked.Description, "One thing") && strings.HasSuffix(unmarked.Description, "…"), unmarked.Description)
}

func TestHighlightsAreForThoseWhoAsk(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(1, "Dune & <sand>", "Frank Herbert", ""))
	for _, path := range []string{"/api/books?q=dune", "/api/books?q=dune&highlight=false", "/api/books", "/api/books/1"} {
		require.NotContains(t, string(s.get(path).body), "highlights", path)
	}
	listed := s.get("/api/books?highlight=true").books(t)
	require.Equal(t, &web.Highlights{Title: "Dune &amp; &lt;sand&gt;", Author: "Frank Herbert"}, listed[0].Highlights, "nothing was searched for")
	for _, value := range []string{"", "yes", "1", "TRUE", "true&highlight=true"} {
		p := s.get("/api/books?q=dune&highlight=" + value).problem(t)
		require.Equal(t, http.StatusBadRequest, p.Status, value)
		require.Equal(t, "highlight", p.Errors[0].Field)
	}

	// What is published is what was found, not how it is shown.
	s.searches.take()
	s.get("/api/books?q=dune&highlight=true")
	s.get("/api/books?q=dune")
	published := s.searches.take()
	require.Len(t, published, 2)
	require.Equal(t, published[1].Books, published[0].Books)
}

const didYouMean = "Did-You-Mean"

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(
		book(1, "Shakespeare: The Biography", "Peter Ackroyd", "Of a playwright."),
		book(2, "Dune", "Frank Herbert", "Sand."),
		book(3, "The Hobbit", "J.R.R. Tolkien", ""),
		book(4, "Анна Каренина", "Лев Толстой", ""),
	)
	for q, want := range map[string]string{
		"shakesperianism":         "shakespeare",         // farther away than a typo or two
		"shakesperianism ackroyd": "shakespeare ackroyd", //
		"ackroyd shakesperianism": "ackroyd shakespeare", // in the order that was typed
		"dune xyzzyx":             "dune",                // like nothing that is known
		"dune tolkien":            "dune",                // never together
		"the hobbit herbert":      "the hobbit",          //
		"dune author:tolkien":     "dune",                //
		`"frank herbert" hobbit`:  `"frank herbert"`,     //
		"author:shakesperianism":  "",                    // no author is called so
		"title:shakesperianism":   "title:shakespeare",   //
		"каренина xyzzyx анна":    "каренина анна",       //
		"Анна tolkien":            "Анна",                // as it was typed
		`"herbert frank"`:         "",                    // a phrase is meant as it is
		"xyzzyx":                  "",                    //
		"9780306406157":           "",                    // an ISBN
	} {
		a := s.get("/api/books?q=" + url.QueryEscape(q))
		require.Empty(t, a.books(t), "%q", q)
		if want == "" {
			require.NotContains(t, a.header, didYouMean, "%q", q)
			continue
		}
		meant, err := url.PathUnescape(a.header.Get(didYouMean))
		require.NoError(t, err)
		require.Equal(t, want, meant, "%q", q)
		require.NotEmpty(t, s.get("/api/books?q="+a.header.Get(didYouMean)).books(t), "what is meant is found, put behind q= as it is")
	}
	require.Equal(t, "%D0%B0%D0%BD%D0%BD%D0%B0%20%D0%BB%D0%B5%D0%B2",
		s.get("/api/books?q="+url.QueryEscape("анна лев tolkien")).header.Get(didYouMean), "headers are ASCII")
}

func TestDidYouMeanIsForEmptyFirstPagesOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	require.NotContains(t, s.get("/api/books?q=dune").header, didYouMean, "there is no book")
	s.publish(book(1, "Dune", "Frank Herbert", ""), book(2, "Emma", "Jane Austen", ""))
	require.Contains(t, s.get("/api/books?q=dune+emma").header, didYouMean)
	for _, path := range []string{
		"q=dune", "q=dnue", "q=dune&o=5", "q=dune+emma&o=1", "", "o=5", "q=",
	} {
		require.NotContains(t, s.get("/api/books?"+path).header, didYouMean, path)
	}
}

// That there is nothing is an answer by itself: a database too busy to say what may be
// meant instead does not spoil it.
func TestASlowDidYouMeanIsNone(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.catalog.Timeout = 50 * time.Millisecond
	s := serve(t, m)
	s.publish(book(1, "Dune", "Frank Herbert", ""))
	s.lock(t, `catalog_words_g1`)
	a := s.get("/api/books?q=" + url.QueryEscape(`"dune" "emma"`)) // closed quotes need no vocabulary
	require.Empty(t, a.books(t))
	require.NotContains(t, a.header, didYouMean)
	require.Len(t, s.searches.take(), 1)
}

func TestAnISBNFindsItsBook(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	dune, poems := book(1, "Dune", "Frank Herbert", ""), book(2, "Selected Poems", "Hugh MacDiarmid", "")
	dune.ISBN, poems.ISBN = "9780441172719", "9780804429573"
	s.publish(dune, poems, book(3, "Emma", "Jane Austen", ""), book(4, "The Number 0441172717", "Somebody", "No ISBN is in this."))
	for q, want := range map[string][]string{
		"9780441172719":           {"Dune"},
		"978-0-441-17271-9":       {"Dune"},
		"978-0441172719":          {"Dune"},
		"978 0 441 17271 9":       {"Dune"},
		" 9780441172719 ":         {"Dune"},
		"978‐0‐441‐17271‐9":       {"Dune"}, // typographers' hyphens
		"0-441-17271-7":           {"Dune"},
		"0441172717":              {"The Number 0441172717", "Dune"}, // digits may also be what they are
		"ISBN 978-0-441-17271-9":  {"Dune"},
		"isbn: 0-441-17271-7":     {"Dune"},
		"dune 978-0-441-17271-9":  {"Dune"},
		"9780441172719 herbert":   {"Dune"},
		`"9780441172719"`:         {"Dune"},
		"080442957X":              {"Selected Poems"},
		"0-8044-2957-x":           {"Selected Poems"},
		"9780441172719 macdiar":   {},
		"9780441172718":           {},       // the check digit is wrong
		"978044117271":            {"Dune"}, // still being typed
		"9780306406157":           {},       // of no book here
		"author:9780441172719":    {},       // no author is called so
		"title:978-0-441-17271-9": {},
	} {
		found := s.get("/api/books?q=" + url.QueryEscape(q)).books(t)
		require.Equal(t, want, titles(found), "%q", q)
	}
	require.Equal(t, "9780441172719", s.get("/api/books?q=0-441-17271-7").books(t)[0].ISBN)
	dune.ISBN = ""
	s.publish(events.BookUpdated{ID: 1, Version: 2, Details: dune.Details, UpdatedAt: dayOne})
	require.Empty(t, s.get("/api/books?q=9780441172719").books(t), "the book has it no longer")
}
