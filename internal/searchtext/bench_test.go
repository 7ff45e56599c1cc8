package searchtext_test

import (
	"testing"

	"bookstore/internal/searchtext"
)

// BenchmarkIndexing is what indexing a book costs on our side.
func BenchmarkIndexing(b *testing.B) {
	const title, author = "The Hunger Games (The Hunger Games, #1)", "Suzanne Collins"
	const description = "In the ruins of a place once known as North America lies the nation of Panem, a shining Capitol surrounded by twelve outlying districts, each of which must send a boy and a girl."
	for _, author := range []string{author, "Mary GrandPré"} {
		b.Run(author, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = searchtext.Terms(title, author)
				_ = searchtext.Document(title, author, description)
			}
		})
	}
}
