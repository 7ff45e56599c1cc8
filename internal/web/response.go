package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// response is the ResponseWriter of a request on its way through the
// middleware. It notes what the outer layers need to know once the inner ones
// are done.
type response struct {
	http.ResponseWriter
	status int    // 0 until the header is sent
	route  string // template of the route that matched; "" while none has
	err    error  // what made the answer a 5xx or cut it off, for the log
	head   bool   // the request is a HEAD, routed as a GET

	streaming bool // the answer is an [EventStream] that has begun
}

// newResponse is also safe around a writer that already is one.
func newResponse(w http.ResponseWriter) *response {
	if already, ok := w.(*response); ok {
		return already
	}
	return &response{ResponseWriter: w}
}

// WriteHeader implements [http.ResponseWriter].
func (r *response) WriteHeader(status int) {
	// 1xx are announcements; the header proper is still to come.
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *response) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach flushing and deadlines.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteJSON sends v with a status. The body is made before the header goes out,
// so that a value which cannot be written becomes a 500 and not half an answer.
// Titles keep their "&" and "<": the content type says that this is no HTML.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write %T as JSON: %w", v, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	// A client that is gone cannot be told, and what it asked for is done.
	_, _ = w.Write(body.Bytes())
	return nil
}
