package query

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

func TestSharesOfLexemes(t *testing.T) {
	t.Parallel()
	s := newStatistics(1000, []string{";dune", "dune", "dunes", "duty"}, []float32{0.125, 0.25, 0.0625, 0.5})
	const rest = 0.0625 / 2
	word := func(text string) searchtext.Lexeme { return searchtext.Lexeme{Text: text} }
	begins := func(text string) searchtext.Lexeme { return searchtext.Lexeme{Text: text, Prefix: true} }
	for lexeme, want := range map[searchtext.Lexeme]float64{
		word("dune"):      0.25,
		word(";dune"):     0.125,
		word("sand"):      rest,
		word(";sand"):     rest * 0.25,
		word("^sand"):     rest * 0.25 * 0.2,
		word("=the sand"): rest * 0.01,
		word("^dune"):     min(rest, 0.125*0.2),
		word(";duty"):     rest, // a quarter of those that have duty, were it not among the rest
		begins(";du"):     0.25 * (0.25 + 0.0625 + 0.5 + manyRest*rest),
		begins("dune"):    0.25 + 0.0625 + manyRest*rest, // and some that are not named
		begins("du"):      0.25 + 0.0625 + 0.5 + manyRest*rest,
		begins("dunes"):   0.0625 + manyRest*rest,
		begins("z"):       manyRest * rest,
		begins(""):        0.125 + 0.25 + 0.0625 + 0.5 + manyRest*rest,
	} {
		require.InDelta(t, want, s.share(lexeme), 1e-9, "%+v", lexeme)
	}
	require.InDelta(t, 0.75, s.any([]searchtext.Lexeme{word("dune"), word("duty")}), 1e-9)
	require.InDelta(t, 1, s.any([]searchtext.Lexeme{word("dune"), word("duty"), begins("du")}), 1e-9, "no share is above 1")
}

func TestNothingIsKnownOfACatalogueThatWasNeverAnalyzed(t *testing.T) {
	t.Parallel()
	s := newStatistics(-1, nil, nil)
	require.Zero(t, s.books)
	require.Zero(t, s.share(searchtext.Lexeme{Text: "dune"}))
	require.Zero(t, s.share(searchtext.Lexeme{Text: "dune", Prefix: true}))
}

// The share of a word's beginning is what looking at each lexeme gives.
func TestTheShareOfABeginningIsASum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.MapOf(rapid.StringMatching(`[;^]?[ab]{0,4}`), rapid.Float64Range(0, 1)).Draw(t, "shares")
		s := NewStatistics(1000, shares).made
		beginning := searchtext.Lexeme{Text: rapid.StringMatching(`[ab]{1,3}`).Draw(t, "beginning"), Prefix: true}
		want := manyRest * s.rest
		for lexeme, share := range shares {
			if strings.HasPrefix(lexeme, beginning.Text) {
				want += float64(float32(share))
			}
		}
		require.InDelta(t, want, s.share(beginning), 1e-6)
	})
}
