package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"bookstore/internal/nearest"
)

// Query reads the query parameters of a request and collects what is wrong with
// them, so that a client learns of all faults at once. The names that were asked
// for are the ones that are known; call [Query.Err] last.
type Query struct {
	r      *http.Request
	values url.Values
	known  []string
	faults []FieldError
}

// Params begins to read the query parameters of r.
func Params(r *http.Request) *Query {
	q := &Query{r: r, values: url.Values{}}
	// url.ParseQuery tells of one fault at most, and not of its parameter.
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		decodedName, err := url.QueryUnescape(name)
		if err != nil {
			q.Refuse(printable(name), "is not well escaped: a percent sign is written %25")
			continue
		}
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			q.Refuse(printable(decodedName), "has a value that is not well escaped: a percent sign is written %25")
			decoded = "" // keeps the name, so that it is not missed or called unknown as well
		}
		q.values[decodedName] = append(q.values[decodedName], decoded)
	}
	return q
}

// String returns the parameter called name, "" when it is not there. It may have
// at most maxRunes characters, none of them a control character.
func (q *Query) String(name string, maxRunes int) string {
	value, _ := q.single(name)
	if fault := textFault(value, maxRunes); fault != "" {
		q.Refuse(name, fault)
		return ""
	}
	return value
}

// Int returns the parameter called name as a number from lowest to highest, and
// absent when it is not there.
func (q *Query) Int(name string, absent, lowest, highest int) int {
	value, there := q.single(name)
	if !there {
		return absent
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < lowest || n > highest {
		q.Refuse(name, fmt.Sprintf("must be a whole number from %d to %d", lowest, highest))
		return absent
	}
	return n
}

// Bool returns the parameter called name, which is true or false; false when it is not
// there.
func (q *Query) Bool(name string) bool {
	switch value, there := q.single(name); {
	case !there || value == "false":
		return false
	case value == "true":
		return true
	}
	q.Refuse(name, "must be true or false")
	return false
}

// UserID returns who asks, see [UserID], and makes uid a known parameter.
func (q *Query) UserID() string {
	uid, there := q.single("uid")
	field := "uid"
	if !there {
		uid, field = userIDFromHeaders(q.r)
	}
	if fault := textFault(uid, maxUserID); fault != "" {
		q.Refuse(field, fault)
		return ""
	}
	return uid
}

// Refuse adds a fault that only the caller can see.
func (q *Query) Refuse(field, message string) {
	q.faults = append(q.faults, FieldError{field, message})
}

// Err returns a 400 that names every fault and every parameter that nobody asked
// for, or nil.
func (q *Query) Err() error {
	slices.Sort(q.known)
	unknown := make([]string, 0, len(q.values))
	for name := range q.values {
		if !slices.Contains(q.known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	faults := slices.Clone(q.faults)
	for _, name := range unknown {
		faults = append(faults, FieldError{printable(name), unknownParameter(name, q.known)})
	}
	if len(faults) == 0 {
		return nil
	}
	return BadRequest("See errors for each parameter that must change.", faults...)
}

// single returns the value of a parameter that makes no sense twice.
func (q *Query) single(name string) (value string, there bool) {
	if !slices.Contains(q.known, name) {
		q.known = append(q.known, name)
	}
	values := q.values[name]
	switch len(values) {
	case 0:
		return "", false
	case 1:
		return values[0], true
	default:
		q.Refuse(name, fmt.Sprintf("is there %d times; once is all it can be", len(values)))
		return "", false
	}
}

func unknownParameter(name string, known []string) string {
	if len(known) == 0 {
		return "is not a parameter here; there are none"
	}
	message := "is not a parameter here; known are " + strings.Join(known, ", ")
	if meant := nearest.Name(name, known); meant != "" {
		message += "; did you mean " + meant + "?"
	}
	return message
}

// textFault says why s cannot be a short line of text, or "".
func textFault(s string, maxRunes int) string {
	switch {
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "must not contain control characters such as NUL, tabs or line breaks"
	case utf8.RuneCountInString(s) > maxRunes:
		return fmt.Sprintf("may have at most %d characters, has %d", maxRunes, utf8.RuneCountInString(s))
	default:
		return ""
	}
}

// PathID returns the variable called name of the route's path as an id: a whole
// number above 0. It fails with a 400.
func PathID(r *http.Request, name string) (int64, error) {
	id, err := strconv.ParseInt(mux.Vars(r)[name], 10, 64)
	if err != nil || id < 1 {
		return 0, BadRequest("Nothing can have this path.", FieldError{name, fmt.Sprintf("must be a whole number from 1 to %d", int64(1<<63-1))})
	}
	return id, nil
}
