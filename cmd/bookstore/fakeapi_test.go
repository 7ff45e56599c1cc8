package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/web"
)

// fakeAPI plays the service's operations by a script: what a command makes of each
// answer is what is tested here, and a real service gives most of them rarely.
type fakeAPI struct {
	url string

	mu      sync.Mutex
	script  map[string][]reply // by method, path and query
	asked   []string           // the same, in order
	bodies  []string           // of these
	inOrder map[string]int
}

// reply is an answer of the script. The last one of its kind is given again and
// again.
type reply struct {
	status int
	body   any // a string as it is, else as JSON
	next   string
}

func newFakeAPI(t *testing.T, script map[string][]reply) *fakeAPI {
	t.Helper()
	f := &fakeAPI{script: script, inOrder: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + r.URL.RequestURI()
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.asked, f.bodies = append(f.asked, what), append(f.bodies, string(body))
	replies := f.script[what]
	n := f.inOrder[what]
	f.inOrder[what]++
	f.mu.Unlock()

	if len(replies) == 0 {
		replies = []reply{{status: http.StatusNotFound, body: web.NotFound("The script has no " + what + ".")}}
	}
	answer := replies[min(n, len(replies)-1)]
	if answer.next != "" {
		w.Header().Set("Link", "<"+answer.next+`>; rel="next"`)
	}
	w.WriteHeader(answer.status)
	if text, isText := answer.body.(string); isText {
		_, _ = io.WriteString(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(answer.body)
}

// requests returns what was asked so far, and with what bodies.
func (f *fakeAPI) requests() (asked, bodies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...), append([]string(nil), f.bodies...)
}

// run runs a command on it.
func (f *fakeAPI) run(t *testing.T, command string) result {
	t.Helper()
	return bookstore(t, nil, "", append(strings.Fields(command), "--url", f.url)...)
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

func refused(problem *web.Problem) reply { return reply{status: problem.Status, body: problem} }

func TestOperatorsCommandsExplainThemselves(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"projections", "projections rollback", "projections drop",
		"rebuild", "rebuild pause", "rebuild resume", "rebuild cancel", "rebuild accept", "rebuild watch", "rebuild status", "rebuild diff",
		"parked", "parked list", "parked show", "parked retry", "parked discard",
	} {
		r := bookstore(t, nil, "", append(strings.Fields(command), "--help")...)
		require.Equal(t, exitOK, r.code, command)
		require.Contains(t, r.stdout, "Examples:\n", command)
		require.Contains(t, r.stdout, "--config", command)
		require.Contains(t, r.stdout, "--url", command)
		require.Empty(t, r.stderr, command)
	}
}

func TestWhatOperatorsCannotMeanIsSaidOnceOnOneLine(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"projections a b":                          "takes the NAME of one, and got 2",
		"projections rolback catalog":              "did you mean 'bookstore projections rollback'?",
		"projections rollback":                     "rollback takes the NAME of one projection, and got 0",
		"projections drop catalog":                 "the number of a GENERATION",
		"projections drop catalog new":             `"new" is no generation`,
		"projections --url localhost:8080":         "--url is",
		"rebuild":                                  "rebuild takes the NAME of one projection, and got 0",
		"rebuild puase catalog":                    "did you mean 'bookstore rebuild pause'?",
		"rebuild --max-query-slowdown 1 catalog":   "--max-query-slowdown is 1",
		"rebuild --max-query-slowdown nan catalog": "--max-query-slowdown is NaN",
		"rebuild pause":                            "pause takes the NAME of one projection, and got 0",
		"parked":                                   "list, show, retry or discard",
		"parked lst":                               "did you mean 'bookstore parked list'?",
		"parked list now":                          `"now"`,
		"parked list --book 0":                     "--book is 0",
		"parked show":                              "takes the ID of one parked record",
		"parked show emma":                         `"emma" is no ID`,
		"parked retry":                             "say which",
		"parked retry 12 --all":                    "say which",
		"parked retry --all --book 17":             "say which",
		"parked discard 12":                        "say --yes",
	} {
		r := bookstore(t, nil, "", strings.Fields(args)...)
		require.Equal(t, exitUsage, r.code, args)
		require.Contains(t, r.stderr, want, args)
		require.Equal(t, 1, strings.Count(r.stderr, "--help'\n"), "%s: %s", args, r.stderr)
		require.Equal(t, 1, strings.Count(r.stderr, "\n"), "%s: %s", args, r.stderr)
		require.Empty(t, r.stdout, args)
	}
	r := bookstore(t, nil, "", "rebuild", "")
	require.Equal(t, exitUsage, r.code, "an empty variable in a script")
}

func TestWhereNoServiceAnswersOperatorsAreToldWhatToDo(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"projections", "projections drop catalog 1", "rebuild catalog", "rebuild status catalog", "rebuild diff catalog", "parked list", "parked retry --all"} {
		r := bookstore(t, nil, "", append(strings.Fields(args), "--url", "http://127.0.0.1:1")...)
		require.Equal(t, exitFailed, r.code, args)
		require.Contains(t, r.stderr, "no service answers at http://127.0.0.1:1 (dial tcp", args)
		require.Contains(t, r.stderr, "start it with 'bookstore', or say where it is by --url", args)
		require.Equal(t, 1, strings.Count(r.stderr, "\n"), "%s: %s", args, r.stderr)
	}
}

func TestWhatTheServiceRefusesIsShown(t *testing.T) {
	t.Parallel()
	broken := web.Problem{Type: web.TypeInternal, Title: "Something went wrong on our side", Status: 500, CorrelationID: "c-1"}
	for want, answer := range map[string]reply{
		"There is nothing here: There is no such projection.":           refused(web.NotFound("There is no such projection.")),
		"Something went wrong on our side (correlation id c-1)":         refused(&broken),
		"is not a bookstore's address: it answered 404":                 {status: http.StatusNotFound, body: "<html>"},
		"is not a bookstore's address: it answered 200: invalid charac": ok("<html>"),
	} {
		r := newFakeAPI(t, map[string][]reply{"GET /api/projections/emma": {answer}}).run(t, "projections emma")
		require.Equal(t, exitFailed, r.code)
		require.Contains(t, r.stderr, want)
		require.Empty(t, r.stdout)
	}
}
