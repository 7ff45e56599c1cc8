package web

import (
	"net/http"
	"strconv"
	"strings"
)

// NoVersion is what [ParseIfMatch] gives for a tag that no book can have. Books
// begin at version 1, so a condition on it is never met.
const NoVersion int64 = 0

// ETag is the strong entity tag (RFC 9110, section 8.8.3) of a book's version: "7",
// with the quotes.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ParseIfMatch reads the header If-Match (RFC 9110, section 13.1.1), all lines of
// it.
//
//   - Without the header there is no condition: no versions, any is false.
//   - "*" asks for a book of any version: any is true.
//   - Otherwise the book must have one of the versions, of which there is at
//     least one: a tag that is weak or was never given out is [NoVersion], so that
//     a condition that cannot be met does not become no condition at all.
//
// It fails with a 400 when the header is not well formed.
func ParseIfMatch(h http.Header) (versions []int64, any bool, err error) {
	lines := h.Values("If-Match")
	if len(lines) == 0 {
		return nil, false, nil
	}
	list := strings.Join(lines, ",")
	if strings.Trim(list, " \t") == "*" {
		return nil, true, nil
	}
	tags, ok := parseTags(list)
	if !ok || len(tags) == 0 {
		return nil, false, BadRequest("The condition cannot be read.",
			FieldError{"If-Match", `must be "*" or a list of entity tags in double quotes, such as "3"`})
	}
	for _, tag := range tags {
		versions = append(versions, tag.version())
	}
	return versions, false, nil
}

// NotModified answers 304 and returns true when a GET or HEAD says in
// If-None-Match (RFC 9110, section 13.1.2) that the client has what etag names.
// It sets ETag in either case. A header that is not well formed is ignored: the
// full answer is always right.
func NotModified(w http.ResponseWriter, r *http.Request, etag string) bool {
	w.Header().Set("ETag", etag)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	list := strings.Join(r.Header.Values("If-None-Match"), ",")
	if !noneMatches(list, etag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

func noneMatches(list, etag string) bool {
	if strings.Trim(list, " \t") == "*" {
		return true
	}
	tags, ok := parseTags(list)
	if !ok {
		return false
	}
	opaque := strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	for _, tag := range tags {
		if tag.opaque == opaque { // weak comparison: W/ makes no difference
			return true
		}
	}
	return false
}

// entityTag is one tag of a list, without its quotes.
type entityTag struct {
	weak   bool
	opaque string
}

// version is the inverse of [ETag]. If-Match compares strongly, so a weak tag
// has none.
func (t entityTag) version() int64 {
	n, err := strconv.ParseInt(t.opaque, 10, 64)
	// "01" and "+1" are other tags than "1": tags are compared by their characters.
	if t.weak || err != nil || n < 1 || strconv.FormatInt(n, 10) != t.opaque {
		return NoVersion
	}
	return n
}

// parseTags reads a list of entity tags, whose elements may be empty (RFC 9110,
// section 5.6.1.2). A comma may be part of a tag.
func parseTags(list string) (tags []entityTag, ok bool) {
	for {
		list = strings.TrimLeft(list, " \t,")
		if list == "" {
			return tags, true
		}
		var tag entityTag
		if list, tag.weak = strings.CutPrefix(list, "W/"); !strings.HasPrefix(list, `"`) {
			return nil, false
		}
		end := strings.IndexByte(list[1:], '"')
		if end < 0 || strings.ContainsFunc(list[1:1+end], notTagCharacter) {
			return nil, false
		}
		tag.opaque = list[1 : 1+end]
		tags = append(tags, tag)
		list = strings.TrimLeft(list[end+2:], " \t")
		if list != "" && list[0] != ',' {
			return nil, false
		}
	}
}

func notTagCharacter(r rune) bool { return r <= ' ' || r == 0x7f }
