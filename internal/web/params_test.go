package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"
)

func list(w http.ResponseWriter, r *http.Request) error {
	q := Params(r)
	text, offset, limit, uid := q.String("q", 10), q.Int("o", 0, 0, 1000), q.Int("limit", 5, 1, 100), q.UserID()
	if text == "x" {
		q.Refuse("q", "must not be x")
	}
	if err := q.Err(); err != nil {
		return err
	}
	return WriteJSON(w, 200, fmt.Sprintf("%s/%d/%d/%s", text, offset, limit, uid))
}

func TestParamsRead(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(list))
	for query, want := range map[string]string{
		"":                               "/0/5/",
		"q=&limit=100&o=1000":            "/1000/100/",
		"q=a%20b+c&uid=u1":               "a b c/0/5/u1",
		"q=%25'%22":                      `%'\"/0/5/`,
		"q=" + strings.Repeat("é", 10):   strings.Repeat("é", 10) + "/0/5/",
		"&&q=a%26b%3Dc&":                 "a&b=c/0/5/",
		"q=" + url.QueryEscape("a;b, c"): "a;b, c/0/5/",
	} {
		reply := b.do(t, "GET", "/x?"+query, "")
		require.Equal(t, 200, reply.StatusCode, "%s: %s", query, reply.body)
		require.Equal(t, `"`+want+"\"\n", string(reply.body))
	}
}

func TestParamsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(list))
	const known = "is not a parameter here; known are limit, o, q, uid"
	tests := map[string]struct {
		query  string
		faults []FieldError
	}{
		"NUL":              {"q=a%00b", []FieldError{{"q", "must not contain control characters such as NUL, tabs or line breaks"}}},
		"line break":       {"q=a%0Ab", []FieldError{{"q", "must not contain control characters such as NUL, tabs or line breaks"}}},
		"invalid UTF-8":    {"q=%ff", []FieldError{{"q", "is not UTF-8"}}},
		"too long":         {"q=" + strings.Repeat("é", 11), []FieldError{{"q", "may have at most 10 characters, has 11"}}},
		"much too long":    {"q=" + strings.Repeat("%F0%9F%98%80", 10_000), []FieldError{{"q", "may have at most 10 characters, has 10000"}}},
		"negative":         {"o=-1", []FieldError{{"o", "must be a whole number from 0 to 1000"}}},
		"huge":             {"o=99999999999999999999", []FieldError{{"o", "must be a whole number from 0 to 1000"}}},
		"over the limit":   {"limit=101", []FieldError{{"limit", "must be a whole number from 1 to 100"}}},
		"zero":             {"limit=0", []FieldError{{"limit", "must be a whole number from 1 to 100"}}},
		"empty number":     {"limit=", []FieldError{{"limit", "must be a whole number from 1 to 100"}}},
		"no number":        {"o=ten", []FieldError{{"o", "must be a whole number from 0 to 1000"}}},
		"fraction":         {"o=1.0", []FieldError{{"o", "must be a whole number from 0 to 1000"}}},
		"twice":            {"o=1&o=1", []FieldError{{"o", "is there 2 times; once is all it can be"}}},
		"unknown":          {"frobnicate=1", []FieldError{{"frobnicate", known}}},
		"misspelt":         {"limits=1", []FieldError{{"limits", known + "; did you mean limit?"}}},
		"badly escaped":    {"q=100%", []FieldError{{"q", "has a value that is not well escaped: a percent sign is written %25"}}},
		"name is not UTF8": {"%ff=1", []FieldError{{"\uFFFD", known}}},
		"bad user":         {"uid=" + strings.Repeat("u", 129), []FieldError{{"uid", "may have at most 128 characters, has 129"}}},
		"the caller's own": {"q=x", []FieldError{{"q", "must not be x"}}},
		"all at once": {"q=%00&o=-1&limit=x&a=1&b=2", []FieldError{
			{"q", "must not contain control characters such as NUL, tabs or line breaks"},
			{"o", "must be a whole number from 0 to 1000"},
			{"limit", "must be a whole number from 1 to 100"},
			{"a", known},
			{"b", known},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := b.do(t, "GET", "/x?"+tt.query, "")
			require.Equal(t, 400, reply.StatusCode)
			p := reply.problem(t)
			require.Equal(t, TypeBadRequest, p.Type)
			require.Equal(t, tt.faults, p.Errors)
		})
	}
}

func TestUserID(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(func(w http.ResponseWriter, r *http.Request) error {
		uid, err := UserID(r)
		if err != nil {
			return err
		}
		return WriteJSON(w, 200, uid)
	}))
	for name, tt := range map[string]struct {
		query   string
		headers []string
		want    string
	}{
		"nobody":        {"", nil, ""},
		"cookie":        {"", []string{"Cookie", "uid=c"}, "c"},
		"header first":  {"", []string{"Cookie", "uid=c", "X-User-Id", "h"}, "h"},
		"query first":   {"uid=q&other=1", []string{"Cookie", "uid=c", "X-User-Id", "h"}, "q"},
		"longest":       {"uid=" + strings.Repeat("%C3%A9", 128), nil, strings.Repeat("é", 128)},
		"with a colon":  {"uid=a:b", nil, "a:b"},
		"with a space ": {"uid=a+b", nil, "a b"},
	} {
		reply := b.do(t, "GET", "/x?"+tt.query, "", tt.headers...)
		require.Equal(t, 200, reply.StatusCode, "%s: %s", name, reply.body)
		require.Equal(t, `"`+tt.want+"\"\n", string(reply.body), name)
	}
	for name, tt := range map[string]struct {
		query   string
		headers []string
		field   string
	}{
		"too long":         {"uid=" + strings.Repeat("u", 129), nil, "uid"},
		"NUL":              {"uid=%00", nil, "uid"},
		"twice":            {"uid=a&uid=b", nil, "uid"},
		"not UTF-8":        {"", []string{"X-User-Id", "\xff"}, "X-User-Id"},
		"tab in header":    {"", []string{"X-User-Id", "a\tb"}, "X-User-Id"},
		"cookie too long":  {"", []string{"Cookie", "uid=" + strings.Repeat("u", 129)}, "cookie uid"},
		"badly escaped id": {"uid=%zz", nil, "uid"},
	} {
		reply := b.do(t, "GET", "/x?"+tt.query, "", tt.headers...)
		require.Equal(t, 400, reply.StatusCode, name)
		require.Equal(t, tt.field, reply.problem(t).Errors[0].Field, name)
	}
}

func TestPathID(t *testing.T) {
	t.Parallel()
	b := setup(t, func(router *mux.Router) {
		router.Handle("/books/{id}", Handle(func(w http.ResponseWriter, r *http.Request) error {
			id, err := PathID(r, "id")
			if err != nil {
				return err
			}
			return WriteJSON(w, 200, id)
		})).Methods("GET")
	})
	require.Equal(t, "9223372036854775807\n", string(b.do(t, "GET", "/books/9223372036854775807", "").body))
	for _, id := range []string{"0", "-1", "abc", "1.5", "9223372036854775808", "%00", "%ff", "1%20", "%2F"} {
		reply := b.do(t, "GET", "/books/"+id, "")
		if reply.StatusCode == 404 { // a slash makes it another path
			require.Equal(t, "%2F", id)
			continue
		}
		require.Equal(t, 400, reply.StatusCode, id)
		require.Equal(t, "id", reply.problem(t).Errors[0].Field)
	}
}
