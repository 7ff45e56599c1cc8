package main

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
	"time"

	"github.com/spf13/cobra"

	"bookstore/internal/importer"
	"bookstore/internal/web"
)

const (
	// callTimeout bounds a call that the service answers from a few rows.
	callTimeout = 15 * time.Second
	// slowTimeout bounds one that takes locks which queries hold, or measures.
	slowTimeout = time.Minute
	// silenceTimeout is how long a stream may say nothing: a service that compares
	// a million rows and finds no difference has nothing to say.
	silenceTimeout = 10 * time.Minute
	// mostAnswer bounds an answer that is read into memory: a page of parked
	// records, or one with its value.
	mostAnswer = 64 << 20
)

// client is the API of a running service as operators' commands see it.
type client struct {
	http *http.Client
	base *url.URL
}

// unreachableError says that nothing answered.
type unreachableError struct {
	url   string
	cause error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("no service answers at %s (%v): start it with 'bookstore', or say where it is by --url", e.url, e.cause)
}

func (e *unreachableError) Unwrap() error { return e.cause }

// addressFlag gives a command, and those below it, the flag that import has.
func addressFlag(cmd *cobra.Command, address *string) {
	cmd.PersistentFlags().StringVar(address, "url", "", "address of the service (default http://localhost:<app.port>)")
}

// client returns the service at the given address, else of the configuration.
func (p *program) client(cmd *cobra.Command, address string) (*client, error) {
	cfg, err := p.config()
	if err != nil {
		return nil, err
	}
	base, err := serviceURL(cmd, address, cfg)
	if err != nil {
		return nil, err
	}
	return &client{base: base, http: &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: answerTimeout}).DialContext,
			TLSHandshakeTimeout: answerTimeout,
		},
		// A redirected POST becomes a GET, whose 200 would look like success.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// call is what the service is asked for.
type call struct {
	method  string
	path    []string // its segments, not escaped
	query   url.Values
	body    any           // sent as JSON; nil for none
	timeout time.Duration // of the whole, or of a silence: see stream
}

func get(timeout time.Duration, path ...string) call {
	return call{method: http.MethodGet, path: path, timeout: timeout}
}

func post(timeout time.Duration, path ...string) call {
	return call{method: http.MethodPost, path: path, timeout: timeout}
}

// answer is what the service said, a 2xx.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a call and reads the answer. It fails with a [*web.Problem] where the
// service refuses, an [*unreachableError] where none answers, and an
// [*importer.NotBookstoreError] where something else does.
func (c *client) do(ctx context.Context, call call) (answer, error) {
	within, cancel := context.WithTimeout(ctx, call.timeout)
	defer cancel()
	response, err := c.send(within, call)
	if err != nil {
		return answer{}, c.explain(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return answer{}, c.explain(ctx, err)
	}
	a := answer{response.StatusCode, response.Header, body}
	return a, c.refusal(a)
}

// ask makes a call whose answer is JSON.
func ask[T any](ctx context.Context, c *client, call call) (T, error) {
	var value T
	a, err := c.do(ctx, call)
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(a.body, &value); err != nil {
		return value, c.notBookstore(a.status, err.Error())
	}
	return value, nil
}

// stream makes a call and hands the answer on as it comes; timeout bounds only
// how long nothing may come. The reader must be closed.
func (c *client) stream(ctx context.Context, call call) (io.ReadCloser, error) {
	within, cancel := context.WithCancel(ctx)
	silence := time.AfterFunc(call.timeout, cancel)
	response, err := c.send(within, call)
	if err != nil {
		cancel()
		return nil, c.explain(ctx, err)
	}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return &patientReader{response.Body, call.timeout, silence, cancel}, nil
	}
	defer cancel()
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return nil, c.refusal(answer{response.StatusCode, response.Header, body})
}

// patientReader gives up when nothing comes for a while. What its reader takes
// between two reads does not count: somebody may be looking at a page of it.
type patientReader struct {
	io.ReadCloser
	patience time.Duration
	silence  *time.Timer
	cancel   context.CancelFunc
}

func (r *patientReader) Read(p []byte) (int, error) {
	r.silence.Reset(r.patience)
	defer r.silence.Stop()
	return r.ReadCloser.Read(p)
}

func (r *patientReader) Close() error {
	r.silence.Stop()
	defer r.cancel()
	return r.ReadCloser.Close()
}

func (c *client) send(ctx context.Context, call call) (*http.Response, error) {
	segments := []string{"api"}
	for _, segment := range call.path {
		segments = append(segments, url.PathEscape(segment))
	}
	to := c.base.JoinPath(segments...)
	to.RawQuery = call.query.Encode()
	var body io.Reader
	if call.body != nil {
		content, err := json.Marshal(call.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, call.method, to.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.http.Do(request)
}

// explain says what a call without an answer means. ctx is the caller's, without
// the timeout: who presses Ctrl-C is told nothing of the network.
func (c *client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error // method and address, which the message has already
	if errors.As(err, &wrapped) && wrapped.Err != nil {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = errors.New("it took too long")
	}
	return &unreachableError{c.base.String(), err}
}

// refusal returns what an answer says that is not a 2xx.
func (c *client) refusal(a answer) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	var problem web.Problem
	if json.Unmarshal(a.body, &problem) != nil || problem.Title == "" {
		return c.notBookstore(a.status, "")
	}
	if a.status >= 500 && problem.CorrelationID != "" { // the service's log says more
		return fmt.Errorf("%w (correlation id %s)", &problem, problem.CorrelationID)
	}
	return &problem
}

func (c *client) notBookstore(status int, reason string) error {
	return &importer.NotBookstoreError{URL: c.base.String(), Answer: &importer.StatusError{Status: status, Reason: reason}}
}

// passing says whether the same call may fare better in a while.
func passing(err error) bool {
	var unreachable *unreachableError
	var problem *web.Problem
	return errors.As(err, &unreachable) ||
		errors.As(err, &problem) && (problem.Status >= 500 || problem.Status == http.StatusTooManyRequests)
}

// refusedAs says whether the service refused with this status.
func refusedAs(err error, status int) bool {
	var problem *web.Problem
	return errors.As(err, &problem) && problem.Status == status
}
