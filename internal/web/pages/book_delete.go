package pages

import (
	"net/http"

	"bookstore/internal/web"
)

// showDeleteForm asks whether the reader means it.
func (p *Pages) showDeleteForm(w http.ResponseWriter, r *http.Request) error {
	return p.showFormOf(w, r, "book-delete")
}

func (p *Pages) deleteBook(w http.ResponseWriter, r *http.Request) error {
	form, err := readBookForm(r)
	if err != nil {
		return err
	}
	answer, err := p.api.do(r, call{method: http.MethodDelete, path: bookAPI(form.Book), header: form.header()}, nil)
	switch {
	case isProblem(err, http.StatusPreconditionFailed):
		return p.showDeleteConflict(w, r, form)
	case isProblem(err, http.StatusNotFound):
		// Somebody else has deleted it: its page says when.
		http.Redirect(w, r, bookAddress(form.Book), http.StatusSeeOther)
		return nil
	case err != nil:
		return err
	}
	return follow(w, r, answer, form.Book, "deleted")
}

func (p *Pages) showDeleteProblem(w http.ResponseWriter, r *http.Request, problem *web.Problem) {
	p.showFormProblem(w, r, problem, "book-delete")
}
