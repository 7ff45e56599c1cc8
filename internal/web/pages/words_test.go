package pages

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestYears(t *testing.T) {
	t.Parallel()
	for date, want := range map[string]string{
		"": "", "1813-01-28": "1813", "1813-01": "1813", "1813": "1813", "0800": "800", "-0750": "750 BC", "0000": "0", "+12000": "12000", "about 1800": "",
	} {
		require.Equal(t, want, year(date), date)
	}
}

func TestExcerptsEndWithAWord(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short.", excerpt("short."))
	got := excerpt(strings.Repeat("word ", 100))
	require.True(t, strings.HasSuffix(got, "word…"), got)
	require.Equal(t, strings.Repeat("字", excerptLength)+"…", excerpt(strings.Repeat("字", 500)), "without spaces it ends anywhere")
}

func TestASearchForAnAuthorIsOnePhrase(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/?q=author%3A%22Jane+Austen%22", searchForAuthor("Jane Austen"))
	require.Equal(t, "/?q=author%3A%22a++b%22", searchForAuthor(`a" b`))
}
