package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPagesOfOtherSitesCannotWrite(t *testing.T) {
	t.Parallel()
	wrote := 0
	router := NewRouter()
	router.HandleFunc("/thing", func(http.ResponseWriter, *http.Request) { wrote++ }).Methods(http.MethodPost, http.MethodGet)
	send := func(method string, header ...string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://bookstore.test/thing", http.NoBody)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w.Code
	}
	for _, foreign := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "http://elsewhere.test"},
		{"Origin", "null"},
	} {
		require.Equal(t, http.StatusForbidden, send(http.MethodPost, foreign...), foreign)
	}
	require.Zero(t, wrote)
	for _, own := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", "http://bookstore.test"}} {
		require.Equal(t, http.StatusOK, send(http.MethodPost, own...), own)
	}
	require.Equal(t, http.StatusOK, send(http.MethodGet, "Sec-Fetch-Site", "cross-site"), "a link from elsewhere only reads")
	require.Equal(t, 5, wrote)
}
