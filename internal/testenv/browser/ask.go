package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// probe is an object of JavaScript whose methods are the questions that can be asked.
// It goes with each question: the page that had it may be gone.
//
//go:embed probe.js
var probe string

// question is the expression that calls a method of probe.
func question(method string, args ...any) string {
	encoded := make([]string, len(args))
	for i, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			panic(err) // strings and numbers only
		}
		encoded[i] = string(text)
	}

	return fmt.Sprintf("(%s).%s(%s)", strings.TrimSpace(probe), method, strings.Join(encoded, ", "))
}

// evaluate returns what an expression, or the promise that it is, comes to. It is not
// subject to the page's Content-Security-Policy, and works where scripts are off.
func evaluate[T any](ctx context.Context, expression string) (T, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// answer is what the page says to a question that may have to be asked again.
type answer[T any] struct {
	Done  bool   // else ask again
	Why   string // not done, for the report
	Value T
}

// askAgain is how soon. A question takes the page less than 1 ms.
const askAgain = 20 * time.Millisecond

// ask repeats a question until the page says that it is done, and fails the test if
// that takes too long: what names what was waited for.
func ask[T any](p *Page, what, question string) T {
	p.t.Helper()
	var got answer[T]
	p.repeat(what, func(ctx context.Context) (done bool, why string, err error) {
		got, err = evaluate[answer[T]](ctx, question)

		return got.Done, got.Why, err
	})

	return got.Value
}

// repeat tries something until it is done. Patience decides whether to try again; the
// last try has the time that it takes.
func (p *Page) repeat(what string, try func(ctx context.Context) (done bool, why string, err error)) {
	p.t.Helper()
	over := time.NewTimer(p.patience)
	defer over.Stop()
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()

	for {
		ctx, cancel := p.within()
		done, why, err := try(ctx)
		cancel()
		switch {
		case err == nil && done:
			return
		case leftBehind(err):
			why = err.Error()
		case err != nil:
			p.fail("%s: %v", what, err)
		}
		select {
		case <-over.C:
			p.fail("%s: not within %s: %s", what, p.patience, why)
		case <-ticker.C:
		}
	}
}

// leftBehind tells whether the page that was asked has been left for another one.
// Chromium has several words for that, and no number.
func leftBehind(err error) bool {
	var refusal *cdproto.Error

	return errors.As(err, &refusal)
}

// call gives the window a command of the DevTools protocol.
func call[P, R any](p *Page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.fail("%s: %v", command.Method, err)
	}

	return result
}

// do runs actions of chromedp on the window.
func (p *Page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.fail("%s: %v", what, err)
	}
}
