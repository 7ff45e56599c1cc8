package pages

import (
	"net/http"

	"bookstore/internal/web"
)

func (p *Pages) showEditForm(w http.ResponseWriter, r *http.Request) error {
	return p.showFormOf(w, r, "book-edit")
}

// showFormOf shows a form of the book as it is. The form has its version, by which the API
// sees whether somebody else was faster.
func (p *Pages) showFormOf(w http.ResponseWriter, r *http.Request, page string) error {
	remember(w, r)
	var book web.Book
	if _, err := p.api.get(r, bookAPI(bookID(r)), nil, &book); err != nil {
		if isProblem(err, http.StatusNotFound) {
			return p.showGone(w, r, err)
		}
		return err
	}
	form := bookForm{Book: book.ID, Version: book.Version, Key: newKey(), Details: detailsOf(book)}
	return p.templates.render(w, r, http.StatusOK, page, "", formPage{chrome: p.chrome(r), Form: form, Title: book.Title})
}

func (p *Pages) editBook(w http.ResponseWriter, r *http.Request) error {
	form, err := readBookForm(r)
	if err != nil {
		return err
	}
	answer, err := p.api.do(r, call{method: http.MethodPut, path: bookAPI(form.Book), header: form.header(), body: form.Details}, nil)
	switch {
	case isProblem(err, http.StatusPreconditionFailed):
		return p.showEditConflict(w, r, form)
	case isProblem(err, http.StatusNotFound):
		return p.showEditOfNothing(w, r, form)
	case err != nil:
		return err
	}
	return follow(w, r, answer, form.Book, "saved")
}

func (p *Pages) showEditProblem(w http.ResponseWriter, r *http.Request, problem *web.Problem) {
	p.showFormProblem(w, r, problem, "book-edit")
}

// showEditOfNothing keeps what was typed for a book that somebody has deleted meanwhile:
// it can be added as a new one.
func (p *Pages) showEditOfNothing(w http.ResponseWriter, r *http.Request, form bookForm) error {
	problem := web.NotFound("Somebody has deleted it since you opened it. Nothing was written. What you typed is still here: you can add it as a new book.")
	problem.Title = "This book is gone"
	page := formPage{chrome: p.chrome(r), Form: bookForm{Key: newKey(), Details: form.Details}, Problem: problem}
	return p.templates.render(w, r, http.StatusNotFound, "book-add", "", page)
}
