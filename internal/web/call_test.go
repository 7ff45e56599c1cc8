package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCallAnswersAsTheNetworkWould(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	router := NewRouter()
	add := func(path string, f func(http.ResponseWriter, *http.Request) error) {
		router.Handle(path, Handle(f)).Methods(http.MethodGet)
	}
	add("/well", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("ETag", `"7"`)
		return WriteJSON(w, http.StatusAccepted, 42)
	})
	add("/refused", func(http.ResponseWriter, *http.Request) error {
		return BadRequest("No.", FieldError{"q", "must be shorter"})
	})
	add("/broken", func(http.ResponseWriter, *http.Request) error { return cause })
	add("/away", func(http.ResponseWriter, *http.Request) error { return Unavailable("Away.", 3*time.Second) })
	add("/silent", func(http.ResponseWriter, *http.Request) error { return nil })
	ask := func(ctx context.Context, path string) (Answer, error) {
		return Call(router, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	}

	answer, err := ask(t.Context(), "/well")
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.Status)
	require.Equal(t, `"7"`, answer.Header.Get("ETag"))
	require.Equal(t, "42\n", string(answer.Body))

	answer, err = ask(t.Context(), "/silent")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)

	var problem *Problem
	_, err = ask(t.Context(), "/refused")
	require.ErrorAs(t, err, &problem)
	require.Equal(t, []FieldError{{"q", "must be shorter"}}, problem.Errors)

	_, err = ask(t.Context(), "/broken")
	require.ErrorAs(t, err, &problem)
	require.Equal(t, TypeInternal, problem.Type)
	require.ErrorIs(t, err, cause, "for the log")
	require.NotContains(t, problem.Error(), "disk")

	_, err = ask(t.Context(), "/away")
	require.ErrorAs(t, err, &problem)
	require.Equal(t, 3*time.Second, problem.RetryAfter)

	_, err = ask(t.Context(), "/nothing")
	require.ErrorAs(t, err, &problem)
	require.Equal(t, TypeNotFound, problem.Type)

	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err = ask(gone, "/broken")
	require.ErrorIs(t, err, context.Canceled)
}
