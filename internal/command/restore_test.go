package command_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// row is a decision as the database keeps it, but for the event's bytes.
type row struct {
	CommandID, Type, Hash   string
	Partition               int32
	Offset, BookID, Version int64
	Rejection               *string
	Deleted                 bool
	CreatedAt               *time.Time
	DecidedAt               time.Time
	EventPartition          *int32
	EventOffset             *int64
	Pending                 bool
}

func rows(t require.TestingT, pool *pgxpool.Pool) []row {
	found, err := pool.Query(context.Background(), `
		SELECT command_id, command_type, command_hash, partition, command_offset, book_id, version, rejection, deleted,
			created_at, decided_at, event_partition, event_offset, event_value IS NOT NULL OR event_headers IS NOT NULL
		FROM decisions ORDER BY command_id`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
	require.NoError(t, err)
	return all
}

// placed leaves out where rejections lie: one that is there twice is found at
// either place.
func placed(all []row) []row {
	for i := range all {
		if all[i].Rejection != nil {
			all[i].EventOffset = nil
		}
	}
	return all
}

// restore rebuilds the write side of an empty database from a log and the
// commands that are kept.
func restore(pool *pgxpool.Pool, log *eventLog, commands []events.Record) (command.Restored, error) {
	return command.Restore(context.Background(), command.RestoreConfig{
		Pool: pool, Consumer: "commands",
		Events: func(_ context.Context, fn func(events.Record) error) error {
			for i, e := range log.all() {
				if err := fn(events.Record{Offset: int64(i), Key: e.Key, Value: e.Value, Headers: e.Headers}); err != nil {
					return err
				}
			}
			return nil
		},
		Commands: func(_ context.Context, from events.Offsets, fn func(events.Record) error) error {
			for _, r := range commands {
				if int(r.Partition) < len(from) && r.Offset < from[r.Partition] {
					continue
				}
				if err := fn(r); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// goesOn says where deciding goes on.
func goesOn(t require.TestingT, pool *pgxpool.Pool) events.Offsets {
	next, err := projection.Checkpoints(context.Background(), pool, "commands")
	require.NoError(t, err)
	return next
}

func TestTheLogAloneGivesTheWriteSideBack(t *testing.T) {
	t.Parallel()
	before, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(before, log)
	commands := []events.Record{
		in.put(t, 0, "", create(7)), in.put(t, 0, "", update(7)), in.put(t, 2, "", create(5000)), in.put(t, 0, "", update(7, 1)),
		in.put(t, 2, "", update(9)), in.put(t, 0, "", remove(7)), in.put(t, 2, "", update(5000, 1)),
	}
	for _, r := range commands {
		p.handle(t, r)
	}
	log.held = append(log.held, log.held[1:]...) // published again after a crash
	commands = append(commands, in.put(t, 2, "", create(8000)), in.put(t, 2, "", update(5000)))

	after := database(t)
	restored, err := restore(after, log, commands)
	require.NoError(t, err)
	require.Equal(t, command.Restored{Decisions: 7, HighestID: 8000}, restored)
	require.Equal(t, placed(rows(t, before)), placed(rows(t, after)))
	require.Equal(t, events.Offsets{4, 0, 3}, goesOn(t, after), "behind what was decided")
	id, err := command.NewIDs(after, onePartition).Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(8001), id)

	again, err := restore(after, log, commands)
	require.NoError(t, err)
	require.Zero(t, again, "what is there is left alone")

	// A resent command is still known, and a book goes on where it was.
	p = newProcess(after, log)
	resent := commands[1]
	resent.Offset = 4
	p.handle(t, resent)
	p.handle(t, commands[7:]...)
	require.Equal(t, []string{"8000 created 1", "5000 updated 3"}, log.told(t)[13:])
	log.requireHistories(t)
}

func TestNothingIsRestoredFromAnEmptyLog(t *testing.T) {
	t.Parallel()
	pool := database(t)
	restored, err := restore(pool, &eventLog{}, nil)
	require.NoError(t, err)
	require.Zero(t, restored)
	require.Empty(t, goesOn(t, pool))
}

// The database was lost while a batch was being published: events of some of its
// commands are on the log, and of others before them are not. Those were accepted,
// and must still be decided.
func TestRestoreGoesOnAtTheFirstCommandWithoutAnEvent(t *testing.T) {
	t.Parallel()
	log, in := &eventLog{}, &commandLog{}
	p := newProcess(database(t), log)
	commands := []events.Record{in.put(t, 0, "", create(1)), in.put(t, 0, "", create(7)), in.put(t, 0, "", update(7)), in.put(t, 0, "", create(8))}
	p.handle(t, commands[0])
	after, err := p.decide(commands[1:]...)
	require.NoError(t, err)
	log.before = func(batch []events.Encoded) error {
		if len(batch) == 1 { // the second wave: the update of book 7
			return events.ErrLogUnavailable
		}
		return nil
	}
	require.ErrorIs(t, after(t.Context()), events.ErrLogUnavailable)
	require.Len(t, log.all(), 3)
	log.before = nil

	pool := database(t)
	_, err = restore(pool, log, commands)
	require.NoError(t, err)
	require.Equal(t, events.Offsets{2}, goesOn(t, pool))
	p = newProcess(pool, log)
	p.handle(t, commands[2:]...)
	require.Equal(t, "7 updated 2", log.told(t)[3])
	require.Len(t, log.all(), 4)
	log.requireHistories(t)
}

// A command that came twice has one event. It must not hold the position back to
// where the log of commands no longer reaches.
func TestRestoreGoesOnWhereThereAreCommands(t *testing.T) {
	t.Parallel()
	log, in := &eventLog{}, &commandLog{}
	p := newProcess(database(t), log)
	commands := []events.Record{in.put(t, 0, "a", create(1)), in.put(t, 0, "a", create(1)), in.put(t, 0, "", create(2)), in.put(t, 0, "", update(2))}
	p.handle(t, commands...)

	for name, tc := range map[string]struct {
		kept []events.Record
		want int64
	}{
		"all are kept":       {commands, 1},
		"the first are gone": {commands[3:], 3},
		"all are gone":       {nil, 4},
	} {
		pool := database(t)
		_, err := restore(pool, log, tc.kept)
		require.NoError(t, err)
		require.Equal(t, events.Offsets{tc.want}, goesOn(t, pool), name)
	}
}

// A service that was started on an empty log has claimed its partitions at 0.
func TestRestoreBehindAnEmptyStart(t *testing.T) {
	t.Parallel()
	log, in := &eventLog{}, &commandLog{}
	newProcess(database(t), log).handle(t, in.put(t, 1, "", create(7)))
	pool := database(t)
	startEngine(t, pool, "commands", command.NewHandler(pool, log, command.NewOutcomes(pool)), projection.Only(1), nil)
	require.Equal(t, events.Offsets{0, 0, 0}, goesOn(t, pool))
	_, err := restore(pool, log, nil)
	require.NoError(t, err)
	require.Equal(t, events.Offsets{0, 1, 0}, goesOn(t, pool))
}

// own is a record of the command handler's making that this program can't read.
func own(key, kind string) events.Encoded {
	return events.Encoded{Key: []byte(key), Value: []byte(`{}`), Headers: events.Envelope{
		ID: "newer", Type: kind, Source: events.SourceCommands, Time: dayOne,
	}.Headers()}
}

// TestRestoreSkipsWhatIsNobodysDecision: anybody may have put something onto the
// topic. What the write side has not made, it does not need.
func TestRestoreSkipsWhatIsNobodysDecision(t *testing.T) {
	t.Parallel()
	log, in := &eventLog{}, &commandLog{}
	before := database(t)
	p := newProcess(before, log)
	p.handle(t, in.put(t, 0, "", create(7)))
	elsewhere := events.Envelope{ID: "e", Source: "/elsewhere", Time: dayOne}
	uncaused, err := events.EncodeEvent(elsewhere, events.BookCreated{ID: 40, Version: 1, Details: details("theirs"), CreatedAt: dayOne})
	require.NoError(t, err)
	unknown := own("7", "bookstore.book.updated.v9")
	elsewhere.Type = "bookstore.book.updated.v9"
	unknown.Headers = elsewhere.Headers()
	log.held = append(log.held, events.Encoded{Key: []byte("8")}, events.Encoded{}, unknown, uncaused)
	last := in.put(t, 0, "", update(7))
	p.handle(t, last)

	after := database(t)
	restored, err := restore(after, log, []events.Record{last})
	require.NoError(t, err)
	require.Equal(t, events.Position{Offset: 1}, restored.FirstSkipped.Position)
	restored.FirstSkipped = nil
	require.Equal(t, command.Restored{Decisions: 2, HighestID: 40, Skipped: 4}, restored, "the id of a book that read models have is in use")
	require.Equal(t, placed(rows(t, before)), placed(rows(t, after)))
}

// TestRestoreRefusesItsOwnEventsThatItCannotRead: how their books stand is not known
// without them, and guessing would be for ever.
func TestRestoreRefusesItsOwnEventsThatItCannotRead(t *testing.T) {
	t.Parallel()
	damaged := own("7", events.TypeBookUpdated)
	damaged.Value = []byte(`{"id":`)
	misplaced := own("8", events.TypeBookDeleted)
	misplaced.Value = []byte(`{"id":7,"version":2}`)
	uncaused := own("7", events.TypeBookDeleted)
	uncaused.Value = []byte(`{"id":7,"version":2}`)
	for name, record := range map[string]events.Encoded{
		"of a newer program": own("7", "bookstore.book.updated.v9"),
		"damaged":            damaged,
		"misplaced":          misplaced,
		"without a command":  uncaused,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			_, err := restore(pool, &eventLog{held: []events.Encoded{record}}, nil)
			var unreadable *command.UnreadableEventError
			require.ErrorAs(t, err, &unreadable)
			require.Empty(t, rows(t, pool))
		})
	}
}

func TestARestoreThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	log, in := &eventLog{}, &commandLog{}
	newProcess(database(t), log).handle(t, in.put(t, 0, "", create(7)))
	whole := slices.Clone(log.held)
	log.held = append(log.held, own("7", "bookstore.book.updated.v9"))
	pool := database(t)
	_, err := restore(pool, log, nil)
	var unreadable *command.UnreadableEventError
	require.ErrorAs(t, err, &unreadable)
	require.Equal(t, events.Position{Offset: 1}, unreadable.Err.Position)
	require.Empty(t, rows(t, pool))

	log.held = whole
	var group sync.WaitGroup
	restored := make([]command.Restored, 4)
	failures := make([]error, len(restored))
	for i := range restored {
		group.Go(func() { restored[i], failures[i] = restore(pool, log, nil) })
	}
	group.Wait()
	var sum int64
	for i := range restored {
		require.NoError(t, failures[i])
		sum += restored[i].Decisions
	}
	require.Equal(t, int64(1), sum, "one of them does it")
}
