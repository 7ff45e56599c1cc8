package pages

import (
	"net/http"

	"bookstore/internal/web"
)

// conflictPage is for a reader whose write was refused because somebody else was faster.
type conflictPage struct {
	formPage
	Rows    []comparison
	Current int64 // the version that the book has now, as far as it can be read
	Behind  bool  // what somebody else has written can't be read yet
}

// comparison is one of a book's details in two versions.
type comparison struct {
	Field       string
	Mine, Their string
}

// Differs says whether the versions have it in common.
func (c comparison) Differs() bool { return c.Mine != c.Their }

func compare(mine, their details) []comparison {
	var rows []comparison
	theirs := their.fields()
	for i, f := range mine.fields() {
		rows = append(rows, comparison{f.Name, f.Value, theirs[i].Value})
	}
	return rows
}

// showEditConflict shows what was typed beside what the book is now. Nothing was written;
// the form saves over the version that is shown, and no newer one.
func (p *Pages) showEditConflict(w http.ResponseWriter, r *http.Request, form bookForm) error {
	var book web.Book
	if _, err := p.api.get(r, bookAPI(form.Book), nil, &book); err != nil {
		if isProblem(err, http.StatusNotFound) {
			return p.showEditOfNothing(w, r, form)
		}
		return err
	}
	page := conflictPage{Rows: compare(form.Details, detailsOf(book)), Current: book.Version, Behind: book.Version <= form.Version}
	page.formPage = formPage{chrome: p.chrome(r), Title: book.Title, Form: form}
	page.Form.Version, page.Form.Key = book.Version, newKey()
	return p.templates.render(w, r, http.StatusPreconditionFailed, "book-edit-conflict", "", page)
}

// showDeleteConflict shows what the book was when the reader was asked beside what it is
// now.
func (p *Pages) showDeleteConflict(w http.ResponseWriter, r *http.Request, form bookForm) error {
	var book web.Book
	if _, err := p.api.get(r, bookAPI(form.Book), nil, &book); err != nil {
		if isProblem(err, http.StatusNotFound) {
			http.Redirect(w, r, bookAddress(form.Book), http.StatusSeeOther)
			return nil
		}
		return err
	}
	page := conflictPage{Current: book.Version, Behind: book.Version <= form.Version}
	if form.Version > 0 {
		seen, _, err := p.versions(r, form.Book, min(form.Version-1, maxSkipped), 1)
		if err != nil && !hasProblem(err) {
			return err
		}
		if v := last(seen); v.Version == form.Version && v.Details != nil {
			page.Rows = compare(*v.Details, detailsOf(book))
		}
	}
	page.formPage = formPage{chrome: p.chrome(r), Title: book.Title, Form: form}
	page.Form.Version, page.Form.Key = book.Version, newKey()
	return p.templates.render(w, r, http.StatusPreconditionFailed, "book-delete-conflict", "", page)
}
