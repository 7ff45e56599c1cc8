package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/bench/books"
	"bookstore/internal/bench/clients"
	"bookstore/internal/bench/scratch"
	"bookstore/internal/bench/sizes"
	"bookstore/internal/postgres"
	"bookstore/internal/query"
)

// Config says what to measure.
type Config struct {
	Catalogue   *books.Catalogue
	Sizes       []int         // of catalogues, in books, each at least 1
	Connections int           // clients at once, at least 1
	Length      time.Duration // of each measurement, more than 0
	Seed        uint64        // another one makes other queries

	// Indexing is how many new books a second arrive in the largest catalogue while
	// others search; 0 leaves that out. SearchesBeside is how many searches a second are
	// sent then, and before, to compare with.
	Indexing, SearchesBeside float64

	// Start starts a service of every role, with its broker and its PostgreSQL, on a
	// data directory. Only package app knows how, and nobody but programs sees it.
	Start func(ctx context.Context, dataDir string) (Service, error)

	Logger *slog.Logger
	// Progress is told what begins.
	Progress func(what string)
}

// Service is one that runs.
type Service struct {
	URL      string   // without a path
	Database string   // connection string
	Brokers  []string // host:port of Kafka
	Close    func(context.Context) error
}

// Faults of a [Config].
var (
	ErrNoSizes        = errors.New("sizes of catalogues are needed, each of at least one book")
	ErrFewConnections = errors.New("too few connections: at least 1")
	ErrNoLength       = errors.New("measurements need some time")
	ErrNoRate         = errors.New("new books and the searches beside them need a rate, in books and searches a second, or none at all")
)

func (c Config) check() error {
	var faults []error
	if len(c.Sizes) == 0 || slices.Min(c.Sizes) < 1 {
		faults = append(faults, ErrNoSizes)
	}
	if c.Connections < 1 {
		faults = append(faults, ErrFewConnections)
	}
	if c.Length <= 0 {
		faults = append(faults, ErrNoLength)
	}
	if c.Indexing < 0 || c.Indexing > 0 && c.SearchesBeside <= 0 {
		faults = append(faults, ErrNoRate)
	}
	return errors.Join(faults...)
}

// CountError says that a service does not have the books that its log has.
type CountError struct{ Have, Want int }

func (e *CountError) Error() string {
	return fmt.Sprintf("the service has %d books of the %d that are on its log", e.Have, e.Want)
}

// Run measures all sizes, the smallest first. It fails with faults of the
// configuration, with a [*CountError], or with what a measurement failed with.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.check(); err != nil {
		return Report{}, err
	}
	report := Report{Connections: cfg.Connections, Seconds: cfg.Length.Seconds(), Seed: cfg.Seed, CPUs: runtime.NumCPU()}
	ascending := slices.Sorted(slices.Values(cfg.Sizes))
	for i, size := range ascending {
		of := cfg
		if i < len(ascending)-1 {
			of.Indexing = 0
		}
		result, err := measureSize(ctx, of, size)
		if err != nil {
			return Report{}, fmt.Errorf("measure %d books: %w", size, err)
		}
		report.Sizes = append(report.Sizes, result)
	}
	report.conclude()
	return report, nil
}

// measureSize measures a catalogue of one size, with a service of its own.
func measureSize(ctx context.Context, cfg Config, size int) (result Size, err error) {
	dir, err := scratch.New(os.TempDir())
	if err != nil {
		return Size{}, err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	progress := func(what string) { cfg.Progress(fmt.Sprintf("%d books: %s", size, what)) }

	progress("writing the log")
	result = Size{Books: size}
	began := time.Now()
	if err := writeLog(ctx, dir.Join("data"), cfg.Catalogue, size, cfg.Logger); err != nil {
		return Size{}, err
	}
	result.WriteSeconds = time.Since(began).Seconds()

	progress("starting the service, which builds its read models")
	began = time.Now()
	service, err := cfg.Start(ctx, dir.Join("data"))
	if err != nil {
		return Size{}, fmt.Errorf("start the service: %w", err)
	}
	defer func() { err = errors.Join(err, service.Close(context.WithoutCancel(ctx))) }()
	result.StartSeconds = time.Since(began).Seconds()

	pool, err := postgres.Open(ctx, service.Database, postgres.Options{ApplicationName: "bookstore bench", MaxConns: int32(cfg.Connections)})
	if err != nil {
		return Size{}, err
	}
	defer pool.Close()
	if err := settle(ctx, pool, size); err != nil {
		return Size{}, err
	}
	if result.DatabaseBytes, result.Relations, err = sizes.Read(ctx, pool); err != nil {
		return Size{}, err
	}
	progress("making queries")
	b := newBench(cfg, size, service.URL, pool, progress)
	defer b.client.CloseIdleConnections()
	if err := b.measure(ctx, &result); err != nil {
		return Size{}, err
	}
	if cfg.Indexing > 0 {
		result.Indexing, err = b.index(ctx, service)
	}
	return result, err
}

// settle makes sure that all books are there, and that nothing is left to be written
// that the first measurement would pay for.
func settle(ctx context.Context, pool *pgxpool.Pool, want int) error {
	var have int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM books`).Scan(&have); err != nil {
		return fmt.Errorf("count books: %w", err)
	}
	if have != want {
		return &CountError{Have: have, Want: want}
	}
	if _, err := pool.Exec(ctx, `CHECKPOINT`); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// bench measures one service.
type bench struct {
	cfg      Config
	size     int
	url      string
	client   *http.Client
	direct   *query.Catalog
	progress func(what string)

	queries map[string][]string // by kind
	mix     []string
	ids     []int64 // to look up
}

// pageSize is what the service gives to clients that ask for no other.
const pageSize = 5

// queryTimeout is the service's.
const queryTimeout = 2 * time.Second

func newBench(cfg Config, size int, url string, pool *pgxpool.Pool, progress func(string)) *bench {
	b := &bench{
		cfg: cfg, size: size, url: url, progress: progress,
		client:  clients.New(cfg.Connections),
		direct:  &query.Catalog{Pool: pool, Timeout: queryTimeout},
		queries: makeQueries(cfg.Catalogue, size, queriesOfKind, cfg.Seed),
		ids:     make([]int64, queriesOfKind),
	}
	b.mix = mix(b.queries)
	random := b.random(0)
	for i := range b.ids {
		b.ids[i] = 1 + random.Int64N(int64(size))
	}
	return b
}

// random returns numbers that are not those of the queries.
func (b *bench) random(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(b.cfg.Seed, 1<<32+stream)) //nolint:gosec // G404: repeatable, not secret
}

// measure makes the measurements that have a trickle of writes beside them.
func (b *bench) measure(ctx context.Context, result *Size) error {
	writing := &trickle{
		client: clients.New(writers), url: b.url, catalogue: b.cfg.Catalogue, books: b.size, random: b.random(1),
	}
	defer writing.client.CloseIdleConnections()
	stopWriting := writing.start(ctx)
	defer func() { result.Writes = stopWriting() }()

	const shareOfWarmUp = 5
	b.progress("warming up")
	if _, err := b.run(ctx, b.cfg.Length/shareOfWarmUp, b.search(b.mix)); err != nil {
		return err
	}
	b.progress("measuring " + lookup)
	lookups, err := b.run(ctx, b.cfg.Length/2, b.lookUp)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		queries := b.queries[k.name]
		if len(queries) == 0 {
			continue // there is nothing like it in so small a catalogue
		}
		m, err := b.searches(ctx, k.name, b.search(queries))
		if err != nil {
			return err
		}
		result.Kinds = append(result.Kinds, m)
	}
	if result.Mix, err = b.searches(ctx, theMix, b.search(b.mix)); err != nil {
		return err
	}
	if result.Direct, err = b.searches(ctx, theMixDirect, b.searchDirect); err != nil {
		return err
	}
	b.progress("measuring " + lookup + " again")
	again, err := b.run(ctx, b.cfg.Length/2, b.lookUp)
	if err != nil {
		return err
	}
	result.Lookup = lookups.And(again).Measurement(lookup)
	return nil
}

func (b *bench) searches(ctx context.Context, name string, do func(context.Context, int) error) (clients.Measurement, error) {
	b.progress("measuring " + name)
	seen, err := b.run(ctx, b.cfg.Length, do)
	return seen.Measurement(name), err
}

func (b *bench) run(ctx context.Context, length time.Duration, do func(context.Context, int) error) (clients.Samples, error) {
	return clients.Hammer(ctx, b.cfg.Connections, length, do)
}

func (b *bench) lookUp(ctx context.Context, i int) error {
	return clients.Get(ctx, b.client, b.url+"/api/books/"+strconv.FormatInt(b.ids[i%len(b.ids)], 10))
}

func (b *bench) search(queries []string) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		return clients.Get(ctx, b.client, b.url+"/api/books?q="+url.QueryEscape(queries[i%len(queries)]))
	}
}

func (b *bench) searchDirect(ctx context.Context, i int) error {
	_, err := b.direct.Search(ctx, query.SearchRequest{Query: b.mix[i%len(b.mix)], Limit: pageSize})
	if errors.Is(err, query.ErrTooSlow) {
		return fmt.Errorf("%w: %w", clients.ErrFailed, err) // as one that is answered 503
	}
	return err
}
