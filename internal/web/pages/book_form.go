package pages

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"bookstore/internal/web"
)

// bookForm is a form that writes a book.
type bookForm struct {
	Book    int64 // 0 for one that is yet to be added
	Version int64 // that the reader has seen; 0 for one that is yet to be added
	Key     string
	Details details
	Faults  map[string]string // by field
}

// newKey makes the key that a form is sent under. However often that is, it takes effect
// once.
func newKey() string { return uuid.NewString() }

// header has what the API needs to know beside the details.
func (f bookForm) header() http.Header {
	h := make(http.Header)
	h.Set("Idempotency-Key", f.Key)
	if f.Book != 0 {
		// A version that is none is never met. Without the header any would be.
		h.Set("If-Match", web.ETag(f.Version))
	}
	return h
}

// readBookForm reads a form that was sent. It fails with a [*web.Problem]; bounds of its size
// are the server's.
func readBookForm(r *http.Request) (bookForm, error) {
	var tooLarge *http.MaxBytesError
	switch err := r.ParseForm(); {
	case errors.As(err, &tooLarge):
		return bookForm{}, web.PayloadTooLarge(tooLarge.Limit)
	case err != nil:
		return bookForm{}, web.BadRequest("The form did not arrive whole, or is none. Nothing was written.")
	}
	return formOf(r), nil
}

// formOf returns the form of a request, as far as it could be read.
func formOf(r *http.Request) bookForm {
	sent := r.PostForm
	form := bookForm{Book: bookID(r), Key: sent.Get("key"), Details: detailsFrom(sent)}
	form.Version, _ = strconv.ParseInt(sent.Get("version"), 10, 64) // 0 is never met
	return form
}

// detailsFrom reads what was typed. Browsers send line breaks as CR LF whatever they were
// before, and a book must not change by being looked at; spaces around a line are typing
// mistakes.
func detailsFrom(sent url.Values) details {
	line := func(name string) string { return strings.TrimSpace(sent.Get(name)) }
	return details{
		Title: line("title"), Author: line("author"), PublishedAt: line("published_at"), ISBN: line("isbn"),
		Description: strings.TrimRight(strings.ReplaceAll(sent.Get("description"), "\r\n", "\n"), "\n"),
	}
}

// again is the form as it has to be sent after a problem. Where it may have taken effect,
// its key stays; else it needs a new one, since the old has been decided, or is refused.
func (f bookForm) again(problem *web.Problem) bookForm {
	if problem.Status < http.StatusInternalServerError {
		f.Key = newKey()
	}
	f.Faults = make(map[string]string)
	for _, fault := range problem.Errors {
		f.Faults[fault.Field] = label(fault.Field) + " " + fault.Message
	}
	return f
}

// explained says in the words of a form what the API says in those of its own.
func explained(problem *web.Problem) *web.Problem {
	told := *problem
	switch {
	case problem.Type == web.TypeIdempotencyKeyReused:
		told.Title = "This form was sent before, with other content"
		told.Detail = "What it had then was carried out; what it has now was not. Sending it now is a new request."
		told.Errors = nil
	case problem.Type == web.TypeInvalidFields:
		told.Title = "Something has to change first"
		told.Detail = "Nothing was written."
	case problem.Type == web.TypeMaybeWritten || problem.Type == web.TypeInternal:
		told.Detail = "It may have been carried out, or may still be. Sending it again is safe: it takes effect once."
	case problem.Status == http.StatusServiceUnavailable:
		told.Detail = problem.Detail + " What you typed is still here. Sending it again is safe: it takes effect once."
	}
	return &told
}

// showFormProblem shows a problem with the form as it was typed, which r must have.
// Without, it shows the problem alone.
func (p *Pages) showFormProblem(w http.ResponseWriter, r *http.Request, problem *web.Problem, name string) {
	if !r.PostForm.Has("key") {
		p.showProblem(w, r, problem)
		return
	}
	page := formPage{chrome: p.chrome(r), Form: formOf(r).again(problem), Problem: explained(problem), Title: r.PostForm.Get("title")}
	p.showProblemOn(w, r, problem, name, page)
}

// formPage is a page with a form.
type formPage struct {
	chrome
	Form    bookForm
	Problem *web.Problem // of the form as it was sent; nil for none
	Title   string       // of the book, as it was when the form was made
}

// follow leads a browser that has sent a form to what came of it: the book, or, where that
// takes longer, the command.
func follow(w http.ResponseWriter, r *http.Request, answer web.Answer, book int64, done string) error {
	to := bookWith(book, done, answer.Header.Get("Consistency-Token"))
	if answer.Status == http.StatusAccepted {
		to = "/commands/" + url.PathEscape(path.Base(answer.Header.Get("Location"))) + "?done=" + done
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// hasProblem says whether the API has answered with a problem: what failed is what was
// asked for, and not the page.
func hasProblem(err error) bool {
	var problem *web.Problem
	return errors.As(err, &problem)
}
