package query

import (
	"bookstore/internal/searchtext"
	"bookstore/internal/web"
)

// snippetLength is how much of a description is shown to say why a book was found, in
// characters.
const snippetLength = 240

// highlight marks in the books of a result what they were found by.
func highlight(result Result) {
	title, author := result.Read.Marks(searchtext.Title), result.Read.Marks(searchtext.Author)
	description := result.Read.Marks(searchtext.Anywhere)
	for i := range result.Books {
		b := &result.Books[i]
		part, spans := searchtext.Snippet(b.Description, description.In(b.Description), snippetLength)
		b.Highlights = &web.Highlights{
			Title:       searchtext.Marked(b.Title, title.In(b.Title)),
			Author:      searchtext.Marked(b.Author, author.In(b.Author)),
			Description: searchtext.Marked(part, spans),
		}
	}
}
