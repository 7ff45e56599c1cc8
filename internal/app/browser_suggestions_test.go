package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv/browser"
)

// Suggestions that are slow are in nobody's way, and no fault.
func TestLateSuggestionsInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)

	t.Run("the last one counts", func(t *testing.T) {
		t.Parallel()
		slow := s.withSlowSuggestions(t)
		page := browser.New(t, slow.url).Open("/")
		page.Type("#q", "mob")
		slow.asked(t)
		page.Clear("#q").Type("#q", "emma")
		close(slow.answers)
		page.WaitText("#suggestions a", "Emma")
	})

	t.Run("a list that was closed stays closed", func(t *testing.T) {
		t.Parallel()
		slow := s.withSlowSuggestions(t)
		page := browser.New(t, slow.url).Open("/")
		page.Type("#q", "mob")
		slow.asked(t)
		slow.answers <- struct{}{}
		page.WaitText("#suggestions a", "Moby-Dick")
		page.Type("#q", "y")
		slow.asked(t)
		page.Press("Escape").WaitGone("#suggestions a")
		slow.answers <- struct{}{}
		await(t, browser.Patience, "the answer does not arrive", func() bool {
			var answered int
			page.Eval(`performance.getEntriesByType("resource").filter((r) => r.name.includes("/suggestions") && r.responseEnd > 0).length`, &answered)
			return answered == 2
		})
		page.WaitVisible("#q:focus").WaitCount("#suggestions a", 0)
		page.Type("#q", "-")
		slow.asked(t)
		slow.answers <- struct{}{}
		page.WaitText("#suggestions a", "Moby-Dick")
	})

	t.Run("who does not wait for them has searched", func(t *testing.T) {
		t.Parallel()
		slow := s.withSlowSuggestions(t)
		page := browser.New(t, slow.url).Open("/")
		page.Type("#q", "mob")
		slow.asked(t)
		page.Type("#q", "y").Loads(func() { page.Press("Enter") })
		page.WaitText("#results h3", "Moby-Dick")
		page.Back()
		close(slow.answers)
		page.Clear("#q").Type("#q", "emma").WaitText("#suggestions a", "Emma")
	})
}

// slowSuggestions is a way to a shop on which suggestions wait.
type slowSuggestions struct {
	url     string
	arrived chan struct{}
	answers chan struct{} // one for each that may be answered; closed: all
}

func (s shop) withSlowSuggestions(t *testing.T) slowSuggestions {
	t.Helper()
	slow := slowSuggestions{arrived: make(chan struct{}, 100), answers: make(chan struct{})}
	target, err := url.Parse(s.url)
	require.NoError(t, err)
	transport := &http.Transport{}
	through := &httputil.ReverseProxy{
		Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // of browsers that have left
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/suggestions" {
			slow.arrived <- struct{}{}
			select {
			case <-slow.answers:
			case <-r.Context().Done():
				return
			}
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	slow.url = server.URL
	return slow
}

// asked waits until suggestions are asked for.
func (slow slowSuggestions) asked(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browser.Patience)
	defer cancel()
	select {
	case <-slow.arrived:
	case <-ctx.Done():
		require.NoError(t, ctx.Err(), "no suggestions are asked for")
	}
}
