package pages

import (
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"bookstore/internal/web"
)

// books are the routes of single books.
func (p *Pages) books() []route {
	const book = "/books/{id:[0-9]+}"
	return []route{
		{http.MethodGet, "/books/new", p.page(p.showAddForm)},
		{http.MethodPost, "/books", p.pageOr(p.addBook, p.showAddProblem)},
		{http.MethodGet, book, p.page(p.showBook)},
		{http.MethodGet, book + "/edit", p.page(p.showEditForm)},
		{http.MethodPost, book, p.pageOr(p.editBook, p.showEditProblem)},
		{http.MethodGet, book + "/delete", p.page(p.showDeleteForm)},
		{http.MethodPost, book + "/delete", p.pageOr(p.deleteBook, p.showDeleteProblem)},
		{http.MethodGet, "/commands/{id}", p.page(p.showCommand)},
	}
}

// bookID returns the id in a path of [Pages.books]; 0, which no book has, for a number
// that is too large for one.
func bookID(r *http.Request) int64 {
	id, err := strconv.ParseInt(mux.Vars(r)["id"], 10, 64)
	if err != nil {
		return 0
	}
	return id
}

func bookAddress(id int64) string { return "/books/" + strconv.FormatInt(id, 10) }

func bookAPI(id int64) string { return "/api" + bookAddress(id) }

// details are what people say of a book.
type details struct {
	Title       string `json:"title"`
	Author      string `json:"author"`
	PublishedAt string `json:"published_at"`
	ISBN        string `json:"isbn,omitempty"`
	Description string `json:"description"`
}

func detailsOf(b web.Book) details {
	return details{Title: b.Title, Author: b.Author, PublishedAt: b.PublishedAt, ISBN: b.ISBN, Description: b.Description}
}

// field is one of the details, by its name in the API.
type field struct{ Name, Value string }

// fields are all details, in the order of pages.
func (d details) fields() []field {
	return []field{
		{"title", d.Title}, {"author", d.Author}, {"published_at", d.PublishedAt}, {"isbn", d.ISBN}, {"description", d.Description},
	}
}
