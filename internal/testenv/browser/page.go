package browser

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Patience is how long a step waits for what it needs before it fails the test,
// unless [Page.Within] says otherwise. It is long because the whole suite runs on
// two cores with the race detector; what is there is found at once.
const Patience = 20 * time.Second

// Size is that of a window's inside, in CSS pixels.
type Size struct{ Width, Height int64 }

// The narrowest and the widest window that the pages are made for. Up to 600 pixels
// Chromium behaves as a phone does: it heeds the page's viewport and has a touchscreen.
var (
	Phone = Size{375, 812}
	Wide  = Size{1440, 900}
)

const widestPhone = 600

// Page is a window of Chromium, with cookies and cache of its own. Its methods that
// return it do one step, or fail the test with what the page shows.
type Page struct {
	t        testing.TB
	ctx      context.Context // chromedp's, for as long as the test runs
	base     *url.URL
	patience time.Duration
	seen     *record

	scriptless bool
}

// New opens an empty window for the service at base, such as http://127.0.0.1:8080:
// [Wide], light, with JavaScript, and without motion, as for people who ask for that
// (nothing is clicked while it slides). The window is closed when the test ends, and
// the test fails then for what the package comment lists. Start the service first, so
// that it outlives the window.
func New(t testing.TB, base string) *Page {
	t.Helper()
	browser := chromium(t)
	address, err := url.Parse(base)
	require.NoError(t, err)
	require.NotEmpty(t, address.Host, "the service's address needs scheme and host: %q", base)

	seen := newRecord(address.Host)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(seen.hear))
	p := &Page{t: t, ctx: ctx, base: address, patience: Patience, seen: seen}
	seen.dismiss = p.dismissDialog
	t.Cleanup(func() {
		p.settle()
		cancel()
		seen.dismissing.Wait()
		for _, problem := range seen.problems() {
			t.Errorf("%s: %s", base, problem)
		}
	})

	// The context of the first call is the window's life, so it can't have a deadline.
	tooLate := time.AfterFunc(startLimit, cancel)
	require.NoError(t, chromedp.Do(ctx), "open a window")
	tooLate.Stop()
	// Else only one window at a time has the focus, and tests of the keyboard can't be parallel.
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})

	return p.Resize(Wide).Light()
}

// Resize makes the window as large as size.
func (p *Page) Resize(size Size) *Page {
	p.t.Helper()
	phone := size.Width <= widestPhone
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: size.Width, Height: size.Height, DeviceScaleFactor: 1, Mobile: phone,
	})
	call(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: phone})

	return p
}

// Light makes the window that of somebody who prefers light pages.
func (p *Page) Light() *Page {
	p.t.Helper()

	return p.media("light")
}

// Dark makes the window that of somebody who prefers dark pages.
func (p *Page) Dark() *Page {
	p.t.Helper()

	return p.media("dark")
}

func (p *Page) media(scheme string) *Page {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}})

	return p
}

// WithoutJavaScript makes that no script of the pages opened from now on runs. All
// steps work, [Page.Eval] too.
func (p *Page) WithoutJavaScript() *Page {
	p.t.Helper()
	p.scriptless = true
	p.disableScripts(true)

	return p
}

func (p *Page) disableScripts(off bool) {
	p.t.Helper()
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
}

// Within returns the same window with another patience, for what takes longer, such
// as a rebuild.
func (p *Page) Within(patience time.Duration) *Page {
	patient := *p
	patient.patience = patience

	return &patient
}

// within is a context for one step. It outlasts a short patience, which is about what the
// page shows: on a busy machine the first answer alone may take longer.
func (p *Page) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, max(p.patience, Patience))
}

// settle waits until what the page said before has been heard: its answer comes after
// it. A page that does not answer has failed the test already.
func (p *Page) settle() {
	ctx, cancel := context.WithTimeout(p.ctx, reportLimit)
	defer cancel()
	_, _ = evaluate[bool](ctx, "true")
}

const (
	reportLimit = 5 * time.Second // for asking a page what it shows, when something is wrong already
	reportText  = 3000            // of its text, in bytes
)

// fail ends the test and tells what the page shows.
func (p *Page) fail(format string, args ...any) {
	p.t.Helper()
	var report strings.Builder
	fmt.Fprintf(&report, format, args...)

	ctx, cancel := context.WithTimeout(p.ctx, reportLimit)
	defer cancel()
	if shown, err := evaluate[struct{ URL, Title, Text string }](ctx, question("page")); err != nil {
		fmt.Fprintf(&report, "\n  the page does not answer: %v", err)
	} else {
		text := shown.Text[:min(len(shown.Text), reportText)]
		fmt.Fprintf(&report, "\n  URL:   %s\n  title: %s\n  text:\n    %s",
			shown.URL, shown.Title, strings.ReplaceAll(text, "\n", "\n    "))
	}
	p.t.Fatal(report.String())
}
