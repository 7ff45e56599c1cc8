package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"bookstore/internal/importer"
)

// progress shows on standard error how far an import is: with a bar on a
// terminal, with a line every now and then elsewhere.
type progress struct {
	out   io.Writer
	size  int64 // bytes of the file; 0 where that is not known
	began time.Time

	mu       sync.Mutex
	bar      *progressbar.ProgressBar // nil where there is no terminal
	warnedAt time.Time
}

const (
	barInterval  = 200 * time.Millisecond
	lineInterval = 2 * time.Second
	warnInterval = 5 * time.Second
)

func newProgress(out io.Writer, size int64) *progress {
	p := &progress{out: out, size: size, began: time.Now()}
	if file, isFile := out.(*os.File); isFile && term.IsTerminal(int(file.Fd())) {
		p.bar = newBar(out, size)
	}
	return p
}

func newBar(out io.Writer, size int64) *progressbar.ProgressBar {
	length := size + 1 // never full before the last row is answered
	if size == 0 {
		length = -1 // a spinner
	}
	return progressbar.NewOptions64(length,
		progressbar.OptionSetWriter(out),
		progressbar.OptionFullWidth(),
		progressbar.OptionSetPredictTime(size > 0),
		progressbar.OptionSetSpinnerChangeInterval(0), // it has no goroutine of its own then
	)
}

// start shows what now returns until the returned function is called.
func (p *progress) start(now func() importer.Progress) (stop func()) {
	interval := lineInterval
	if p.bar != nil {
		interval = barInterval
	}
	ticker, done := time.NewTicker(interval), make(chan struct{})
	var shower sync.WaitGroup
	shower.Go(func() {
		for {
			select {
			case <-ticker.C:
				p.show(now())
			case <-done:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		shower.Wait()
		p.clear()
	}
}

func (p *progress) show(now importer.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rate := float64(now.Rows()) / time.Since(p.began).Seconds()
	if p.bar == nil {
		fmt.Fprintln(p.out, progressLine(now, p.size, time.Since(p.began)))
		return
	}
	p.bar.Describe(fmt.Sprintf("%d rows, %.0f a second", now.Rows(), rate))
	_ = p.bar.Set64(now.Bytes) // fails where a file has grown meanwhile: the bar is full then
}

// progressLine says how far an import is; the rest is guessed from the bytes.
func progressLine(now importer.Progress, size int64, elapsed time.Duration) string {
	line := fmt.Sprintf("%d rows, %.0f a second", now.Rows(), float64(now.Rows())/elapsed.Seconds())
	if size > 0 && now.Bytes > 0 {
		share := min(1, float64(now.Bytes)/float64(size))
		left := time.Duration(float64(elapsed) * (1 - share) / share)
		line += fmt.Sprintf(", %.0f %% done, %s left", 100*share, left.Round(time.Second))
	}
	if now.Rejected > 0 {
		line += fmt.Sprintf(", %d rejected", now.Rejected)
	}
	return line
}

// note prints a line, past the bar.
func (p *progress) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.out, printable(fmt.Sprintf(format, args...)))
}

// waiting returns what tells, every few seconds at most, that the service takes
// no requests.
func (p *progress) waiting(service *url.URL, longest time.Duration) func(error) {
	return func(why error) {
		if time.Since(p.warnedAt) < warnInterval { // called by one goroutine at a time
			return
		}
		p.warnedAt = time.Now()
		p.note("%s takes no requests (%v); trying for up to %s", service, why, longest)
	}
}

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
