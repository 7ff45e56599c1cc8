package searchtext_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/searchtext"
)

func TestTermsTellTitleFromAuthor(t *testing.T) {
	t.Parallel()
	require.Equal(t, "dune messiah\nfrank herbert", searchtext.Terms("Dune: Messiah", "Frank Herbert"))
	require.Equal(t, "\n", searchtext.Terms("", "?!"))
}

func TestDocument(t *testing.T) {
	t.Parallel()
	require.Equal(t,
		`'dune':1A 'frank':2B 'herbert':3B 'sand':4C 'and':5C 'sand':6C`,
		searchtext.Document("Dune", "Frank Herbert", "Sand, and sand."))
	require.Empty(t, searchtext.Document("", "?", "\x00"))
}

func TestDocumentIsBounded(t *testing.T) {
	t.Parallel()
	document := searchtext.Document("Dune", "", strings.Repeat("sand ", 1<<20))
	require.LessOrEqual(t, len(document), 1<<20)
	require.Contains(t, document, `'dune':1A 'sand':2C`)
	require.True(t, strings.HasSuffix(document, `'sand':16383C`))
}

func TestTSQuery(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      ``,
		"dune mess":             `'dune' & 'mess':*`,
		`"dune"`:                `'dune'`,
		`"dune messiah"`:        `('dune':A <-> 'messiah':A | 'dune':B <-> 'messiah':B | 'dune':C <-> 'messiah':C)`,
		`frank "dune mess`:      `'frank' & ('dune':A <-> 'mess':*A | 'dune':B <-> 'mess':*B | 'dune':C <-> 'mess':*C)`,
		"title:dune":            `'dune':*A`,
		`author:"frank h" dune`: `'frank':B <-> 'h':B & 'dune':*`,
	} {
		require.Equal(t, want, searchtext.ParseQuery(text).TSQuery(), "%q", text)
	}
}

func TestPartPattern(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dune":        "%dune%",
		"title:dune":  "%dune%\n%",
		"author:dune": "%\n%dune%",
		`"dune`:       "",
		`"dune"`:      "",
	} {
		require.Equal(t, want, searchtext.ParseQuery(text)[0].PartPattern(), "%q", text)
	}
}
