package pages

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// counting makes frames that tell their number, and how many there were.
func counting() (look func(context.Context) (frame, error), made *atomic.Int64) {
	made = new(atomic.Int64)
	return func(context.Context) (frame, error) {
		return frame{newPart("number", template.HTML(fmt.Sprint(made.Add(1))))}, nil
	}, made
}

var errEnough = errors.New("seen enough")

// TestWatchersShareWhatIsMade also shows that a late one is not shown what was begun
// before it came.
func TestWatchersShareWhatIsMade(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := newLive(t.Context())
	look, _ := counting()

	first, ended := make(chan string), make(chan error, 1)
	go func() {
		ended <- l.watch(ctx, "page", look, func(f frame) error {
			select {
			case first <- string(f.Part("number")):
			case <-ctx.Done():
			}
			return nil
		})
	}()
	require.Equal(t, "1", <-first)
	var late string
	anotherLook := func(context.Context) (frame, error) {
		return nil, errors.New("looked a second time at what is being looked at")
	}
	require.ErrorIs(t, l.watch(t.Context(), "page", anotherLook, func(f frame) error {
		late = string(f.Part("number"))
		return errEnough
	}), errEnough)
	require.NotEqual(t, "1", late)
	require.NotEmpty(t, l.shows, "the first one still watches")
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Empty(t, l.shows)
}

func TestNothingRunsOnceNobodyWatches(t *testing.T) {
	t.Parallel()
	l := newLive(t.Context())
	look, made := counting()
	for range 3 { // each begins anew
		before := made.Load()
		ctx, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, l.watch(ctx, "page", look, func(frame) error { cancel(); return nil }), context.Canceled)
		require.Equal(t, before+1, made.Load())
		require.Empty(t, l.shows)
	}
	require.ErrorIs(t, l.watch(t.Context(), "page", look, func(frame) error { return errEnough }), errEnough)
	require.Empty(t, l.shows)
}

func TestWatchingEndsWithTheService(t *testing.T) {
	t.Parallel()
	stopping, stop := context.WithCancel(t.Context())
	l := newLive(stopping)
	look, _ := counting()
	require.ErrorIs(t, l.watch(t.Context(), "page", look, func(frame) error { stop(); return nil }), errEnding)
	require.ErrorIs(t, l.watch(t.Context(), "page", look, func(frame) error { return errEnough }), errEnding, "nor does it begin again")
	require.Empty(t, l.shows)
}

// TestWhatCanNotBeMadeCostsTheWatchers and nobody else.
func TestWhatCanNotBeMadeCostsTheWatchers(t *testing.T) {
	t.Parallel()
	l := newLive(t.Context())
	never := func(frame) error { return errEnough }
	fails := func(context.Context) (frame, error) { return nil, errors.ErrUnsupported }
	require.ErrorIs(t, l.watch(t.Context(), "page", fails, never), errors.ErrUnsupported)
	panics := func(context.Context) (frame, error) { panic("by mistake") }
	err := l.watch(t.Context(), "page", panics, never)
	require.Error(t, err)
	require.NotErrorIs(t, err, errEnding)
	require.Empty(t, l.shows)
}

func TestBrowserGetsWhatItHasNot(t *testing.T) {
	t.Parallel()
	before := frame{newPart("a", "1"), newPart("b", "2")}
	browser := readShown(before.Shown())
	require.Empty(t, browser.take(before), "what the page had is not sent again")

	after := frame{newPart("a", "1"), newPart("b", "3"), newPart("c", "4")}
	changes := browser.take(after)
	require.Len(t, changes, 2)
	require.Equal(t, "b", changes[0].Name)
	require.Equal(t, "3", string(changes[0].Data))
	require.Empty(t, changes[0].ID, "not yet all of it")
	require.Equal(t, "c", changes[1].Name)
	require.Empty(t, readShown(changes[1].ID).take(after), "the last id tells what it has got")
	require.Len(t, browser.take(before), 1, "a part that is as it was before is one that has changed")

	require.Len(t, readShown("").take(after), 3)
	require.Len(t, readShown("nonsense,:,,a:"+strings.Repeat("x", 100)).take(after), 3)
}

func TestFormsLeadToOurOwnPagesOnly(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"/operations":                                "/operations",
		"/operations/projections/catalog":            "/operations/projections/catalog",
		"/operations/projections/a%2F%2Fb":           "/operations/projections/a%2F%2Fb",
		"/operations/projections/catalog/rebuilds/7": "/operations/projections/catalog/rebuilds/7",
		"/operations/projections/catalog/rebuilds/x": "/operations/projections/catalog",
		"":                    "/operations",
		"/":                   "/operations",
		"//elsewhere.example": "/operations",
		"https://elsewhere.example/operations/projections/catalog": "/operations",
		"/operations/projections/":                                 "/operations",
		"/operations/projections/%zz":                              "/operations",
		"/operations/projections/..":                               "/operations/projections/..",
		`/operations\projections\catalog`:                          "/operations",
		"javascript:alert(1)":                                      "/operations",
	} {
		require.Equal(t, want, readPlace(from).Path(), from)
	}
}
