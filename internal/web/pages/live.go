package pages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"bookstore/internal/web"
)

const (
	// liveInterval is the time between two looks at what a watched page shows.
	liveInterval = time.Second
	// liveTimeout is how long a look may take: what is not known then is said to be.
	liveTimeout = 5 * time.Second
)

// part is a piece of a page that changes by itself. It is small, so that its change
// disturbs nobody who is at something else: a form is in no part that changes while the
// form can be used.
type part struct {
	name string // of the event, which the page's element takes by sse-swap
	html template.HTML
	sum  string // changes when the part shall be sent again
}

// newPart makes a part that is sent whenever its HTML has changed.
func newPart(name string, html template.HTML) part { return part{name, html, sumOf(string(html))} }

// sumOf tells texts apart. Two that it confuses, one time in four billions, leave a part
// as it was until it changes again.
func sumOf(text string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return fmt.Sprintf("%08x", h.Sum32())
}

// frame is all parts of a page at one time. One that is not known then is missing.
type frame []part

// Part returns the HTML of a part, "" for one that is missing.
func (f frame) Part(name string) template.HTML {
	for _, p := range f {
		if p.name == name {
			return p.html
		}
	}
	return ""
}

// shown is which parts a browser has, by name. It goes through the browser, as the
// address or the last id of a stream: so any process can go on where another left off,
// and what is there already is not put there again, under the hands of who uses it.
type shown map[string]string

// in gives "name:sum,name:sum", in the order of f.
func (s shown) in(f frame) string {
	var b strings.Builder
	for _, p := range f {
		if sum, there := s[p.name]; there {
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.WriteString(p.name + ":" + sum)
		}
	}
	return b.String()
}

// Shown is what a browser has that gets the frame as a page.
func (f frame) Shown() string {
	s := make(shown)
	for _, p := range f {
		s[p.name] = p.sum
	}
	return s.in(f)
}

// readShown reads what [shown.in] has written. What can't be read is not there.
func readShown(text string) shown {
	s := make(shown)
	for entry := range strings.SplitSeq(text, ",") {
		if name, sum, ok := strings.Cut(entry, ":"); ok {
			s[name] = sum
		}
	}
	return s
}

// take returns the events that bring a browser from what it has to the frame.
func (s shown) take(f frame) []web.Event {
	var changes []web.Event
	for _, p := range f {
		if s[p.name] != p.sum {
			s[p.name] = p.sum
			changes = append(changes, web.Event{Name: p.name, Data: []byte(p.html)})
		}
	}
	if len(changes) > 0 {
		changes[len(changes)-1].ID = s.in(f)
	}
	return changes
}

// errEnding says that the service ends.
var errEnding = errors.New("the service ends")

// live makes what the watchers of pages see: once a second for a page, however many
// watch it, and not at all while nobody does.
type live struct {
	stopping context.Context

	mu    sync.Mutex
	shows map[string]*show // by the page's path
}

func newLive(stopping context.Context) *live {
	return &live{stopping: stopping, shows: make(map[string]*show)}
}

// show is a page that is being watched.
type show struct {
	watchers int // guarded by live.mu
	cancel   context.CancelFunc
	done     chan struct{} // closed when nothing is made any more
	fault    error         // why, if not for want of watchers; not to be read before

	mu      sync.Mutex
	begun   int // frames that were begun to be made
	frame   frame
	number  int           // of frame, from 1
	changed chan struct{} // closed when there is a newer frame
}

// watch calls see with what look makes, each time that it has, until ctx or the service
// ends or see fails. Nothing is left running when the last watcher has returned.
func (l *live) watch(ctx context.Context, page string, look func(context.Context) (frame, error), see func(frame) error) error {
	s, seen := l.join(page, look)
	defer l.leave(page, s)
	for {
		f, number, changed := s.now()
		if number > seen {
			seen = number
			if err := see(f); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-s.done:
			return cmp.Or(s.fault, errEnding)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// join returns a show and the number of the last frame that is not for who joins: it may
// have been begun before what he has ordered.
func (l *live) join(page string, look func(context.Context) (frame, error)) (s *show, seen int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, there := l.shows[page]
	if there {
		s.watchers++
		return s, s.latest()
	}
	ctx, cancel := context.WithCancel(l.stopping)
	s = &show{watchers: 1, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{})}
	l.shows[page] = s
	go s.run(ctx, look)
	return s, 0
}

func (l *live) leave(page string, s *show) {
	l.mu.Lock()
	s.watchers--
	last := s.watchers == 0
	if last {
		delete(l.shows, page)
	}
	l.mu.Unlock()
	if last {
		s.cancel()
		<-s.done
	}
}

// run makes frames until ctx ends or one can't be made. A panic is the watchers' too:
// it must cost their streams and not the service, and their requests log it.
func (s *show) run(ctx context.Context, look func(context.Context) (frame, error)) {
	defer close(s.done)
	defer func() {
		if value := recover(); value != nil {
			s.fault = fmt.Errorf("make what is live: panic: %v\n%s", value, debug.Stack())
		}
	}()
	tick := time.NewTicker(liveInterval)
	defer tick.Stop()
	for {
		if s.fault = s.look(ctx, look); s.fault != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *show) look(ctx context.Context, look func(context.Context) (frame, error)) error {
	s.mu.Lock()
	s.begun++
	number := s.begun
	s.mu.Unlock()

	limited, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	f, err := look(limited)
	if ctx.Err() != nil {
		return nil // what could not be looked at for that is no trouble
	}
	if err != nil {
		return err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.frame, s.number = f, number
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *show) latest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

func (s *show) now() (f frame, number int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frame, s.number, s.changed
}

// view is a page whose parts change.
type view struct {
	path string
	look func(context.Context) (frame, error)
}

// stream sends the changes of the page that find names.
func (o *operators) stream(find func(r *http.Request) (view, error)) http.Handler {
	return web.Stream(func(s *web.EventStream, r *http.Request) error {
		v, err := find(r)
		if err != nil {
			return err
		}
		if err := s.Begin(); err != nil {
			return err
		}
		had := r.Header.Get("Last-Event-ID")
		if had == "" {
			had = r.URL.Query().Get("shown")
		}
		browser := readShown(had)
		err = o.live.watch(r.Context(), v.path, v.look, func(f frame) error {
			changes := browser.take(f)
			if len(changes) == 0 {
				return nil // and the stream's heartbeat goes on
			}
			return s.Send(changes...)
		})
		if errors.Is(err, errEnding) {
			return nil // the browser connects again, to whoever answers then
		}
		return err
	})
}
