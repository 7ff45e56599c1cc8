package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"
)

// DecodeJSON reads the body, one JSON object of at most maxBytes bytes, into
// the struct that v points to. It is stricter than encoding/json, which would
// quietly replace invalid UTF-8, take "TITLE" for "title", skip null, and let
// the last of two equal members win: each of these would store something that
// the client did not mean. It fails with a [*Problem]:
//
//	400 the body is empty, is cut off, is not UTF-8 or is not JSON; with line and column
//	408 the body came too slowly
//	413 the body is larger than maxBytes
//	415 the Content-Type is not JSON
//	422 a member is unknown, doubled or of the wrong type; all of them at once
func DecodeJSON(w http.ResponseWriter, r *http.Request, v any, maxBytes int64) error {
	if err := wantJSON(r.Header); err != nil {
		return err
	}
	body, err := readBody(w, r, maxBytes)
	if err != nil {
		return err
	}
	return decodeObject(body, v)
}

// wantJSON takes application/json and whatever is built on it, such as
// application/vnd.bookstore+json (RFC 6839).
func wantJSON(h http.Header) error {
	given := h.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(given)
	json := kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
	if err != nil || !json {
		return UnsupportedMediaType(given)
	}
	// JSON has no other encoding (RFC 8259, section 8.1). Taking a body that
	// claims one for UTF-8 would store garbage.
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return UnsupportedMediaType(given)
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return UnsupportedMediaType(given + "; Content-Encoding: " + encoding)
	}
	return nil
}

// readBody reads all of the body and says what went wrong, if something did.
func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
	if r.ContentLength > maxBytes { // said so itself: nothing needs to be sent first
		return nil, tooLarge(w, maxBytes)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	var limit *http.MaxBytesError
	switch {
	case err == nil:
	case errors.As(err, &limit):
		return nil, tooLarge(w, limit.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, newProblem(TypeRequestTimeout, fmt.Sprintf("After %d bytes nothing came for too long.", len(body)))
	default:
		// Cut off, or chunks that are none. A client that is gone ends up here as
		// well and is told in vain.
		w.Header().Set("Connection", "close")
		return nil, BadRequest(fmt.Sprintf("The body ends after %d bytes, before its announced end.", len(body)))
	}
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil, BadRequest("The body is empty. Send a JSON object.")
	case !utf8.Valid(body):
		at := firstInvalid(body)
		return nil, BadRequest(fmt.Sprintf("The body is not UTF-8 at %s: byte 0x%02x.", place(body, at), body[at]))
	}
	return body, nil
}

// tooLarge also gives up the connection: to use it again, all that the client
// still sends would have to be read first.
func tooLarge(w http.ResponseWriter, maxBytes int64) error {
	w.Header().Set("Connection", "close")
	return PayloadTooLarge(maxBytes)
}

// firstInvalid is the offset of the first byte that is not UTF-8.
func firstInvalid(b []byte) int {
	at := 0
	for at < len(b) {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// place tells where in the body an offset is, the way editors count: from 1,
// columns in characters.
func place(body []byte, offset int) string {
	before := body[:min(max(offset, 0), len(body))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return fmt.Sprintf("byte %d (line %d, column %d)", offset, line, column)
}
