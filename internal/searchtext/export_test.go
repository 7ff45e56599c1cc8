package searchtext

// LocatedWords gives the words of a text as locate finds them, and where.
func LocatedWords(text string) (words []string, spans []Span) {
	for word := range locate(text) {
		words = append(words, string(word.folded))
		spans = append(spans, word.span())
	}
	return words, spans
}
