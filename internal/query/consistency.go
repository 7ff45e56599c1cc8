package query

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// Headers that say, and ask, how far the read model is.
const (
	// HeaderConsistencyToken names the writes that a query must see, and in an
	// answer those that it has seen.
	HeaderConsistencyToken = "Consistency-Token"
	// HeaderReadModelLag is how many events the read model was behind the log, at
	// last look; absent where that is not known.
	HeaderReadModelLag = "Read-Model-Lag"
)

// ReadModel knows how far a projection has come.
type ReadModel interface {
	// WaitFor returns once what the token names is readable, and ctx's error when
	// that ends first.
	WaitFor(ctx context.Context, token events.Token) error
	// Lag returns how many events are not readable yet, and whether that is known.
	Lag() (behind int64, known bool)
}

// retryAfter is how long a client that was refused should wait: a read model
// that is behind or a database that is busy needs longer than a moment.
const retryAfter = time.Second

// readToken returns the token that a request came with; several headers, or
// several tokens joined with commas, are all asked for.
func readToken(r *http.Request) (events.Token, error) {
	token, err := events.ParseToken(strings.Join(r.Header.Values(HeaderConsistencyToken), ","))
	if err != nil {
		return nil, web.BadRequest("The token cannot be read.", web.FieldError{Field: HeaderConsistencyToken, Message: err.Error()})
	}
	return token, nil
}

// awaitToken lets the request wait until it can see what its token names.
func (a *API) awaitToken(r *http.Request, model ReadModel, token events.Token) error {
	if len(token) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.Wait)
	defer cancel()
	err := model.WaitFor(ctx, token)
	if errors.Is(err, context.DeadlineExceeded) && r.Context().Err() == nil {
		return web.ReadModelBehind(a.Wait, retryAfter)
	}
	return err
}

// requireSeen makes sure that what was read is not older than what was waited for. It
// is for a moment after a crash of PostgreSQL, which may undo a read model's last
// commits.
func (a *API) requireSeen(token events.Token, snapshot Snapshot) error {
	if snapshot.Offsets.Covers(token) {
		return nil
	}
	return web.ReadModelBehind(a.Wait, retryAfter)
}

// setFreshness writes the headers that tell how fresh an answer is.
func setFreshness(h http.Header, snapshot Snapshot, model ReadModel) {
	h.Set(HeaderConsistencyToken, snapshot.Token().String())
	setLag(h, model)
}

func setLag(h http.Header, model ReadModel) {
	if behind, known := model.Lag(); known {
		h.Set(HeaderReadModelLag, strconv.FormatInt(behind, 10))
	}
}
