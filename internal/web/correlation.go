package web

import (
	"crypto/rand"
	"net/http"

	"bookstore/internal/telemetry"
)

// HeaderRequestID carries the correlation id, in requests and in every answer.
const HeaderRequestID = "X-Request-Id"

// correlate gives each request its id: the client's, if it is one that can
// stand in a log line and a Kafka header, else a new one.
func correlate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(HeaderRequestID)
		if !saneID(id) {
			id = rand.Text()
		}
		w.Header().Set(HeaderRequestID, id)
		next.ServeHTTP(w, r.WithContext(telemetry.ContextWithCorrelationID(r.Context(), id)))
	})
}

// joinTrace makes the request a part of the caller's trace, or begins one.
func joinTrace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := telemetry.ContextWithTraceparent(r.Context(), r.Header.Get(telemetry.TraceparentHeader))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// saneID allows what UUIDs, ULIDs, base64 and trace ids are made of, and nothing
// that could forge a log line.
func saneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		digit := '0' <= c && c <= '9'
		switch {
		case letter, digit, c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}
