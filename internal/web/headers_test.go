package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requestWith has a header line for each value.
func requestWith(name string, values ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), "GET", "/", nil)
	for _, value := range values {
		r.Header.Add(name, value)
	}
	return r
}

func requireBadRequest(t *testing.T, err error, field string) {
	t.Helper()
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, 400, p.Status)
	require.Equal(t, field, p.Errors[0].Field)
}

func TestParseIfMatch(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lines    []string
		versions []int64
		any      bool
	}{
		"none":             {nil, nil, false},
		"any":              {[]string{" * "}, nil, true},
		"one":              {[]string{`"3"`}, []int64{3}, false},
		"several":          {[]string{`"1", "2" ,"3"`}, []int64{1, 2, 3}, false},
		"several lines":    {[]string{`"1"`, `"2"`}, []int64{1, 2}, false},
		"empty elements":   {[]string{`, "1",, "2",`}, []int64{1, 2}, false},
		"largest":          {[]string{ETag(1<<63 - 1)}, []int64{1<<63 - 1}, false},
		"weak":             {[]string{`W/"1"`}, []int64{NoVersion}, false},
		"weak among":       {[]string{`W/"1", "2"`}, []int64{NoVersion, 2}, false},
		"not ours":         {[]string{`"abc", "", "01", "+1", "-1", "0", "1.0"`}, []int64{0, 0, 0, 0, 0, 0, 0}, false},
		"comma in a tag":   {[]string{`"1,2"`}, []int64{NoVersion}, false},
		"too large":        {[]string{`"9223372036854775808"`}, []int64{NoVersion}, false},
		"beyond ASCII":     {[]string{"\"\xe9\""}, []int64{NoVersion}, false},
		"quoted asterisk":  {[]string{`"*"`}, []int64{NoVersion}, false},
		"tab between tags": {[]string{"\"1\"\t,\t\"2\""}, []int64{1, 2}, false},
	} {
		versions, any, err := ParseIfMatch(requestWith("If-Match", tt.lines...).Header)
		require.NoError(t, err, name)
		require.Equal(t, tt.versions, versions, name)
		require.Equal(t, tt.any, any, name)
	}
	for _, line := range []string{"", " ", ",", "1", `"1`, `1"`, `"1" "2"`, `*, "1"`, `"1", *`, `w/"1"`, `W/1`, `W/ "1"`, `"a b"`, `"1"x`, "*;"} {
		_, _, err := ParseIfMatch(requestWith("If-Match", line).Header)
		requireBadRequest(t, err, "If-Match")
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"":               false,
		`"1"`:            true,
		`W/"1"`:          true,
		`"2", "1"`:       true,
		"*":              true,
		`"2"`:            false,
		`"11"`:           false,
		`1`:              false,
		`"1", not a tag`: false,
	} {
		r, w := requestWith("If-None-Match", header), httptest.NewRecorder()
		require.Equal(t, want, NotModified(w, r, ETag(1)), header)
		require.Equal(t, `"1"`, w.Header().Get("ETag"))
		if want {
			require.Equal(t, http.StatusNotModified, w.Code)
			require.Empty(t, w.Body.String())
		}
	}
	r := requestWith("If-None-Match", "*")
	r.Method = "PUT"
	require.False(t, NotModified(httptest.NewRecorder(), r, ETag(1)), "304 is for reading only")
}

func TestParsePrefer(t *testing.T) {
	t.Parallel()
	const absent, longest = 2 * time.Second, 30 * time.Second
	for name, tt := range map[string]struct {
		lines []string
		async bool
		wait  time.Duration
	}{
		"none":               {nil, false, absent},
		"async":              {[]string{"respond-async"}, true, absent},
		"wait":               {[]string{"wait=10"}, false, 10 * time.Second},
		"no wait":            {[]string{"wait=0"}, false, 0},
		"both":               {[]string{"respond-async, wait=1"}, true, time.Second},
		"two lines":          {[]string{"wait=1", "respond-async"}, true, time.Second},
		"any case, spaces":   {[]string{" Respond-ASYNC ,  WAIT = 3 "}, true, 3 * time.Second},
		"quoted":             {[]string{`wait="4"`}, false, 4 * time.Second},
		"with parameters":    {[]string{`respond-async; a="x, y; wait=9", wait=5;b`}, true, 5 * time.Second},
		"the first counts":   {[]string{"wait=1, wait=2"}, false, time.Second},
		"bounded":            {[]string{"wait=100000"}, false, longest},
		"beyond any number":  {[]string{"wait=99999999999999999999"}, false, absent},
		"negative":           {[]string{"wait=-1"}, false, absent},
		"a fraction":         {[]string{"wait=1.5"}, false, absent},
		"not a number":       {[]string{"wait=soon"}, false, absent},
		"others are ignored": {[]string{`return=minimal, handling="wait=9, respond-async", x`}, false, absent},
		"never ending quote": {[]string{`a="respond-async, wait=9`}, false, absent},
		"ends in backslash":  {[]string{`a="\`}, false, absent},
	} {
		require.Equal(t, Preferences{RespondAsync: tt.async, Wait: tt.wait}, ParsePrefer(requestWith("Prefer", tt.lines...).Header, absent, longest), name)
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`abc-123`:                      "abc-123",
		`"abc-123"`:                    "abc-123",
		`"a\"b\\c"`:                    `a"b\c`,
		`a"b`:                          `a"b`,
		strings.Repeat("k", 255):       strings.Repeat("k", 255),
		`"` + strings.Repeat("k", 255): "", // the quote does not end
	} {
		got, err := IdempotencyKey(requestWith(HeaderIdempotencyKey, line))
		if want == "" {
			requireBadRequest(t, err, HeaderIdempotencyKey)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	none, err := IdempotencyKey(requestWith("X"))
	require.NoError(t, err)
	require.Empty(t, none)

	for _, lines := range [][]string{
		{""}, {`""`}, {"a b"}, {"a\tb"}, {"é"}, {"\xff"}, {"a\x00"}, {`"a`}, {`"a"b`}, {`"a\b"`}, {`"a\`}, {strings.Repeat("k", 256)}, {"a", "a"}, {"a", "b"},
	} {
		_, err := IdempotencyKey(requestWith(HeaderIdempotencyKey, lines...))
		requireBadRequest(t, err, HeaderIdempotencyKey)
	}
}
