package throughput

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"

	"bookstore/internal/bench/books"
)

// Config says what to measure.
type Config struct {
	Catalogue *books.Catalogue
	Mix       books.Mix
	// Events is how many, at least 10: memory is measured at a tenth of them too.
	Events int
	// NaiveEvents is how many the naive way gets on one partition, as all of them
	// would take it half an hour; where there are several partitions it gets three
	// times as many. Its tables are smaller for that, which is to its advantage.
	NaiveEvents int
	Partitions  int // of the topic that has several; at least 2

	// Brokers and Database are servers to use: addresses, and a connection string
	// with the right to make a schema. Where they are empty the run starts the
	// embedded ones in a directory of its own.
	Brokers  []string
	Database string

	// Do does the tasks; nil: in this process, where peaks of memory mix. See
	// [InProcess].
	Do func(context.Context, Task) (Outcome, error)
	// Progress is told what begins; nil: nobody is.
	Progress func(what string)
	Logger   *slog.Logger // nil: silent
}

// Faults of a [Config].
var (
	ErrFewEvents     = errors.New("too few events: at least 10")
	ErrFewNaive      = errors.New("the naive way needs at least one event")
	ErrFewPartitions = errors.New("too few partitions: at least 2")
)

// complete fills in what may be left out, and reports what may not.
func (c Config) complete() (Config, error) {
	if c.Do == nil {
		c.Do = Do
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var faults []error
	if c.Events < 10 {
		faults = append(faults, ErrFewEvents)
	}
	if c.NaiveEvents < 1 {
		faults = append(faults, ErrFewNaive)
	}
	if c.Partitions < 2 {
		faults = append(faults, ErrFewPartitions)
	}
	return c, errors.Join(faults...)
}

// naiveSpread is how many times as many events the naive way gets where several
// partitions let it do several at once.
const naiveSpread = 3

// Run measures everything. It takes what it needs from the servers and leaves
// nothing behind. It fails with faults of the configuration, with a [*RowsError],
// or with what a measurement failed with.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	cfg, err = cfg.complete()
	if err != nil {
		return Report{}, err
	}
	cfg.Progress("starting the servers")
	s, err := startServers(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, s.close(context.WithoutCancel(ctx))) }()

	r := &run{
		cfg: cfg, servers: s,
		one:      topic{s.name + ".one", 1, cfg.Events},
		spread:   topic{s.name + ".spread", cfg.Partitions, cfg.Events},
		tenth:    topic{s.name + ".tenth", cfg.Partitions, cfg.Events / 10},
		finished: make(map[int]finished),
		report:   Report{Events: cfg.Events, Partitions: cfg.Partitions, CPUs: runtime.NumCPU()},
	}
	if err := s.pool.QueryRow(ctx, `SHOW server_version`).Scan(&r.report.PostgreSQL); err != nil {
		return Report{}, fmt.Errorf("ask for PostgreSQL's version: %w", err)
	}
	cfg.Progress(fmt.Sprintf("writing %d events to a topic of one partition and one of %d", cfg.Events, cfg.Partitions))
	if err := s.fill(ctx, cfg.Catalogue, cfg.Mix, r.one, r.spread, r.tenth); err != nil {
		return Report{}, fmt.Errorf("write events: %w", err)
	}
	if err := r.measureAll(ctx); err != nil {
		return Report{}, err
	}
	r.report.conclude()
	return r.report, nil
}

// run is how far a run has come.
type run struct {
	cfg     Config
	servers *servers

	one, spread, tenth topic

	finished map[int]finished // by number of events
	report   Report
}

// finished are the rows that so many events come to.
type finished struct {
	by   string
	rows Rows
}

func (r *run) measureAll(ctx context.Context) error {
	naive := min(r.cfg.NaiveEvents, r.cfg.Events)
	if _, err := r.measure(ctx, NaiveOne, Task{Way: Naive, Events: naive}, r.one); err != nil {
		return err
	}
	if _, err := r.measure(ctx, NaiveSpread, Task{Way: Naive, Events: min(naiveSpread*naive, r.cfg.Events)}, r.spread); err != nil {
		return err
	}
	for _, pair := range []struct {
		live, limit string
		topic       topic
	}{{LiveOne, LiveLimitOne, r.one}, {LiveSpread, LiveLimitSpread, r.spread}} {
		outcome, err := r.measure(ctx, pair.live, Task{Way: Live, Events: pair.topic.events}, pair.topic)
		if err != nil {
			return err
		}
		limit := Task{Way: LiveLimit, Events: pair.topic.events, Batches: outcome.Batches, Connections: outcome.Connections}
		if _, err := r.measure(ctx, pair.limit, limit, pair.topic); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		name string
		task Task
	}{
		{CopyOneByOne, Task{Way: CopyLimit, Events: r.cfg.Events, File: r.rowsFile()}},
		{CopyAtOnce, Task{Way: CopyLimit, Events: r.cfg.Events, File: r.rowsFile(), Parallel: true}},
	} {
		if _, err := r.measure(ctx, m.name, m.task, r.spread); err != nil {
			return err
		}
	}
	_, err := r.measure(ctx, LiveTenth, Task{Way: Live, Events: r.tenth.events}, r.tenth)
	return err
}

// rowsFile is where the finished rows of all events are, for who copies them.
func (r *run) rowsFile() string { return filepath.Join(r.servers.dir, "rows") }

// measure does a task on tables of its own and checks what it leaves in them.
func (r *run) measure(ctx context.Context, name string, t Task, from topic) (Outcome, error) {
	r.cfg.Progress("measuring " + name)
	pool := r.servers.pool
	var err error
	if t.Generation, err = createTables(ctx, pool); err != nil {
		return Outcome{}, err
	}
	t.Database, t.Brokers = r.servers.database, r.servers.kafka.Brokers
	t.Topic, t.Partitions = from.name, from.partitions
	if err := settle(ctx, pool); err != nil {
		return Outcome{}, fmt.Errorf("settle before %s: %w", name, err)
	}
	outcome, err := r.cfg.Do(ctx, t)
	if err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", name, err)
	}
	r.report.add(name, t, outcome)
	if err := r.check(ctx, name, t); err != nil {
		return Outcome{}, err
	}
	if name == LiveSpread {
		if err := copyOut(ctx, pool, t.Generation, r.rowsFile()); err != nil {
			return Outcome{}, err
		}
	}
	return outcome, dropTables(ctx, pool, t.Generation)
}

// check compares rows with those of the first way that was given as many events.
// The naive way on several partitions is not given the first so many.
func (r *run) check(ctx context.Context, name string, t Task) error {
	if t.Way == Naive && t.Partitions > 1 && t.Events < r.cfg.Events {
		return nil
	}
	rows, err := readRows(ctx, r.servers.pool, t.Generation)
	if err != nil {
		return err
	}
	first, known := r.finished[t.Events]
	if !known {
		r.finished[t.Events] = finished{name, rows}
		return nil
	}
	if rows != first.rows {
		return &RowsError{Way: name, Than: first.by, Have: rows, Want: first.rows}
	}
	return nil
}
