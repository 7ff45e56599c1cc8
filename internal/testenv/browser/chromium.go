package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv"
)

// pathVariable names the Chromium to use, for where it has another name or place.
const pathVariable = "BOOKSTORE_TEST_CHROMIUM"

const (
	startLimit = time.Minute      // on a machine that does much else
	stopLimit  = 10 * time.Second // after which it is killed
)

// shared is the one Chromium of this test binary: it takes a second of both cores
// and 200 MB to start. go test has no other way to hand it from test to test.
var shared struct {
	once sync.Once
	ctx  context.Context // of chromedp, with the browser in it
	err  error
}

var errNotStarted = errors.New("its start was broken off")

// chromium returns the context that pages are made from.
func chromium(t testing.TB) context.Context {
	t.Helper()
	path, err := find(os.Getenv(pathVariable))
	if err != nil {
		missing(t, err, os.Getenv("CI"))
	}
	shared.once.Do(func() {
		shared.err = errNotStarted // as long as nothing else is said, also if Share ends the test
		var stop func() error
		dir := testenv.Share(t, func() error {
			if stop == nil {
				return nil
			}

			return stop()
		})
		shared.ctx, stop, shared.err = start(path, filepath.Join(dir, "chromium"))
	})
	require.NoError(t, shared.err, "start Chromium for tests")

	return shared.ctx
}

// find returns the path of Chromium's program: the given one, or one that is usual.
func find(given string) (string, error) {
	if given != "" {
		return exec.LookPath(given)
	}
	var failures []error
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		path, err := exec.LookPath(name)
		if err == nil {
			return path, nil
		}
		failures = append(failures, err)
	}

	return "", errors.Join(failures...)
}

// missing ends the test. Somebody who changes a query need not have a browser, but
// a change must not land untested because CI lost its own.
func missing(t testing.TB, err error, ci string) {
	t.Helper()
	if ci != "" {
		t.Fatalf("Chromium is needed where CI is set: %v", err)
	}
	t.Skipf("no Chromium, apt-get install chromium: %v", err) //nolint:forbidigo // what needs a browser is for those who have one, and for CI
}

// start runs Chromium with its files in home, until stop is called.
func start(path, home string) (ctx context.Context, stop func() error, err error) {
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, nil, err
	}
	allocator, freeAllocator := chromedp.NewExecAllocator(context.Background(), flags(path, home)...)
	ctx, cancel := chromedp.NewContext(allocator,
		// chromedp is of another day than Chromium, and says so of each event that it does not know.
		chromedp.WithErrorf(func(string, ...any) {}))

	// The context of the first call is the browser's life, so it can't have a deadline.
	tooLate := time.AfterFunc(startLimit, cancel)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		freeAllocator()

		return nil, nil, fmt.Errorf("run %s: %w", path, err)
	}
	tooLate.Stop()

	return ctx, func() error {
		limited, done := context.WithTimeout(ctx, stopLimit)
		defer done()
		err := chromedp.Cancel(limited)
		cancel()
		freeAllocator()

		return errors.Join(err, removeAll(home))
	}, nil
}

func flags(path, home string) []chromedp.ExecAllocatorOption {
	return append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.Env("HOME="+home, "TMPDIR="+home, "DBUS_SESSION_BUS_ADDRESS=disabled:"),
		chromedp.Flag("no-sandbox", true), // needed by root and in most containers; the pages are our own
		chromedp.Flag("lang", "en-US"),    // date fields take their order from it
		chromedp.Flag("disable-gpu", true),
		// Nothing leaves the machine, neither for a page nor for Chromium itself.
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]"),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-field-trial-config", true),
	)
}

// removeAll removes dir, in which Chromium's other processes may write for a moment
// after the first one has ended.
func removeAll(dir string) error {
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := os.RemoveAll(dir)
		if err == nil {
			return nil
		}
		select {
		case <-limit.C:
			return err
		case <-again.C:
		}
	}
}
