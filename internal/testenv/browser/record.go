package browser

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// Kind says where a [Fault] was seen.
type Kind string

// The kinds of faults.
const (
	Console   Kind = "console error"
	Exception Kind = "uncaught exception"
	Policy    Kind = "broken policy" // Content-Security-Policy first of all
	Log       Kind = "logged"        // by Chromium itself, as it does of answers of 4xx and 5xx
	Load      Kind = "failed load"   // no answer; not what the page gave up itself
	Foreign   Kind = "foreign request"
	Dialog    Kind = "dialog" // alert, confirm and prompt; it was dismissed
)

// Fault is something that no page should do.
type Fault struct {
	Kind Kind
	Text string
	URL  string // that it is about, if known
}

func (f Fault) String() string {
	if f.URL == "" {
		return fmt.Sprintf("%s: %s", f.Kind, f.Text)
	}

	return fmt.Sprintf("%s: %s (%s)", f.Kind, f.Text, f.URL)
}

// record is what a window did. It is written by chromedp's goroutine and read by the
// test's.
type record struct {
	host       string // of the service
	dismiss    func() // a dialog, which holds up the page
	dismissing sync.WaitGroup

	mu       sync.Mutex
	faults   []Fault
	expected []string
	requests []string
	urls     map[network.RequestID]string
}

func newRecord(host string) *record {
	return &record{host: host, urls: make(map[network.RequestID]string)}
}

// hear takes an event of the window. It must not wait for anything.
func (r *record) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			r.fault(Fault{Kind: Console, Text: consoleText(e.Args)})
		}
	case *runtime.EventExceptionThrown:
		r.fault(Fault{Kind: Exception, Text: exceptionText(e.ExceptionDetails), URL: e.ExceptionDetails.URL})
	case *log.EventEntryAdded:
		r.logged(e.Entry)
	case *network.EventRequestWillBeSent:
		r.request(e.RequestID, e.Request.Method, e.Request.URL)
	case *network.EventWebSocketCreated:
		r.request(e.RequestID, "GET", e.URL)
	case *network.EventLoadingFailed:
		if !e.Canceled { // leaving a page cancels its event stream, typing on cancels suggestions
			r.fault(Fault{Kind: Load, Text: strings.TrimSpace(e.ErrorText + " " + string(e.BlockedReason)), URL: r.urlOf(e.RequestID)})
		}
	case *page.EventJavascriptDialogOpening:
		r.fault(Fault{Kind: Dialog, Text: e.Message, URL: e.URL})
		r.dismissing.Go(r.dismiss)
	}
}

func (r *record) logged(entry *log.Entry) {
	fault := Fault{Kind: Log, Text: entry.Text, URL: entry.URL}
	if entry.Source == log.EntrySourceSecurity {
		fault.Kind = Policy
	}
	if entry.Level == log.EntryLevelError || entry.Level == log.EntryLevelWarning {
		r.fault(fault)
	}
}

func (r *record) request(id network.RequestID, method, address string) {
	r.mu.Lock()
	r.urls[id] = address
	r.requests = append(r.requests, method+" "+address)
	r.mu.Unlock()

	parsed, err := url.Parse(address)
	if err != nil {
		r.fault(Fault{Kind: Foreign, Text: err.Error()})
	} else if parsed.Host != r.host && slices.Contains([]string{"http", "https", "ws", "wss"}, parsed.Scheme) {
		r.fault(Fault{Kind: Foreign, Text: method, URL: address})
	}
}

func (r *record) urlOf(id network.RequestID) string {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.urls[id]
}

func (r *record) fault(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

// problems are the faults that nobody expected, and the expectations that nothing met.
func (r *record) problems() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var problems []string
	met := make(map[string]bool)
	for _, fault := range r.faults {
		text, expected := fault.String(), false
		for _, part := range r.expected {
			if strings.Contains(text, part) {
				met[part], expected = true, true
			}
		}
		if !expected {
			problems = append(problems, text)
		}
	}
	for _, part := range r.expected {
		if !met[part] {
			problems = append(problems, "expected and not seen: "+part)
		}
	}

	return problems
}

// ExpectFault says that the page will do wrong, or did: at least one [Fault] whose
// String has part in it, such as "412 (Precondition Failed)". All that do are forgiven;
// if there is none by the end of the test, it fails.
func (p *Page) ExpectFault(part string) *Page {
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	p.seen.expected = append(p.seen.expected, part)

	return p
}

// Faults returns what went wrong up to now, expected or not.
func (p *Page) Faults() []Fault {
	p.settle()
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()

	return slices.Clone(p.seen.faults)
}

// Requests returns what the window has asked for, oldest first, as "GET http://...".
func (p *Page) Requests() []string {
	p.settle()
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()

	return slices.Clone(p.seen.requests)
}

func consoleText(args []*runtime.RemoteObject) string {
	texts := make([]string, len(args))
	for i, arg := range args {
		texts[i] = arg.Description
		if len(arg.Value) > 0 {
			texts[i] = strings.Trim(string(arg.Value), `"`)
		}
	}

	return strings.Join(texts, " ")
}

func exceptionText(details *runtime.ExceptionDetails) string {
	if details.Exception == nil || details.Exception.Description == "" {
		return details.Text
	}

	return details.Text + " " + details.Exception.Description
}
