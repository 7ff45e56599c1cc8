package pages_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/web"
)

// hostileTitle is a title that tries to be markup, a script and another direction at once.
const hostileTitle = `"'><script>alert(1)</script><img src=x onerror=alert(1)> </textarea>{{.}} javascript:alert(1) ` + "\u202eשלום"

// bookPages are all states of the storefront and of the pages of books, of hostile data.
func bookPages(t *testing.T) map[string]*shown {
	t.Helper()
	s := newShop(t)
	book, entry := aBook(2, hostileTitle), aVersion(1, "created", hostileTitle)
	changed := strings.Replace(aVersion(2, "updated", hostileTitle+"!"), `"actor":""`, fmt.Sprintf(`"actor":%q`, hostileTitle), 1)
	searching := "/?q=" + url.QueryEscape(hostileTitle)
	all := make(map[string]*shown)

	s.api.on("GET /api/books", answer(200, `[]`, "Did-You-Mean", url.PathEscape(hostileTitle)))
	all["nothing found"] = s.get(t, searching)
	all["empty"] = s.get(t, "/")
	s.api.on("GET /api/books", answer(200, "["+book+"]", "Link", `<x>; rel="next"`, "Partial-Results", "true"))
	all["results"] = s.get(t, searching+"&o=10")
	quoted := fmt.Sprintf("%q", hostileTitle)
	s.api.on("GET /api/trends", answer(200, `[{"query":`+quoted+`,"readers":2,"searches":3,"books":[{"id":7,"title":`+quoted+`}]}]`))
	s.api.on("GET /api/recommendations", answer(200, `[{"book_id":7,"title":`+quoted+`,"author":`+quoted+`,"reason":"searches","query":`+quoted+`}]`))
	all["storefront"] = s.get(t, "/")
	s.api.on("GET /api/books", problem(web.BadRequest(hostileTitle, web.FieldError{Field: "q", Message: hostileTitle})))
	all["bad query"] = s.get(t, searching)
	s.api.on("GET /api/books", problem(web.Unavailable(hostileTitle, 0)))
	all["unavailable"] = s.get(t, searching)
	s.api.on("GET /api/suggest", answer(200, `[{"text":`+quoted+`,"kind":"title","id":7},{"text":`+quoted+`,"kind":"author"}]`))
	all["suggestions"] = s.get(t, "/suggestions?q=a")

	all["never was"] = s.get(t, "/books/7")
	s.api.on("GET /api/books/7/history", answer(200, "["+entry+","+aVersion(2, "deleted", "")+"]"))
	all["deleted"] = s.get(t, "/books/7?done=deleted")
	s.api.on("GET /api/books/7", answer(200, book))
	s.api.on("GET /api/books/7/history", answer(200, "["+entry+","+changed+"]"))
	all["book"] = s.get(t, "/books/7?done=saved")
	all["edit"] = s.get(t, "/books/7/edit")
	all["delete"] = s.get(t, "/books/7/delete")
	all["add"] = s.get(t, "/books/new")

	form := typed("title", hostileTitle, "author", hostileTitle, "description", hostileTitle, "isbn", hostileTitle, "published_at", hostileTitle, "key", hostileTitle, "version", "1")
	faults := web.Unprocessable(web.FieldError{Field: "title", Message: hostileTitle}, web.FieldError{Field: "author", Message: hostileTitle},
		web.FieldError{Field: "isbn", Message: hostileTitle}, web.FieldError{Field: "published_at", Message: hostileTitle}, web.FieldError{Field: "description", Message: hostileTitle})
	s.api.on("POST /api/books", problem(faults))
	all["faults when adding"] = s.post(t, "/books", form)
	s.api.on("PUT /api/books/7", problem(faults))
	all["faults when editing"] = s.post(t, "/books/7", form)
	s.api.on("DELETE /api/books/7", problem(web.Unavailable(hostileTitle, 0)))
	all["not deleted"] = s.post(t, "/books/7/delete", form)
	for _, what := range []string{"PUT /api/books/7", "DELETE /api/books/7"} {
		s.api.on(what, problem(web.PreconditionFailed(hostileTitle)))
	}
	all["conflict when editing"] = s.post(t, "/books/7", form)
	all["conflict when deleting"] = s.post(t, "/books/7/delete", form)
	s.api.on("GET /api/books/7", problem(web.NotFound("")))
	all["edited and gone"] = s.post(t, "/books/7", form)
	s.api.on("GET /api/commands/1", answer(200, accepted))
	all["command"] = s.get(t, "/commands/1")
	s.api.on("GET /api/commands/1", answer(200, `{"status":"rejected","reason":`+quoted+`,"book_id":7}`))
	all["rejected command"] = s.get(t, "/commands/1")
	all["no page"] = s.get(t, "/nowhere/"+url.PathEscape(hostileTitle))
	return all
}

func TestEveryPageIsSafeAndWellMade(t *testing.T) {
	t.Parallel()
	for name, page := range bookPages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "+
				"form-action 'self'; base-uri 'none'; frame-ancestors 'none'", page.header.Get("Content-Security-Policy"))
			require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
			require.Equal(t, "no-store", page.header.Get("Cache-Control"))
			requireNothingInline(t, page.document)
			requireOutline(t, page.document)
			requireNames(t, page.document)
		})
	}
}

func TestHostileTextsStayTexts(t *testing.T) {
	t.Parallel()
	// Parsed as text, with its spaces made one, as the page shows it.
	want := strings.Join(strings.Fields(hostileTitle), " ")
	pages := bookPages(t)
	for _, name := range []string{"nothing found", "results", "storefront", "suggestions", "bad query", "deleted", "book", "edit", "delete", "conflict when editing"} {
		require.Contains(t, pages[name].text(), want, name)
	}
	require.Equal(t, hostileTitle, pages["edit"].value(t, "title"))
	require.Equal(t, hostileTitle, strings.TrimSpace(pages["faults when adding"].value(t, "description")))
}

// requireNothingInline looks for what the policy forbids, and for what would go elsewhere.
func requireNothingInline(t *testing.T, page document) {
	t.Helper()
	require.Empty(t, page.tag("style"))
	require.Empty(t, page.tag("base"))
	for _, e := range page.all(func(document) bool { return true }) {
		for _, a := range e.Attr {
			require.NotEqual(t, "style", a.Key, e.Data)
			require.False(t, strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on"), "%s has %s", e.Data, a.Key)
			switch a.Key {
			case "href", "src", "action", "hx-get", "hx-post":
				require.True(t, a.Val == "" || strings.HasPrefix(a.Val, "/") || strings.HasPrefix(a.Val, "#"), "%s leads to %s", e.Data, a.Val)
				require.False(t, strings.HasPrefix(a.Val, "//"), "%s leads to %s", e.Data, a.Val)
			}
		}
		switch e.Data {
		case "script":
			require.True(t, strings.HasPrefix(e.attr("src"), "/assets/"), "a script is a file of ours")
			require.Empty(t, e.text())
		case "link":
			require.True(t, strings.HasPrefix(e.attr("href"), "/assets/"))
		case "img":
			require.Fail(t, "a title has become an image")
		}
	}
}

// requireOutline looks at headings and landmarks.
func requireOutline(t *testing.T, page document) {
	t.Helper()
	require.Len(t, page.tag("h1"), 1)
	require.Len(t, page.tag("main"), 1)
	require.Equal(t, "en", page.tag("html")[0].attr("lang"))
	require.NotEmpty(t, page.tag("title")[0].text())
	level := 0
	for _, heading := range page.all(func(e document) bool {
		return len(e.Data) == 2 && e.Data[0] == 'h' && e.Data[1] >= '1' && e.Data[1] <= '6'
	}) {
		next := int(heading.Data[1] - '0')
		require.LessOrEqual(t, next, level+1, "%s follows a heading of level %d", heading.Data, level)
		require.NotEmpty(t, heading.text())
		level = next
	}
}

// requireNames looks whether ids are of one element each, and what refers to them does so
// rightly: labels, descriptions.
func requireNames(t *testing.T, page document) {
	t.Helper()
	ids := make(map[string]int)
	for _, e := range page.all(func(e document) bool { return e.attr("id") != "" }) {
		ids[e.attr("id")]++
	}
	for id, n := range ids {
		require.Equal(t, 1, n, "elements with id %s", id)
	}
	labelled := make(map[string]bool)
	for _, label := range page.tag("label") {
		labelled[label.attr("for")] = true
	}
	for _, e := range page.all(func(document) bool { return true }) {
		for _, reference := range []string{"aria-describedby", "aria-labelledby"} {
			for id := range strings.FieldsSeq(e.attr(reference)) {
				require.Contains(t, ids, id, "%s of %s", reference, e.Data)
			}
		}
		if field := e.Data; (field == "input" && e.attr("type") != "hidden") || field == "textarea" {
			require.True(t, labelled[e.attr("id")], "%s %s has no label", field, e.attr("name"))
		}
		if e.Data == "form" && strings.EqualFold(e.attr("method"), "post") {
			require.NotEmpty(t, e.value(t, "key"), "what writes has a key")
		}
	}
}

func TestAssetsMayBeKeptForEver(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.get(t, "/books/new")
	needed := make(map[string]bool)
	for _, e := range page.all(func(e document) bool { return e.Data == "script" || e.Data == "link" }) {
		needed[e.attr("src")+e.attr("href")] = true
	}
	require.GreaterOrEqual(t, len(needed), 5)
	for _, path := range slices.Sorted(maps.Keys(needed)) {
		file := s.get(t, path)
		require.Equal(t, http.StatusOK, file.status, path)
		require.Equal(t, "public, max-age=31536000, immutable", file.header.Get("Cache-Control"), path)
		require.NotContains(t, file.header.Get("Content-Type"), "octet", path)
	}
	require.Equal(t, 404, s.get(t, "/assets/htmx.min.js").status, "without its content's sum it could be any version")
}

func TestWhatIsNoPage(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.get(t, "/nowhere")
	require.Equal(t, 404, page.status)
	require.True(t, page.has("problem"), "people get a page")
	program := s.get(t, "/nowhere", "Accept", "*/*")
	require.Equal(t, 404, program.status)
	require.Equal(t, "application/problem+json", program.header.Get("Content-Type"))
	require.Equal(t, "application/problem+json", s.get(t, "/api/nowhere").header.Get("Content-Type"), "the API is for programs")
	part := s.get(t, "/nowhere", "HX-Request", "true")
	require.True(t, part.has("problem"))
	require.Empty(t, part.tag("h1"), "htmx gets a part")
}
