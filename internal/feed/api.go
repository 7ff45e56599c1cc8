package feed

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

const (
	defaultTail = 20
	maxTail     = 200 // entries of the log that can be asked for
)

// patience is how long a request waits for a log that is away, and retryAfter how long
// a client that has been turned away for that waits.
const (
	patience   = time.Second
	retryAfter = 2 * time.Second
)

// maxPosition is how many characters a position may have: more than 20 digits for each
// of 200 partitions.
const maxPosition = 4200

// Routes adds the routes to r.
func (h *Hub) Routes(r *mux.Router) {
	r.Handle("/api/events", web.Handle(h.tail)).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/api/events/stream", web.Stream(h.stream)).Methods(http.MethodGet, http.MethodHead)
}

// tail answers with the last entries of the log, newest first.
func (h *Hub) tail(w http.ResponseWriter, r *http.Request) error {
	params := web.Params(r)
	limit := params.Int("limit", defaultTail, 1, maxTail)
	if err := params.Err(); err != nil {
		return err
	}
	if err := h.awaitReady(r.Context()); err != nil {
		return err
	}
	items := byTime(h.kept())
	items = items[max(0, len(items)-limit):]
	entries := make([]Entry, 0, len(items))
	for _, i := range slices.Backward(items) {
		entries = append(entries, i.asEntry())
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, entries)
}

// stream sends the changes of the catalogue from where the client is.
func (h *Hub) stream(s *web.EventStream, r *http.Request) error {
	position, err := h.positionOf(r)
	if err != nil {
		return err
	}
	// A client that loses its connection before the first event must come back to where
	// it was, and not to what is "now" by then.
	if err := s.Mark(position.String()); err != nil {
		return err
	}
	return h.followerAt(position).run(r.Context(), s)
}

// positionOf returns from where on a client wants the changes.
func (h *Hub) positionOf(r *http.Request) (events.Offsets, error) {
	params := web.Params(r)
	field, given := "last_event_id", params.String("last_event_id", maxPosition)
	from := params.String("from", maxPosition)
	if from != "" && from != "beginning" {
		params.Refuse("from", "must be beginning, or not be there to begin with what comes now")
	}
	if from != "" && given != "" {
		params.Refuse("from", "says where to begin, and so does last_event_id")
	}
	if err := params.Err(); err != nil {
		return nil, err
	}
	if err := h.awaitReady(r.Context()); err != nil {
		return nil, err
	}
	// EventSource connects again to the address that it was given, so the header is the
	// newer of the two.
	if header := r.Header.Get("Last-Event-ID"); header != "" {
		field, given = "Last-Event-ID", header
	}
	oldest, next := h.seen()
	switch {
	case given != "":
		position, err := parsePosition(given, len(next))
		if err == nil {
			err = h.contains(r.Context(), position)
		}
		return position, asProblem(field, err)
	case from != "":
		return oldest, nil
	default:
		return next, nil
	}
}

// asProblem says what is wrong with a position that stood in field.
func asProblem(field string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*PositionError)), errors.As(err, new(*LostError)):
		return web.BadRequest("There is no going on from there.", web.FieldError{Field: field, Message: err.Error()})
	default:
		return unavailable()
	}
}

// awaitReady waits for the hub to know the end of the log.
func (h *Hub) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-h.ready:
		return nil
	case <-ctx.Done():
		return unavailable()
	}
}

func unavailable() error { return web.Unavailable("The log cannot be reached.", retryAfter) }
