package insights

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/bench/clients"
	"bookstore/internal/bench/scratch"
	"bookstore/internal/bench/sizes"
	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// Config says what to measure.
type Config struct {
	Books                      []events.Details // see [ReadBooks]
	Searches, Queries, Readers int              // how many, at least 1 each; queries and readers are different ones
	PerSecond                  float64          // searches that arrive while the service is to keep up, more than 0
	Length                     time.Duration    // of that, and of asking questions; more than 0
	Seed                       uint64           // another one makes other searches

	// Start starts a service on a data directory, see [InProcess].
	Start func(dataDir string) (*Service, error)

	Logger *slog.Logger
	// Progress is told what begins.
	Progress func(what string)
}

// Faults of a [Config].
var (
	ErrNoBooks     = errors.New("books are needed to search for")
	ErrFewSearches = errors.New("too few searches, queries or readers: at least 1 each")
	ErrNoRate      = errors.New("searches that arrive need a rate, in searches a second, and some time")
)

func (c Config) check() error {
	var faults []error
	if len(c.Books) == 0 {
		faults = append(faults, ErrNoBooks)
	}
	if min(c.Searches, c.Queries, c.Readers) < 1 {
		faults = append(faults, ErrFewSearches)
	}
	if c.PerSecond <= 0 || c.Length <= 0 {
		faults = append(faults, ErrNoRate)
	}
	return errors.Join(faults...)
}

// Run measures everything. It fails with faults of the configuration, with a
// [*CountError], or with what a measurement failed with.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	if err := cfg.check(); err != nil {
		return Report{}, err
	}
	dir, err := scratch.New(os.TempDir())
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	b := &bench{cfg: cfg, dataDir: dir.Join("data")}
	defer func() { err = errors.Join(err, b.stop()) }()
	report = Report{
		Searches: cfg.Searches, Queries: cfg.Queries, Readers: cfg.Readers, Books: len(cfg.Books), Seed: cfg.Seed, CPUs: runtime.NumCPU(),
	}
	for _, step := range []func(context.Context, *Report) error{b.prepare, b.catchUp, b.askIdle, b.keepUp, b.kill} {
		if err := step(ctx, &report); err != nil {
			return Report{}, err
		}
	}
	report.conclude()
	return report, nil
}

// bench is a run.
type bench struct {
	cfg     Config
	dataDir string
	books   []events.ServedBook
	keys    map[uuid.UUID]int // of queries, to their places
	log     *searchLog

	service *Service      // nil while there is none
	pool    *pgxpool.Pool // of its database
}

// start starts the service and connects to its database.
func (b *bench) start(ctx context.Context) (err error) {
	if b.service, err = b.cfg.Start(b.dataDir); err != nil {
		return err
	}
	b.pool, err = postgres.Open(ctx, b.service.Database, postgres.Options{ApplicationName: "bookstore bench"})
	return err
}

// stop takes the service down, if there is one.
func (b *bench) stop() error { return b.end((*Service).Close) }

func (b *bench) end(how func(*Service) error) error {
	if b.pool != nil {
		b.pool.Close()
	}
	service := b.service
	b.pool, b.service = nil, nil
	if service == nil {
		return nil
	}
	return how(service)
}

// searchedDays is how long ago the first search was: longer than the longest window of
// trends but all time.
const searchedDays = 8

// prepare has books in the service and, while it is down, searches on its log.
func (b *bench) prepare(ctx context.Context, report *Report) error {
	b.cfg.Progress("importing books")
	if err := b.start(ctx); err != nil {
		return err
	}
	var err error
	if b.books, err = importBooks(ctx, b.service, b.pool, b.cfg.Books); err != nil {
		return err
	}
	if err := b.stop(); err != nil {
		return err
	}
	b.cfg.Progress("making queries")
	queries, keys, err := makeQueries(b.books, b.cfg.Queries, b.cfg.Seed)
	if err != nil {
		return err
	}
	b.keys = keys
	b.log = &searchLog{
		topic: events.DefaultTopics().Searches, made: newSearches(queries, b.cfg.Readers, b.cfg.Seed),
		log: b.cfg.Logger, ends: make(map[int32]int64),
	}
	b.cfg.Progress("writing searches")
	began := time.Now()
	err = b.log.whileDown(ctx, b.dataDir, b.cfg.Searches, began.AddDate(0, 0, -searchedDays), began)
	report.WriteSeconds = time.Since(began).Seconds()
	report.ValueBytes = b.log.made.bytes / int64(b.cfg.Searches)
	return err
}

// catchUp has the service count what is on its log.
func (b *bench) catchUp(ctx context.Context, report *Report) error {
	b.cfg.Progress("catching up")
	if err := b.start(ctx); err != nil {
		return err
	}
	var err error
	if report.CatchUp, err = b.log.catchUp(ctx, b.pool); err != nil {
		return err
	}
	_, relations, err := sizes.Read(ctx, b.pool)
	for _, r := range relations {
		if ofReadModels(r) {
			report.Relations = append(report.Relations, r)
		}
	}
	return err
}

// ofReadModels says whether a relation is a table of those who follow searches, or an
// index on one.
func ofReadModels(r sizes.Relation) bool {
	table := r.Of
	if table == "" {
		table = r.Name
	}
	for _, p := range readModels {
		for _, t := range p.Tables() {
			if table == projection.TableName(t.Name, 1) {
				return true
			}
		}
	}
	return false
}

// askIdle asks while nothing is written.
func (b *bench) askIdle(ctx context.Context, report *Report) error {
	// What was written must not be paid for by those who ask.
	if _, err := b.pool.Exec(ctx, `CHECKPOINT`); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	b.cfg.Progress("asking, while nothing is written")
	return b.asking(func(ask asker) (err error) {
		if _, err := ask(ctx, b.cfg.Length/10); err != nil { // warming up
			return err
		}
		report.Idle, err = ask(ctx, b.cfg.Length)
		return err
	})
}

type asker func(ctx context.Context, length time.Duration) ([]clients.Measurement, error)

func (b *bench) asking(do func(asker) error) error {
	all := questions(b.books, b.cfg.Readers, b.cfg.Seed)
	client := clients.New(askedAtOnce * len(all))
	defer client.CloseIdleConnections()
	url := strings.TrimSuffix(b.service.URL, "/")
	return do(func(ctx context.Context, length time.Duration) ([]clients.Measurement, error) {
		return ask(ctx, client, url, all, length)
	})
}

// keepUp asks while searches arrive.
func (b *bench) keepUp(ctx context.Context, report *Report) error {
	b.cfg.Progress("asking, while searches arrive")
	return b.asking(func(ask asker) (err error) {
		report.KeepUp, err = b.log.keepUp(ctx, b.service, b.pool, b.cfg.PerSecond, b.cfg.Length, func(ctx context.Context) (err error) {
			report.During, err = ask(ctx, b.cfg.Length)
			return err
		})
		return err
	})
}

// kill kills the service in the middle of its work, and looks whether it has counted
// right when it is done.
func (b *bench) kill(ctx context.Context, report *Report) error {
	b.cfg.Progress("killing the service while it catches up")
	if err := b.stop(); err != nil {
		return err
	}
	n := max(1, b.cfg.Searches/5)
	now := time.Now()
	if err := b.log.whileDown(ctx, b.dataDir, n, now, now); err != nil {
		return err
	}
	killed := Killed{Searches: int64(n)}
	for i := range kills {
		if err := b.start(ctx); err != nil {
			return err
		}
		left, err := b.log.awaitPart(ctx, b.pool, int64(n*(kills-i)/(kills+1)))
		if err != nil {
			return err
		}
		if err := b.end((*Service).Kill); err != nil {
			return err
		}
		killed.Left = append(killed.Left, left)
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	if _, err := b.log.awaitPart(ctx, b.pool, 0); err != nil {
		return err
	}
	var err error
	if killed.Counted, err = b.log.made.noted.compare(ctx, b.pool, b.keys); err != nil {
		return err
	}
	report.Killed = killed
	return b.stop()
}
