package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type inner struct {
	Title string `json:"title"`
	Year  int    `json:"year"`
}

// testBody has a promoted field, as bodies made of events.Details have.
type testBody struct {
	inner
	Available bool     `json:"available"`
	Tags      []string `json:"tags"`
	Price     float64  `json:"price"`
	Note      *string  `json:"note"`
	hidden    string
	Ignored   string `json:"-"`
}

// echo decodes a body and says what it read.
func echo(w http.ResponseWriter, r *http.Request) error {
	var v testBody
	if err := DecodeJSON(w, r, &v, testMaxBody); err != nil {
		return err
	}
	return WriteJSON(w, 200, fmt.Sprintf("%s/%d/%t/%v/%v/%t%s%s", v.Title, v.Year, v.Available, v.Tags, v.Price, v.Note == nil, v.hidden, v.Ignored))
}

func TestDecodeJSONReadsWhatIsGood(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo))
	for body, want := range map[string]string{
		`{}`: `"/0/false/[]/0/true"`,
		" \r\n\t{\"title\":\"Émile & <Sophie> \\u00e9 \\ud83d\\ude00 \\\\u0000\", \"year\":1762}\n": `"Émile & <Sophie> é 😀 \\u0000/1762/false/[]/0/true"`,
		`{"available":true,"tags":["a","b"],"price":1.5,"note":null}`:                               `"/0/true/[a b]/1.5/true"`,
		`{"note":"x"}`: `"/0/false/[]/0/false"`,
	} {
		for _, contentType := range []string{"application/json", "Application/JSON; charset=UTF-8", "application/vnd.bookstore+json"} {
			reply := b.do(t, "POST", "/x", body, "Content-Type", contentType)
			require.Equal(t, 200, reply.StatusCode, "%s: %s", body, reply.body)
			require.Equal(t, want+"\n", string(reply.body))
		}
	}
}

func TestDecodeJSONRefusesWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo))
	tests := map[string]struct{ body, detail string }{
		"empty":               {"", "is empty"},
		"only spaces":         {" \n\t ", "is empty"},
		"null":                {"null", "not null"},
		"a list":              {"[1]", "not a list"},
		"a string":            {`"x"`, "not a string"},
		"a number":            {" 12", "not the number 12"},
		"a boolean":           {"true", "not a boolean"},
		"cut off":             {`{"title":`, "byte 9 (line 1, column 10)"},
		"a comma too many":    {"{\n  \"title\": \"x\",\n}", "byte 18 (line 3, column 1)"},
		"columns count runes": {`{"title":"éé" x}`, "byte 16 (line 1, column 15)"},
		"trailing data":       {`{} {}`, "byte 3 (line 1, column 4)"},
		"trailing garbage":    {`{}x`, "after top-level value"},
		"single quotes":       {`{'title':1}`, "byte 1"},
		"not a number":        {`{"price":NaN}`, "byte 9"},
		"leading zero":        {`{"year":01}`, "byte 9"},
		"raw NUL":             {"{\"title\":\"a\x00b\"}", "byte 11"},
		"raw line break":      {"{\"title\":\"a\nb\"}", "byte 11"},
		"invalid UTF-8":       {"{\n\"title\":\"a\xffb\"}", "not UTF-8 at byte 12 (line 2, column 11): byte 0xff"},
		"UTF-8 cut short":     {"{\"title\":\"\xc3\"}", "byte 0xc3"},
		"a coded surrogate":   {"{\"title\":\"\xed\xa0\x80\"}", "byte 0xed"},
		"byte order mark":     {"\ufeff{}", "byte 0"},
		"endless nesting":     {`{"tags":` + strings.Repeat("[", 1000), "unexpected end"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := b.do(t, "POST", "/x", tt.body, "Content-Type", "application/json")
			require.Equal(t, 400, reply.StatusCode)
			p := reply.problem(t)
			require.Equal(t, TypeBadRequest, p.Type)
			require.Contains(t, p.Detail, tt.detail)
		})
	}
}

func TestDecodeJSONNamesEachFault(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo))
	tests := map[string]struct {
		body   string
		faults []FieldError
	}{
		"unknown":            {`{"xyzzyplugh":1}`, []FieldError{{"xyzzyplugh", "is not a member of this object"}}},
		"misspelt":           {`{"titel":"x"}`, []FieldError{{"titel", "is not a member of this object; did you mean title?"}}},
		"other case":         {`{"Title":"x"}`, []FieldError{{"Title", "is not a member of this object; did you mean title?"}}},
		"hidden":             {`{"hidden":"x","Ignored":"x","-":1}`, []FieldError{{"hidden", "is not a member of this object"}, {"Ignored", "is not a member of this object"}, {"-", "is not a member of this object"}}},
		"number for string":  {`{"title":7}`, []FieldError{{"title", "must be a string, not the number 7"}}},
		"null for string":    {`{"title":null}`, []FieldError{{"title", "must be a string, not null"}}},
		"string for number":  {`{"year":"1762"}`, []FieldError{{"year", "must be a whole number, not a string"}}},
		"fraction":           {`{"year":1.5}`, []FieldError{{"year", "must be a whole number, not the number 1.5"}}},
		"too large a number": {`{"year":1e99}`, []FieldError{{"year", "must be a whole number, not the number 1e99"}}},
		"number for boolean": {`{"available":0}`, []FieldError{{"available", "must be true or false, not the number 0"}}},
		"object for list":    {`{"tags":{}}`, []FieldError{{"tags", "must be a list, not an object"}}},
		"list for number":    {`{"price":[]}`, []FieldError{{"price", "must be a number, not a list"}}},
		"boolean for note":   {`{"note":true}`, []FieldError{{"note", "must be a string or null, not a boolean"}}},
		"doubled":            {`{"title":"a","title":"b"}`, []FieldError{{"title", "is there more than once"}}},
		"doubled, escaped":   {`{"title":"a","t\u0069tle":"b"}`, []FieldError{{"title", "is there more than once"}}},
		"NUL":                {`{"title":"a\u0000b"}`, []FieldError{{"title", `must not contain NUL (\u0000)`}}},
		"high surrogate":     {`{"title":"\ud83dx"}`, []FieldError{{"title", "contains half a character (a lone surrogate)"}}},
		"low surrogate":      {`{"title":"\ude00"}`, []FieldError{{"title", "contains half a character (a lone surrogate)"}}},
		"two high ones":      {`{"title":"\ud83d\ud83d"}`, []FieldError{{"title", "contains half a character (a lone surrogate)"}}},
		"NUL further in":     {`{"tags":["\u0000"]}`, []FieldError{{"tags", `must not contain NUL (\u0000)`}}},
		"all at once": {`{"titel":"x","year":"y","available":null}`, []FieldError{
			{"titel", "is not a member of this object; did you mean title?"},
			{"year", "must be a whole number, not a string"},
			{"available", "must be true or false, not null"},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := b.do(t, "POST", "/x", tt.body, "Content-Type", "application/json")
			require.Equal(t, 422, reply.StatusCode, "%s", reply.body)
			p := reply.problem(t)
			require.Equal(t, TypeInvalidFields, p.Type)
			require.Equal(t, tt.faults, p.Errors)
		})
	}
}

func TestDecodeJSONWantsJSON(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo))
	var zipped bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	_, err := gz.Write([]byte("{}"))
	require.NoError(t, err)
	require.NoError(t, gz.Close())
	for name, tt := range map[string]struct {
		body    string
		headers []string
	}{
		"none":          {"{}", nil},
		"form":          {"title=x", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"text":          {"{}", []string{"Content-Type", "text/json"}},
		"image":         {"{}", []string{"Content-Type", "image/svg+json"}},
		"garbage":       {"{}", []string{"Content-Type", ";;;"}},
		"other charset": {"{}", []string{"Content-Type", "application/json; charset=utf-16"}},
		"compressed":    {zipped.String(), []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := b.do(t, "POST", "/x", tt.body, tt.headers...)
			require.Equal(t, 415, reply.StatusCode)
			require.Equal(t, TypeUnsupportedMediaType, reply.problem(t).Type)
		})
	}
}

func TestBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo))
	whole := func(size int) string {
		const frame = len(`{"title":""}`)
		return `{"title":"` + strings.Repeat("x", size-frame) + `"}`
	}
	require.Equal(t, 200, b.do(t, "POST", "/x", whole(testMaxBody), "Content-Type", "application/json").StatusCode)

	// The second does not say its length in advance.
	announced := strings.NewReader(whole(testMaxBody + 1))
	chunked := io.MultiReader(strings.NewReader(whole(testMaxBody + 1)))
	for _, body := range []io.Reader{announced, chunked} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", b.url+"/x", body)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		reply := b.send(t, req)
		require.Equal(t, 413, reply.StatusCode)
		require.Contains(t, reply.problem(t).Detail, "at most 1024 bytes")
		require.True(t, reply.Close)
	}
}

// A route that reads no body is guarded too, and a megabyte is refused before it
// is sent.
func TestBodyOverTheLimitIsRefusedUnread(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(func(http.ResponseWriter, *http.Request) error { return nil }))
	conn := b.connect(t)
	_, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 413, resp.StatusCode)
}

func TestSlowBodyIsA408(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo), withTimeouts(func(to *Timeouts) { to.Read = 100 * time.Millisecond }))
	conn := b.connect(t)
	_, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"title\":")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 408, resp.StatusCode)
	require.True(t, resp.Close)
	require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
}

func TestSlowHeadersLoseTheConnection(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo), withTimeouts(func(to *Timeouts) { to.ReadHeader = 100 * time.Millisecond }))
	conn := b.connect(t)
	_, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NotContains(t, string(answer), "200")
}

func TestBodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(echo))
	conn := b.connect(t)
	_, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"title\":\"x\"}")
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NotContains(t, string(answer), "200 OK", "half a body must not be taken for a whole one")
}
