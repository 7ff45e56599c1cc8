package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config is what an [Import] needs.
type Config struct {
	File    io.Reader
	Name    string  // of the file, whose extension may tell the format
	Format  Format  // FormatAuto: found out
	Columns Columns // names of columns that are not the known ones

	URL         *url.URL      // of the service; the API lies below it
	Concurrency int           // requests on their way at once, at least 1
	Patience    time.Duration // how long a request is tried again before the import gives up

	// Rejected is told of each row that is not imported, Waiting that the service
	// takes no requests at the moment and why. Each is called by one goroutine at
	// a time.
	Rejected func(*RowError)
	Waiting  func(error)
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var faults []error
	for field, missing := range map[string]bool{
		"File":        c.File == nil,
		"URL":         c.URL == nil,
		"Concurrency": c.Concurrency < 1,
		"Rejected":    c.Rejected == nil,
		"Waiting":     c.Waiting == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("importer.Config.%s is missing", field))
		}
	}
	return errors.Join(faults...)
}

// Import is one run over a file.
type Import struct {
	cfg      Config
	client   *client
	ignored  ignoredNames // written by the reading goroutine only
	badISBNs BadISBNs     // as well
	inFlight inFlight

	bytes, added, present, otherISBN, rejected atomic.Int64

	rejecting, waiting sync.Mutex // make the callbacks one at a time
}

// Progress is how far an import is.
type Progress struct {
	Bytes    int64 // of the file, read so far
	Added    int64 // books that were imported
	Present  int64 // rows whose book was there already, from an earlier run or row
	Rejected int64 // rows that were not imported
}

// Rows is how many rows are done with.
func (p Progress) Rows() int64 { return p.Added + p.Present + p.Rejected }

// Summary is what became of a file.
type Summary struct {
	Progress
	Elapsed time.Duration
	Ignored []string // names of columns that are nobody's

	BadISBNs  BadISBNs
	OtherISBN int64 // of Present: books with another ISBN than their row's, or one of both without; they keep theirs
}

// BadISBNs are rows whose ISBN is none. They are imported without it.
type BadISBNs struct {
	Rows  int64
	First int // the line of the first, from 1; 0 where there is none
}

func (b *BadISBNs) count(r row) {
	if !r.badISBN {
		return
	}
	if b.Rows++; b.First == 0 {
		b.First = r.line
	}
}

// New returns an import that does nothing until [Import.Run].
func New(cfg Config) (*Import, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	i := &Import{cfg: cfg, inFlight: inFlight{keys: make(map[string]chan struct{})}}
	i.client = newClient(cfg.URL, cfg.Concurrency, cfg.Patience, i.wait)
	return i, nil
}

// Progress may be called at any time.
func (i *Import) Progress() Progress {
	return Progress{Bytes: i.bytes.Load(), Added: i.added.Load(), Present: i.present.Load(), Rejected: i.rejected.Load()}
}

// Run imports the file, once. The summary is right also where it fails: with
// [ErrEmpty], [ErrUTF16], [ErrJSONArray] or a [*MissingColumnsError] for a file
// of which no row can be imported, with a [*GaveUpError] or [*NotBookstoreError]
// where the service can't be used, with the context's error, or that of reading.
func (i *Import) Run(ctx context.Context) (Summary, error) {
	began := time.Now()
	defer i.client.close()

	rows := make(chan row)
	workers, workersCtx := errgroup.WithContext(ctx)
	workers.Go(func() error {
		defer close(rows)
		return i.read(workersCtx, rows)
	})
	for range i.cfg.Concurrency {
		workers.Go(func() error { return i.work(workersCtx, rows) })
	}
	err := workers.Wait()
	return Summary{
		Progress: i.Progress(), Elapsed: time.Since(began), Ignored: i.ignored,
		BadISBNs: i.badISBNs, OtherISBN: i.otherISBN.Load(),
	}, err
}

// read hands out the rows as fast as they are taken.
func (i *Import) read(ctx context.Context, rows chan<- row) error {
	source, err := openSource(i.cfg.File, i.cfg.Name, i.cfg.Format, i.cfg.Columns, &i.bytes, &i.ignored)
	for err == nil {
		var r row
		r, err = source.next()
		var bad *RowError
		switch {
		case errors.As(err, &bad):
			i.reject(bad)
			err = ctx.Err()
		case err == nil:
			i.badISBNs.count(r)
			select {
			case rows <- r:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (i *Import) work(ctx context.Context, rows <-chan row) error {
	for r := range rows {
		if err := i.add(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (i *Import) add(ctx context.Context, r row) error {
	key := idempotencyKey(r.Details)
	done, err := i.inFlight.enter(ctx, key)
	if err != nil {
		return err
	}
	defer done()

	result, err := i.client.add(ctx, r, key)
	var bad *RowError
	switch {
	case errors.As(err, &bad):
		i.reject(bad)
	case err != nil:
		return err
	case result == outcomePresentOtherwise:
		i.otherISBN.Add(1)
		i.present.Add(1)
	case result == outcomePresent:
		i.present.Add(1)
	default:
		i.added.Add(1)
	}
	return nil
}

func (i *Import) reject(bad *RowError) {
	i.rejecting.Lock()
	defer i.rejecting.Unlock()
	i.rejected.Add(1)
	i.cfg.Rejected(bad)
}

func (i *Import) wait(why error) {
	i.waiting.Lock()
	defer i.waiting.Unlock()
	i.cfg.Waiting(why)
}

// inFlight lets one of several equal rows on its way at a time. Sent together,
// each of them would be answered as the one that added the book.
type inFlight struct {
	mu   sync.Mutex
	keys map[string]chan struct{} // closed when its row is done
}

// enter waits until no row with this key is on its way. done must be called.
func (f *inFlight) enter(ctx context.Context, key string) (done func(), err error) {
	for {
		f.mu.Lock()
		before, taken := f.keys[key]
		if !taken {
			mine := make(chan struct{})
			f.keys[key] = mine
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.keys, key)
				f.mu.Unlock()
				close(mine)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
