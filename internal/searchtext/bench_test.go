package searchtext_test

import (
	"testing"

	"bookstore/internal/searchtext"
)

// BenchmarkIndexing is what indexing a book costs on our side.
func BenchmarkIndexing(b *testing.B) {
	for name, author := range map[string]string{"ascii": "Suzanne Collins", "accents": "Mary GrandPré"} {
		text := searchtext.Text{
			Title: "The Hunger Games (The Hunger Games, #1)", Author: author, ISBN: "9780439023481",
			Description: "In the ruins of a place once known as North America lies the nation of Panem, a shining Capitol surrounded by twelve outlying districts, each of which must send a boy and a girl.",
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = searchtext.Lexemes(12_345, text)
			}
		})
	}
}
