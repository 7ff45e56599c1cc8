package searchkey_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"bookstore/internal/searchkey"
)

func TestQueriesThatAreOne(t *testing.T) {
	t.Parallel()
	key := func(typed string) string {
		k, ok := searchkey.Query(typed)
		require.True(t, ok, typed)
		return k.String()
	}
	for _, same := range []string{"Les Misérables", "les miserables", "  LES   MISERABLES ", "les\tmisérables", `"les misérables"`} {
		require.Equal(t, key("les miserables"), key(same), same)
	}
	for _, other := range []string{"les miserable", "lesmiserables", "miserables les"} {
		require.NotEqual(t, key("les miserables"), key(other), other)
	}
	_, ok := searchkey.Query(` "%" `)
	require.False(t, ok, "nothing to search for")
}

// Keys lie in tables: one that changes finds nothing there any more.
func TestKeysStayAsTheyAre(t *testing.T) {
	t.Parallel()
	key, _ := searchkey.Query("Dune")
	require.Equal(t, "ab906be1-2ca6-89f2-8ad5-687f2b0ab8bc", key.String())
	require.Equal(t, "2bd806c9-7f0e-80af-9a1f-c3328fa763a9", searchkey.Reader("alice").String())
	require.Equal(t, searchkey.Nobody, searchkey.Reader(""))
}

func TestFormsAreTidyAndBounded(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Les Misérables", searchkey.Form("  Les \n Misérables\t"))
	long := searchkey.Form(strings.Repeat("é", 501))
	require.Equal(t, 500, utf8.RuneCountInString(long))
	require.True(t, utf8.ValidString(long))
}
