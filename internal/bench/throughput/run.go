package throughput

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"

	"bookstore/internal/bench/books"
	"bookstore/internal/events"
)

// Config says what to measure.
type Config struct {
	Catalogue *books.Catalogue
	Mix       books.Mix
	// Events is how many, at least 10: memory is measured at a tenth of them too.
	Events int
	// NaiveEvents is how many the naive way gets on one partition, as all of them
	// would take it half an hour, and three times as many where there are several
	// partitions: at most half of all events. They are from the middle of the
	// history, so that it finds the tables as large as they are on average.
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

	r := newRun(cfg, s)
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
	// The naive way gets the events between the marks: first on one partition, then
	// on several.
	marks [3]int

	finished map[int]finished // by number of events
	report   Report
}

func newRun(cfg Config, s *servers) *run {
	middle, naive := cfg.Events/2, max(1, min(cfg.NaiveEvents, cfg.Events/(2*(1+naiveSpread))))
	r := &run{
		cfg: cfg, servers: s,
		one:      topic{name: s.name + ".one", partitions: 1, events: cfg.Events},
		spread:   topic{name: s.name + ".spread", partitions: cfg.Partitions, events: cfg.Events},
		tenth:    topic{name: s.name + ".tenth", partitions: cfg.Partitions, events: cfg.Events / 10},
		marks:    [3]int{middle, middle + naive, middle + (1+naiveSpread)*naive},
		finished: make(map[int]finished),
		report:   Report{Events: cfg.Events, Partitions: cfg.Partitions, CPUs: runtime.NumCPU()},
	}
	for _, t := range []*topic{&r.one, &r.spread} {
		t.marks = make(map[int]events.Offsets)
		for _, mark := range r.marks {
			t.marks[mark] = nil
		}
	}
	return r
}

// finished are the rows that so many events come to.
type finished struct {
	by   string
	rows Rows
}

func (r *run) measureAll(ctx context.Context) error {
	if err := r.measureNaive(ctx); err != nil {
		return err
	}
	if err := r.measureLive(ctx, LiveOne, LiveLimitOne, r.one); err != nil {
		return err
	}
	if err := r.measureLive(ctx, LiveSpread, LiveLimitSpread, r.spread); err != nil {
		return err
	}
	for _, copying := range []struct {
		name     string
		parallel bool
	}{{CopyOneByOne, false}, {CopyAtOnce, true}} {
		err := r.onTables(ctx, func(generation int64) error {
			_, err := r.measure(ctx, copying.name, Task{
				Way: CopyLimit, Events: r.spread.events, Generation: generation,
				File: r.rowsFile(), Parallel: copying.parallel,
			}, r.spread)
			return err
		})
		if err != nil {
			return err
		}
	}
	return r.onTables(ctx, func(generation int64) error {
		if _, err := r.measure(ctx, LiveTenth, Task{Way: Live, Events: r.tenth.events, Generation: generation}, r.tenth); err != nil {
			return err
		}
		return r.measureRebuild(ctx, RebuildTenth, generation, r.tenth)
	})
}

// measureNaive measures the naive way with events from the middle of the history.
// What comes before and after is done by the live engine, so that in the end the
// rows can be compared with those of all others.
func (r *run) measureNaive(ctx context.Context) error {
	from, between, to := r.marks[0], r.marks[1], r.marks[2]
	return r.onTables(ctx, func(generation int64) error {
		for _, m := range []struct {
			name string
			task Task
			from topic
		}{
			{"", Task{Way: Live, Events: from, To: r.spread.marks[from]}, r.spread},
			{NaiveOne, Task{Way: Naive, Events: between - from, From: r.one.marks[from], To: r.one.marks[between]}, r.one},
			{NaiveSpread, Task{Way: Naive, Events: to - between, From: r.spread.marks[between], To: r.spread.marks[to]}, r.spread},
			{"", Task{Way: Live, Events: r.spread.events - to, From: r.spread.marks[to]}, r.spread},
		} {
			if m.task.Events == 0 {
				continue // nothing is left behind the last mark
			}
			m.task.Generation = generation
			if _, err := r.measure(ctx, m.name, m.task, m.from); err != nil {
				return err
			}
		}
		return r.check(ctx, "naive", r.spread.events, generation)
	})
}

// measureLive measures the live engine, and the limit of what it was seen to do.
func (r *run) measureLive(ctx context.Context, name, limitName string, from topic) error {
	var live Outcome
	err := r.onTables(ctx, func(generation int64) (err error) {
		live, err = r.measure(ctx, name, Task{Way: Live, Events: from.events, Generation: generation}, from)
		if err != nil || name != LiveSpread {
			return err
		}
		if err := copyOut(ctx, r.servers.pool, generation, r.rowsFile()); err != nil {
			return err
		}
		return r.measureRebuild(ctx, RebuildAll, generation, from)
	})
	if err != nil {
		return err
	}
	return r.onTables(ctx, func(generation int64) error {
		_, err := r.measure(ctx, limitName, Task{
			Way: LiveLimit, Events: from.events, Generation: generation,
			Batches: live.Batches, Connections: live.Connections,
		}, from)
		return err
	})
}

// measureRebuild replaces a generation that has all events of a topic.
func (r *run) measureRebuild(ctx context.Context, name string, generation int64, from topic) error {
	outcome, err := r.measure(ctx, name, Task{Way: Rebuild, Events: from.events, Generation: generation}, from)
	if err != nil {
		return err
	}
	return dropTables(ctx, r.servers.pool, outcome.Generation)
}

// rowsFile is where the finished rows of all events are, for who copies them.
func (r *run) rowsFile() string { return filepath.Join(r.servers.dir, "rows") }

// onTables does something with new tables, and drops them.
func (r *run) onTables(ctx context.Context, do func(generation int64) error) error {
	generation, err := createTables(ctx, r.servers.pool)
	if err != nil {
		return err
	}
	if err := do(generation); err != nil {
		return err
	}
	return dropTables(ctx, r.servers.pool, generation)
}

// measure does a task and, where it did all of a topic, checks what it leaves in
// the tables. Without a name it is not for the report.
func (r *run) measure(ctx context.Context, name string, t Task, from topic) (Outcome, error) {
	if name != "" {
		r.cfg.Progress("measuring " + name)
	} else {
		r.cfg.Progress(fmt.Sprintf("preparing: %d events", t.Events))
	}
	t.Database, t.Brokers = r.servers.database, r.servers.kafka.Brokers
	t.Topic, t.Partitions = from.name, from.partitions
	if err := settle(ctx, r.servers.pool); err != nil {
		return Outcome{}, fmt.Errorf("settle before %s: %w", name, err)
	}
	outcome, err := r.cfg.Do(ctx, t)
	if err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", name, err)
	}
	if name != "" {
		r.report.add(name, t, outcome)
	}
	if t.Events != from.events {
		return outcome, nil
	}
	return outcome, r.check(ctx, name, t.Events, max(t.Generation, outcome.Generation))
}

// check compares rows with those of the first way that did as many events.
func (r *run) check(ctx context.Context, name string, n int, generation int64) error {
	rows, err := readRows(ctx, r.servers.pool, generation)
	if err != nil {
		return err
	}
	first, known := r.finished[n]
	if !known {
		r.finished[n] = finished{name, rows}
		return nil
	}
	if rows != first.rows {
		return &RowsError{Way: name, Than: first.by, Have: rows, Want: first.rows}
	}
	return nil
}
