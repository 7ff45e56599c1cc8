package throughput

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/postgres"
	"bookstore/internal/telemetry"
)

// Way is one of the ways to get events into a read model.
type Way string

// The ways that are measured.
const (
	Naive     Way = "naive"
	Live      Way = "live"
	LiveLimit Way = "live limit"
	Rebuild   Way = "rebuild"
	CopyLimit Way = "copy limit"
)

// Task is one measurement. It can be done in another process ([Do]): it says all
// that there is to know.
type Task struct {
	Way        Way      `json:"way"`
	Database   string   `json:"database"` // connection string; the schema is in its search_path
	Brokers    []string `json:"brokers"`
	Topic      string   `json:"topic"`
	Partitions int      `json:"partitions"`
	Generation int64    `json:"generation"` // whose tables are written; by a rebuild: replaced
	// Events is how many there are in the stretch of the topic that is done: From
	// these offsets to before those; nil: from the beginning, and to the end.
	Events int            `json:"events"`
	From   events.Offsets `json:"from,omitempty"`
	To     events.Offsets `json:"to,omitempty"`
	// Batches and Connections are what the live engine was seen to use, for its limit.
	Batches     []int `json:"batches,omitempty"`
	Connections int   `json:"connections,omitempty"`
	// File has the finished rows, for the limit of a rebuild.
	File string `json:"file,omitempty"`
	// Parallel makes the indexes of the limit of a rebuild at once.
	Parallel bool `json:"parallel,omitempty"`
}

// Outcome is what a measurement found.
type Outcome struct {
	Events  int     `json:"events"`
	Seconds float64 `json:"seconds"` // from the first event's arrival to the last commit
	// Steps are parts of Seconds, where parts are known.
	Steps []Step `json:"steps,omitempty"`
	Memory
	Batches     []int `json:"batches,omitempty"`     // of the live engine, in the order of their commits
	Connections int   `json:"connections,omitempty"` // of the live engine, busy at once
	Generation  int64 `json:"generation,omitempty"`  // that a rebuild has made
}

// Step is a part of a measurement.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Rate is in events a second.
func (o Outcome) Rate() float64 {
	if o.Seconds == 0 {
		return 0
	}
	return float64(o.Events) / o.Seconds
}

// Do does a measurement in this process.
func Do(ctx context.Context, t Task) (Outcome, error) {
	w := &worker{
		Task:  t,
		kafka: messaging.Config{Brokers: t.Brokers, ClientID: "bookstore-bench"},
		// A measurement that can't get on says so there, and nothing else does.
		log: telemetry.NewLogger(os.Stderr, slog.LevelWarn, ""),
	}
	var err error
	// As many as the service has, and one for each message that the naive way may
	// have on its way.
	conns := int32(max(4*runtime.GOMAXPROCS(0)+4, t.Partitions))
	w.pool, err = postgres.Open(ctx, t.Database, postgres.Options{ApplicationName: "bookstore bench", MaxConns: conns})
	if err != nil {
		return Outcome{}, err
	}
	defer w.pool.Close()
	ways := map[Way]func(context.Context) (Outcome, error){
		Naive: w.naive, Live: w.live, LiveLimit: w.liveLimit, Rebuild: w.rebuild, CopyLimit: w.copyLimit,
	}
	do, known := ways[t.Way]
	if !known {
		return Outcome{}, fmt.Errorf("there is no way %q", t.Way)
	}
	if w.To == nil {
		if w.To, err = w.end(ctx); err != nil {
			return Outcome{}, err
		}
	}
	memory := watchMemory()
	outcome, err := do(ctx)
	outcome.Memory = memory.stop()
	if err != nil {
		return Outcome{}, fmt.Errorf("measure %s: %w", t.Way, err)
	}
	return outcome, nil
}

// worker does one task.
type worker struct {
	Task
	pool  *pgxpool.Pool
	kafka messaging.Config
	log   *slog.Logger
}

// end is where the topic ends.
func (w *worker) end(ctx context.Context) (events.Offsets, error) {
	broker, err := messaging.NewBroker(w.kafka)
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	_, end, err := broker.Watermarks(ctx, w.Topic)
	return end, err
}

// stretch is what is still to come of the partitions of a task.
type stretch map[int32]int64 // to before which offset

func (t Task) stretch() stretch {
	left := make(stretch)
	for partition, to := range t.To {
		if partition >= len(t.From) && to > 0 || partition < len(t.From) && to > t.From[partition] {
			left[int32(partition)] = to
		}
	}
	return left
}

// reached takes note of a partition's next offset, and says whether that was the
// last thing to come.
func (s stretch) reached(partition int32, next int64) bool {
	if to, left := s[partition]; !left || next < to {
		return false
	}
	delete(s, partition)
	return len(s) == 0
}
