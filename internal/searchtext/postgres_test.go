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
