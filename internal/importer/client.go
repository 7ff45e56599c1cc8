package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// actor is who the history of an imported book names. It must never change: an
// Idempotency-Key belongs to its user.
const actor = "bookstore-import"

// requestTimeout bounds one attempt. The service answers a write within its
// app.command_wait, a minute at most; past that the connection is dead.
const requestTimeout = 90 * time.Second

// client speaks to one bookstore.
type client struct {
	http     *http.Client
	base     *url.URL
	patience time.Duration
	waiting  func(error) // told of each attempt that is made again
}

func newClient(base *url.URL, concurrency int, patience time.Duration, waiting func(error)) *client {
	return &client{
		base:     base,
		patience: patience,
		waiting:  waiting,
		http: &http.Client{
			Timeout: requestTimeout,
			Transport: &http.Transport{
				Proxy:       http.ProxyFromEnvironment,
				DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
				// A connection for each request that is on its way, kept for the next:
				// by default all but two would be made anew each time.
				MaxIdleConns:        concurrency,
				MaxIdleConnsPerHost: concurrency,
				MaxConnsPerHost:     concurrency,
				IdleConnTimeout:     30 * time.Second,
				TLSHandshakeTimeout: 10 * time.Second,
			},
			// A redirected POST becomes a GET, whose 200 would look like success.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// answer is what the service said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// outcome is what became of a row that was not refused.
type outcome int

const (
	outcomeAdded outcome = iota
	outcomePresent
	outcomePresentOtherwise // with another ISBN than the row has, or one of them with none
)

// add adds a book and returns once it can be read. It fails with a [*RowError]
// where the service refuses this row, with another error where it is of no use to
// go on.
func (c *client) add(ctx context.Context, r row, key string) (outcome, error) {
	body, err := json.Marshal(r.Details)
	if err != nil {
		return 0, &RowError{Line: r.line, Reason: fmt.Sprintf("can't be written as JSON: %v", err)}
	}
	a, maybeSent, err := c.persist(ctx, func(ctx context.Context) (answer, error) {
		return c.do(ctx, http.MethodPost, c.base.JoinPath("api", "books"), body, http.Header{
			"Content-Type":    {"application/json"},
			"Idempotency-Key": {key},
			"X-User-Id":       {actor},
		})
	})
	if err != nil {
		return 0, err
	}
	result := outcomeAdded
	// An attempt of ours that was not answered may be what is replayed here.
	if a.header.Get("Idempotency-Replayed") == "true" && !maybeSent {
		result = outcomePresent
	}
	switch a.status {
	case http.StatusOK, http.StatusCreated:
		return result, nil
	case http.StatusAccepted:
		return result, c.follow(ctx, r.line, a)
	case http.StatusUnprocessableEntity:
		// The key is made of all that the row says but its ISBN: only that can differ
		// from what was imported under it.
		if a.problemType() == keyReused {
			return outcomePresentOtherwise, nil
		}
		return 0, &RowError{Line: r.line, Reason: a.reason()}
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed,
		http.StatusRequestEntityTooLarge:
		return 0, &RowError{Line: r.line, Reason: a.reason()}
	}
	return 0, c.unexpected(a)
}

// follow waits until an accepted command is decided and its book can be read.
func (c *client) follow(ctx context.Context, line int, accepted answer) error {
	location, err := c.base.Parse(accepted.header.Get("Location"))
	if err != nil {
		return fmt.Errorf("follow an accepted row: %w", err)
	}
	var decided struct {
		Status   string `json:"status"`
		Reason   string `json:"reason"`
		Location string `json:"location"`
	}
	errUndecided := errors.New("the row was accepted and is not decided yet")
	a, _, err := c.persist(ctx, func(ctx context.Context) (answer, error) {
		a, err := c.do(ctx, http.MethodGet, location, nil, nil)
		if err != nil || a.status != http.StatusOK {
			return a, err
		}
		if err := json.Unmarshal(a.body, &decided); err != nil {
			return a, fmt.Errorf("read %s: %w", location, err)
		}
		if decided.Status == "pending" {
			return a, errUndecided
		}
		return a, nil
	})
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return c.unexpected(a)
	case decided.Status == "rejected":
		return &RowError{Line: line, Reason: decided.Reason}
	}
	book, err := c.base.Parse(decided.Location)
	if err != nil {
		return fmt.Errorf("follow an accepted row: %w", err)
	}
	a, _, err = c.persist(ctx, func(ctx context.Context) (answer, error) {
		return c.do(ctx, http.MethodGet, book, nil, http.Header{"Consistency-Token": a.header["Consistency-Token"]})
	})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK && a.status != http.StatusNotFound { // 404: somebody has deleted it since
		return c.unexpected(a)
	}
	return nil
}

// do makes one attempt. It fails where there is no answer, or one that says to
// try again ([*StatusError]).
func (c *client) do(ctx context.Context, method string, to *url.URL, body []byte, header http.Header) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	// Without GetBody net/http does not send a request again by itself, as it would
	// for its Idempotency-Key: persist has to know of each attempt.
	request.GetBody = nil
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	// Read to its end, so that the connection is used again. An answer repeats the
	// book, so that its size is of that order.
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, 4*maxRecordBytes)); err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	if a.passing() {
		return a, &StatusError{Status: a.status, Reason: a.reason()}
	}
	return a, nil
}

// passing says whether the same request may fare better in a while. A 500 is
// among them: what it interrupted is safe to repeat under the same key.
func (a answer) passing() bool {
	return a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout
}

// Types of problems that mean more than their status.
const (
	unavailable = "/docs#unavailable"            // the service's promise that nothing was written
	keyReused   = "/docs#idempotency-key-reused" // something else was decided under the key before
)

// problemType is the type of a problem (RFC 9457), "" where the answer is none.
func (a answer) problemType() string {
	var problem struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(a.body, &problem) != nil {
		return ""
	}
	return problem.Type
}

// reason is what a problem (RFC 9457) says of itself, its field errors first.
func (a answer) reason() string {
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Errors []struct {
			Field   string `json:"field"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(a.body, &problem) != nil {
		return ""
	}
	if len(problem.Errors) == 0 {
		if problem.Detail != "" {
			return problem.Detail
		}
		return problem.Title
	}
	faults := make([]string, len(problem.Errors))
	for i, e := range problem.Errors {
		faults[i] = e.Field + " " + e.Message
	}
	return strings.Join(faults, "; ")
}

func (c *client) unexpected(a answer) error {
	return &NotBookstoreError{URL: c.base.String(), Answer: &StatusError{Status: a.status, Reason: a.reason()}}
}

// withoutURL leaves out the method and address that net/http puts before each
// error, and which say nothing here that isn't known.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) && wrapped.Err != nil {
		return wrapped.Err
	}
	return err
}

// certainlyNotSent says whether a failed attempt can have changed nothing.
func certainlyNotSent(a answer, err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) ||
		a.status == http.StatusTooManyRequests ||
		a.problemType() == unavailable
}
