package pages_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/web"
)

// typed is a form as a browser sends it, with changes as pairs of name and value.
func typed(changes ...string) url.Values {
	form := url.Values{
		"key": {"k1"}, "version": {"2"}, "title": {" Emma "}, "author": {"Jane Austen"}, "published_at": {"1815"},
		"isbn": {""}, "description": {"One\r\nTwo\r\n"},
	}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

const accepted = `{"command_id":"6397477d-aee7-5b3a-a276-22bbb92514da","status":"pending","location":"/api/commands/6397477d-aee7-5b3a-a276-22bbb92514da"}`

func TestAddABook(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	form := s.get(t, "/books/new", "Cookie", cookie)
	require.Equal(t, 200, form.status)
	require.Equal(t, "/books", form.id(t, "add").attr("action"))
	require.Equal(t, "post", form.id(t, "add").attr("method"))
	require.NotEqual(t, form.value(t, "key"), s.get(t, "/books/new").value(t, "key"), "each form is a request of its own")

	s.api.on("POST /api/books", answer(201, aBook(1, "Emma"), "Consistency-Token", "3.17"))
	sent := s.post(t, "/books", typed(), "Cookie", cookie)
	require.Equal(t, 303, sent.status)
	require.Equal(t, "/books/7?done=added&seen=3.17", sent.header.Get("Location"))

	got := s.api.requests("POST /api/books")[0]
	require.Equal(t, "k1", got.header.Get("Idempotency-Key"))
	require.Equal(t, readerPseudonym, got.header.Get("X-User-Id"), "the id itself is not for timelines that everybody reads")
	require.Empty(t, got.header.Values("If-Match"))
	require.JSONEq(t, `{"title":"Emma","author":"Jane Austen","published_at":"1815","description":"One\nTwo"}`, got.body)

	s.api.on("POST /api/books", answer(202, accepted, "Location", "/api/commands/6397477d-aee7-5b3a-a276-22bbb92514da"))
	require.Equal(t, "/commands/6397477d-aee7-5b3a-a276-22bbb92514da?done=added", s.post(t, "/books", typed()).header.Get("Location"))
}

// Keys belong to readers: a reader without cookies must be the same nobody each time.
func TestAFormWithoutACookieComesFromTheSameNobody(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("POST /api/books", problem(problemOf(503, web.TypeMaybeWritten, "")))
	for range 2 {
		require.Empty(t, s.post(t, "/books", typed()).cookies)
	}
	for _, request := range s.api.requests("POST /api/books") {
		require.Empty(t, request.header.Get("X-User-Id"))
	}
}

func TestFormsThatWereRefusedKeepWhatWasTyped(t *testing.T) {
	t.Parallel()
	faults := web.Unprocessable(web.FieldError{Field: "isbn", Message: "is not one"}, web.FieldError{Field: "title", Message: "must not be empty"})
	tests := map[string]struct {
		problem *web.Problem
		sameKey bool
		says    string
	}{
		"faults":         {faults, false, "Nothing was written"},
		"key of another": {web.IdempotencyKeyReused(), false, "sent before, with other content"},
		"maybe written":  {problemOf(503, web.TypeMaybeWritten, "x"), true, "Sending it again is safe"},
		"our fault":      {problemOf(500, web.TypeInternal, "x"), true, "Sending it again is safe"},
		"log is away":    {web.Unavailable("The log cannot be reached. Nothing was written.", 0), true, "The log cannot be reached"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			for _, what := range []string{"POST /api/books", "PUT /api/books/7", "DELETE /api/books/7"} {
				s.api.on(what, problem(test.problem))
			}
			for path, id := range map[string]string{"/books": "add", "/books/7": "edit", "/books/7/delete": "delete"} {
				page := s.post(t, path, typed("description", "\nafter a line\n<b>"))
				require.Equal(t, test.problem.Status, page.status, path)
				form := page.id(t, id)
				require.Equal(t, test.sameKey, form.value(t, "key") == "k1", "%s: %s", path, form.value(t, "key"))
				require.NotEmpty(t, form.value(t, "key"), path)
				require.Contains(t, page.id(t, "problem").text(), test.says, path)
				if id != "add" {
					require.Equal(t, "2", form.value(t, "version"), path)
				}
				if id == "delete" {
					continue
				}
				require.Equal(t, "Emma", form.value(t, "title"), path)
				require.Contains(t, form.value(t, "description"), "after a line <b>", path)
				for _, fault := range test.problem.Errors {
					if test.problem.Type != web.TypeInvalidFields {
						break
					}
					field := form.id(t, fault.Field)
					require.Equal(t, "true", field.attr("aria-invalid"), path)
					require.Contains(t, strings.Fields(field.attr("aria-describedby")), fault.Field+"-fault", path)
					require.Contains(t, form.id(t, fault.Field+"-fault").text(), fault.Message, path)
				}
			}
		})
	}
}

func TestEditABook(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books/7", answer(200, aBook(2, "Emma")))
	page := s.get(t, "/books/7/edit")
	require.Equal(t, 200, page.status)
	form := page.id(t, "edit")
	for name, want := range map[string]string{"version": "2", "title": "Emma", "author": "Jane Austen", "published_at": "1815-12", "isbn": "9780306406157", "description": "A matchmaker."} {
		require.Equal(t, want, form.value(t, name), name)
	}

	s.api.on("PUT /api/books/7", answer(200, aBook(3, "Emma"), "Consistency-Token", "3.18"))
	sent := s.post(t, form.attr("action"), typed())
	require.Equal(t, 303, sent.status)
	require.Equal(t, "/books/7?done=saved&seen=3.18", sent.header.Get("Location"))
	got := s.api.requests("PUT /api/books/7")[0]
	require.Equal(t, `"2"`, got.header.Get("If-Match"))
	require.Equal(t, "k1", got.header.Get("Idempotency-Key"))

	withoutVersion := typed()
	withoutVersion.Del("version")
	s.post(t, "/books/7", withoutVersion)
	require.Equal(t, `"0"`, s.api.requests("PUT /api/books/7")[1].header.Get("If-Match"), "no version is no book's, and not any")
}

func TestSomebodyElseWasFasterToEdit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("PUT /api/books/7", problem(web.PreconditionFailed("The book is at version 5 now.")))
	s.api.on("GET /api/books/7", answer(200, aBook(5, "Emma, or not")))

	page := s.post(t, "/books/7", typed("description", "A matchmaker."))

	require.Equal(t, 412, page.status)
	require.Contains(t, page.id(t, "problem").text(), "Nothing of yours was written")
	rows := page.id(t, "conflict").tag("tbody")[0].tag("tr")
	require.Equal(t, "Title differs Emma Emma, or not", rows[0].text())
	require.Equal(t, "Author Jane Austen Jane Austen", rows[1].text())
	var differ []string
	for _, row := range rows {
		if row.attr("class") == "differs" {
			differ = append(differ, row.tag("td")[0].text())
		}
	}
	require.Equal(t, []string{"Emma", "1815", "nothing"}, differ, "title, date and ISBN")
	require.Equal(t, "/books/7", page.id(t, "drop").attr("href"))
	form := page.id(t, "edit")
	require.Equal(t, "5", form.value(t, "version"), "saves over what is shown")
	require.NotEqual(t, "k1", form.value(t, "key"), "is another request")
	require.Equal(t, "Emma", form.value(t, "title"), "is what was typed")

	s.api.on("GET /api/books/7", answer(200, aBook(2, "Emma")))
	require.Contains(t, s.post(t, "/books/7", typed()).id(t, "problem").text(), "cannot be shown yet")
}

func TestSomebodyElseHasDeletedWhatIsEdited(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]*web.Problem{
		"known at once":           web.NotFound("There is no book with the id 7."),
		"found when it was shown": web.PreconditionFailed("The book is at version 5 now."),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.api.on("PUT /api/books/7", problem(refusal))
			page := s.post(t, "/books/7", typed())
			require.Equal(t, 404, page.status)
			require.Contains(t, page.id(t, "problem").text(), "Somebody has deleted it")
			form := page.id(t, "add")
			require.Equal(t, "Emma", form.value(t, "title"))
			require.NotEqual(t, "k1", form.value(t, "key"))
		})
	}
}

func TestDeleteABook(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books/7", answer(200, aBook(2, "Emma")))
	page := s.get(t, "/books/7/delete")
	require.Equal(t, 200, page.status)
	require.Equal(t, "Delete “Emma”?", page.tag("h1")[0].text())
	require.Equal(t, "/books/7", page.id(t, "drop").attr("href"))
	require.Equal(t, "2", page.id(t, "delete").value(t, "version"))

	s.api.on("DELETE /api/books/7", answer(204, "", "Consistency-Token", "3.19"))
	sent := s.post(t, page.id(t, "delete").attr("action"), typed())
	require.Equal(t, 303, sent.status)
	require.Equal(t, "/books/7?done=deleted&seen=3.19", sent.header.Get("Location"))
	require.Equal(t, `"2"`, s.api.requests("DELETE /api/books/7")[0].header.Get("If-Match"))

	s.api.on("DELETE /api/books/7", problem(web.NotFound("There is no book with the id 7.")))
	require.Equal(t, "/books/7", s.post(t, "/books/7/delete", typed()).header.Get("Location"), "which says who has deleted it")
}

func TestSomebodyElseWasFasterThanADeletion(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("DELETE /api/books/7", problem(web.PreconditionFailed("The book is at version 5 now.")))
	s.api.on("GET /api/books/7", answer(200, aBook(5, "Emma, or not")))
	s.api.on("GET /api/books/7/history", historyOf(5, false))

	page := s.post(t, "/books/7/delete", typed())

	require.Equal(t, 412, page.status)
	require.Contains(t, page.id(t, "problem").text(), "It was not deleted")
	require.Equal(t, "Title differs T2 Emma, or not", page.id(t, "conflict").tag("tbody")[0].tag("tr")[0].text())
	form := page.id(t, "delete")
	require.Equal(t, "5", form.value(t, "version"))
	require.NotEqual(t, "k1", form.value(t, "key"))

	s.api.on("GET /api/books/7/history", problem(web.Unavailable("away", 0)))
	require.Equal(t, 412, s.post(t, "/books/7/delete", typed()).status, "the comparison is not needed to choose")
	s.api.on("GET /api/books/7", problem(web.NotFound("")))
	require.Equal(t, 303, s.post(t, "/books/7/delete", typed()).status, "and then it was deleted as well")
}

func TestAWriteThatTakesLongIsWatched(t *testing.T) {
	t.Parallel()
	const id = "6397477d-aee7-5b3a-a276-22bbb92514da"
	s := newShop(t)
	require.Equal(t, 404, s.get(t, "/commands/"+id).status)

	s.api.on("GET /api/commands/"+id, answer(200, accepted))
	page := s.get(t, "/commands/"+id+"?done=saved")
	require.Equal(t, 200, page.status)
	require.True(t, page.has("pending"))
	require.Equal(t, "2", page.header.Get("Refresh"))

	s.api.on("GET /api/commands/"+id, answer(200, `{"status":"accepted","book_id":7,"version":3}`, "Consistency-Token", "3.20"))
	page = s.get(t, "/commands/"+id+"?done=saved")
	require.Equal(t, 303, page.status)
	require.Equal(t, "/books/7?done=saved&seen=3.20", page.header.Get("Location"))

	for reason, says := range map[string]string{"version_mismatch": "Somebody else", "book_not_found": "no such book", "other": "(other)"} {
		body, err := json.Marshal(map[string]any{"status": "rejected", "reason": reason, "book_id": 7})
		require.NoError(t, err)
		s.api.on("GET /api/commands/"+id, answer(200, string(body)))
		page = s.get(t, "/commands/"+id)
		require.Contains(t, page.id(t, "rejected").text(), says)
		require.Empty(t, page.header.Get("Refresh"), "it stays so")
	}
}

func TestOtherSitesWriteNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, path := range []string{"/books", "/books/7", "/books/7/delete"} {
		require.Equal(t, 403, s.post(t, path, typed(), "Sec-Fetch-Site", "cross-site").status, path)
	}
	require.Empty(t, s.api.asked)
}

func TestAFormThatIsNone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.post(t, "/books", typed(), "Content-Type", "multipart/nonsense;;")
	require.Equal(t, 400, page.status)
	require.True(t, page.has("problem"))
	require.Empty(t, s.api.asked)
}
