package web

import (
	"net/http"
	"strings"
)

// HeaderIdempotencyKey names the request that an attempt belongs to.
const HeaderIdempotencyKey = "Idempotency-Key"

// IdempotencyKey returns the Idempotency-Key of r without its quotes, or "" when
// there is none (draft-ietf-httpapi-idempotency-key-header). The draft has it
// quoted, as a structured-field string; most clients send it bare, so both are
// taken and mean the same. It has 1 to 255 visible ASCII characters, else this
// fails with a 400: a key that was cut or cleaned could meet another's.
func IdempotencyKey(r *http.Request) (string, error) {
	lines := r.Header.Values(HeaderIdempotencyKey)
	if len(lines) == 0 {
		return "", nil
	}
	refuse := func(message string) (string, error) {
		return "", BadRequest("The idempotency key cannot be one.", FieldError{HeaderIdempotencyKey, message})
	}
	if len(lines) > 1 {
		return refuse("is there more than once")
	}
	key, ok := unquote(lines[0])
	if !ok {
		return refuse("has a quote that does not end")
	}
	if key == "" || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return refuse("must be 1 to 255 visible ASCII characters")
	}
	return key, nil
}

// unquote reads a structured-field string (RFC 9651, section 3.3.3), and leaves
// alone what has no quotes around it.
func unquote(s string) (string, bool) {
	if !strings.HasPrefix(s, `"`) {
		return s, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			i++
			if i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}
