package nearest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/nearest"
)

func TestName(t *testing.T) {
	t.Parallel()
	known := []string{"title", "author", "published_at"}
	for given, want := range map[string]string{
		"titel": "title", "autho": "author", "publishedat": "published_at", "isbn": "", "": "",
		strings.Repeat("title", 20): "",
	} {
		require.Equal(t, want, nearest.Name(given, known), given)
	}
}
