package pages

import (
	"net/http"

	"bookstore/internal/web"
)

func (p *Pages) showAddForm(w http.ResponseWriter, r *http.Request) error {
	remember(w, r)
	return p.templates.render(w, r, http.StatusOK, "book-add", "", formPage{chrome: p.chrome(r), Form: bookForm{Key: newKey()}})
}

// addBook asks for a new book. A reader without a cookie is nobody here, and gets none:
// keys belong to readers, so the same form must come from the same one each time.
func (p *Pages) addBook(w http.ResponseWriter, r *http.Request) error {
	form, err := readBookForm(r)
	if err != nil {
		return err
	}
	var book web.Book
	answer, err := p.api.do(r, call{method: http.MethodPost, path: "/api/books", header: form.header(), body: form.Details}, &book)
	if err != nil {
		return err
	}
	return follow(w, r, answer, book.ID, "added")
}

func (p *Pages) showAddProblem(w http.ResponseWriter, r *http.Request, problem *web.Problem) {
	p.showFormProblem(w, r, problem, "book-add")
}
