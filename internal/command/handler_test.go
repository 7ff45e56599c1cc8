package command_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

func TestHandlerWritesWhatItDecides(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	first := in.put(t, 3, "", create(7))
	p.handle(t, first)
	p.handle(t, in.put(t, 3, "", update(7, 1)), in.put(t, 3, "", create(8)), in.put(t, 3, "", update(7, 1)),
		in.put(t, 3, "", remove(7, 2)), in.put(t, 3, "", update(7)))
	require.ElementsMatch(t, []string{
		"7 created 1", "7 updated 2", "8 created 1", "7 rejected at 2: version_mismatch",
		"7 deleted 3", "7 rejected at 3: book_not_found",
	}, log.told(t))
	log.requireHistories(t)
	all, unpublished := decisions(t, pool)
	require.Equal(t, 6, all, "rejections are kept as well")
	require.Zero(t, unpublished)

	issued, err := events.DecodeCommand(first)
	require.NoError(t, err)
	event := log.decoded(t)[0]
	require.Equal(t, events.Envelope{
		ID: issued.ID, Type: events.TypeBookCreated, Source: events.SourceCommands, Time: issued.Time, Subject: "7",
		Traceparent: issued.Traceparent, CorrelationID: issued.CorrelationID, Actor: "ada",
		Cause: &events.Cause{CommandID: issued.ID, Hash: events.CommandHash(create(7)), Position: events.Position{Partition: 3, Offset: 0}},
	}, event.Envelope)
}

func TestACommandIsDecidedOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		again events.Command // under the same id
	}{
		"the same":      {update(7)},
		"another":       {remove(7)},
		"a new book":    {create(9)},
		"a known book":  {create(7)},
		"not even good": {events.UpdateBook{ID: 7}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, log, in := database(t), &eventLog{}, &commandLog{}
			p := newProcess(pool, log)
			p.handle(t, in.put(t, 0, "", create(7)))
			// Within a batch, and in later ones, also of another partition.
			p.handle(t, in.put(t, 0, "once", update(7)), in.put(t, 0, "once", tc.again))
			for _, partition := range []int32{0, 1} {
				again := in.put(t, partition, "once", tc.again)
				after, err := p.decide(again)
				if err != nil { // decided without a look, undone, and decided again
					require.True(t, postgres.IsUniqueViolation(err, "decisions_pkey"), "%v", err)
					after, err = p.decide(again)
				}
				require.NoError(t, err)
				require.Nil(t, after, "there is nothing to publish")
			}
			require.Equal(t, []string{"7 created 1", "7 updated 2"}, log.told(t))
		})
	}
}

// A creation is decided without a look. Where that was wrong, the database says
// so, and the second try looks.
func TestACreationOfWhatIsThereIsRejected(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	p.handle(t, in.put(t, 0, "", create(7)), in.put(t, 0, "", remove(7)))
	batch := []events.Record{in.put(t, 0, "", create(8)), in.put(t, 0, "", create(7))}
	_, err := p.decide(batch...)
	require.True(t, postgres.IsUniqueViolation(err, "decisions_one_history"), "%v", err)
	p.handle(t, batch...)
	require.Equal(t, []string{"7 created 1", "7 deleted 2", "8 created 1", "7 rejected at 2: book_exists"}, log.told(t))
	all, unpublished := decisions(t, pool)
	require.Equal(t, 4, all)
	require.Zero(t, unpublished)
}

// Killed between the commit and the publication: the next owner of the partition
// publishes first thing, and the bytes are those of the decision.
func TestTheNextOwnerPublishesWhatWasDecided(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	batch := []events.Record{in.put(t, 0, "", create(7)), in.put(t, 0, "", update(7)), in.put(t, 0, "", update(7, 1)), in.put(t, 0, "", create(8))}

	// What an untroubled process publishes of the same commands.
	want := &eventLog{}
	newProcess(database(t), want).handle(t, batch...)

	_, err := p.decide(batch...)
	require.NoError(t, err)
	require.Empty(t, log.all())
	other := newProcess(pool, log)
	require.NoError(t, other.Resume(t.Context(), []int32{1, 2}))
	require.Empty(t, log.all(), "what lies in other partitions is their owners'")
	require.NoError(t, other.Resume(t.Context(), []int32{0, 1}))
	require.ElementsMatch(t, want.all(), log.all())
	log.requireHistories(t)
	_, unpublished := decisions(t, pool)
	require.Zero(t, unpublished)
	require.NoError(t, other.Resume(t.Context(), []int32{0}))
	require.Len(t, log.all(), 4, "once")
}

// Killed between the publication and the note of it: it is published again, and
// consumers see that it is the same.
func TestWhatWasPublishedAndNotNotedIsPublishedAgain(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	dying, die := context.WithCancel(t.Context())
	log.before = func([]events.Encoded) error {
		die() // after the log has it, nothing more reaches the database
		return nil
	}
	p := newProcess(pool, log)
	after, err := p.decide(in.put(t, 0, "", create(7)))
	require.NoError(t, err)
	require.ErrorIs(t, after(dying), context.Canceled)
	require.Len(t, log.all(), 1)

	require.NoError(t, newProcess(pool, log).Resume(t.Context(), []int32{0}))
	require.Equal(t, []string{"7 created 1", "7 created 1"}, log.told(t))
	log.requireHistories(t)
}

// The log is kept for ever. While only the database is away, the follow-up is
// tried again and again, and must not put the same events there each time.
func TestANoteThatFailsPublishesNothingAgain(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	dying, die := context.WithCancel(t.Context())
	log.before = func([]events.Encoded) error {
		die()
		return nil
	}
	p := newProcess(pool, log)
	after, err := p.decide(in.put(t, 0, "", create(7)), in.put(t, 0, "", update(7)))
	require.NoError(t, err)
	for range 3 {
		require.ErrorIs(t, after(dying), context.Canceled)
	}
	require.NoError(t, after(t.Context()))
	require.Equal(t, []string{"7 created 1", "7 updated 2"}, log.told(t))
	_, unpublished := decisions(t, pool)
	require.Zero(t, unpublished)
}

// Bytes that JSON can't carry would come out of the outbox as others than went
// to the log at first, and no read model could store them.
func TestAnEventIsFitToBeStored(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	strange := func() events.Record {
		in.mu.Lock()
		defer in.mu.Unlock()
		return in.append(t, 0, events.Envelope{
			ID: fmt.Sprintf("strange-%d", in.ends[0]), Source: "elsewhere", Time: dayOne,
			Actor: "ada\xff\x00", CorrelationID: "\xc3", Traceparent: "\x00",
		}, create(in.ends[0]+1))
	}
	p := newProcess(pool, log)
	p.handle(t, strange())
	_, err := p.decide(strange())
	require.NoError(t, err)
	require.NoError(t, p.Resume(t.Context(), []int32{0}))
	published := log.decoded(t)
	require.Len(t, published, 2)
	for _, r := range published {
		require.Equal(t, "ada\uFFFD\uFFFD", r.Actor)
		require.Equal(t, "\uFFFD", r.CorrelationID)
		require.Equal(t, "\uFFFD", r.Traceparent)
	}
}

// Two processes decide for one book at once, which takes a topic whose commands
// don't all lie where their key says. One history comes of it, and the log has it
// without a hole, whoever is slow.
func TestTwoThatDecideForOneBook(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(t *testing.T, slow func(context.Context) error, other *process){
		"the first is slow": func(t *testing.T, slow func(context.Context) error, _ *process) {
			t.Helper()
			require.NoError(t, slow(t.Context()))
		},
		"the first is dead": func(t *testing.T, _ func(context.Context) error, other *process) {
			t.Helper()
			require.NoError(t, other.Resume(t.Context(), []int32{0}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, log, in := database(t), &eventLog{}, &commandLog{}
			one, two := newProcess(pool, log), newProcess(pool, log)
			one.handle(t, in.put(t, 0, "", create(7)))

			mine, yours := in.put(t, 0, "", update(7)), in.put(t, 1, "", update(7))
			writesOne, slow, err := one.Apply(t.Context(), pool, 1, []events.Record{mine})
			require.NoError(t, err)
			writesTwo, _, err := two.Apply(t.Context(), pool, 1, []events.Record{yours})
			require.NoError(t, err)
			require.NoError(t, pool.SendBatch(t.Context(), writesOne).Close())
			err = pool.SendBatch(t.Context(), writesTwo).Close()
			require.True(t, postgres.IsUniqueViolation(err, "decisions_one_history"), "%v", err)

			two.handle(t, yours) // decides again, and publishes before the first does
			two.handle(t, in.put(t, 1, "", update(7)))
			finish(t, slow, two)
			log.requireHistories(t)
			require.Subset(t, log.told(t), []string{"7 created 1", "7 updated 2", "7 updated 3", "7 updated 4"})
			_, unpublished := decisions(t, pool)
			require.Zero(t, unpublished)
		})
	}
}

// The same, found at an assignment: a book's decisions lie in several partitions,
// not in their order, and not all of them are ours.
func TestResumeKeepsTheOrderOfABook(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	for i, c := range []events.Command{create(7), update(7), update(7), update(7), remove(7), update(7)} {
		_, err := p.decide(in.put(t, []int32{2, 1, 3, 0, 1, 0}[i], "", c))
		require.NoError(t, err)
	}
	require.NoError(t, newProcess(pool, log).Resume(t.Context(), []int32{0, 1}))
	log.requireHistories(t)
	require.Contains(t, log.told(t), "7 deleted 5")
	require.NoError(t, newProcess(pool, log).Resume(t.Context(), []int32{2, 3}))
	log.requireHistories(t)
	_, unpublished := decisions(t, pool)
	require.Zero(t, unpublished)
}

// Of one command on two partitions, one is decided.
func TestOneCommandOnTwoPartitions(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	one, two := newProcess(pool, log), newProcess(pool, log)
	one.handle(t, in.put(t, 0, "", create(7)))
	here, there := in.put(t, 0, "same", update(7)), in.put(t, 1, "same", update(7))
	writesOne, after, err := one.Apply(t.Context(), pool, 1, []events.Record{here})
	require.NoError(t, err)
	writesTwo, _, err := two.Apply(t.Context(), pool, 1, []events.Record{there})
	require.NoError(t, err)
	require.NoError(t, pool.SendBatch(t.Context(), writesOne).Close())
	err = pool.SendBatch(t.Context(), writesTwo).Close()
	require.True(t, postgres.IsUniqueViolation(err, "decisions_pkey"), "%v", err)
	two.handle(t, there)
	require.NoError(t, after(t.Context()))
	require.Equal(t, []string{"7 created 1", "7 updated 2"}, log.told(t))
}

// A hot book: hundreds of its updates in one batch, and the log fails in the
// middle. It goes on where it failed.
func TestAHotBook(t *testing.T) {
	t.Parallel()
	const updates = 400
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	var appends atomic.Int32
	log.before = func(batch []events.Encoded) error {
		switch appends.Add(1) {
		case 2, 100, 101:
			return fmt.Errorf("append: %w", events.ErrMaybeWritten)
		}
		return nil
	}
	p := newProcess(pool, log)
	batch := []events.Record{in.put(t, 0, "", create(7)), in.put(t, 0, "", create(8))}
	for range updates {
		batch = append(batch, in.put(t, 0, "", update(7)))
	}
	after, err := p.decide(batch...)
	require.NoError(t, err)
	failures := 0
	for err = after(t.Context()); err != nil; err = after(t.Context()) {
		require.ErrorIs(t, err, events.ErrMaybeWritten)
		failures++
	}
	require.Equal(t, 3, failures)
	log.requireHistories(t)
	require.Len(t, log.all(), updates+2)
	require.Equal(t, fmt.Sprintf("7 updated %d", updates+1), log.told(t)[updates+1])
	_, unpublished := decisions(t, pool)
	require.Zero(t, unpublished)
}

// More lies in the outbox than is held in memory at once.
func TestResumeOfALargeOutbox(t *testing.T) {
	t.Parallel()
	const books = 2500
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	var batch []events.Record
	for id := range int64(books) {
		batch = append(batch, in.put(t, 0, "", create(id+1)))
	}
	_, err := p.decide(batch...)
	require.NoError(t, err)
	log.before = func(batch []events.Encoded) error {
		require.LessOrEqual(t, len(batch), 1000)
		return nil
	}
	require.NoError(t, p.Resume(t.Context(), []int32{0}))
	require.Len(t, log.all(), books)
	log.requireHistories(t)
}

func TestResumeFailsWithTheLog(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	_, err := p.decide(in.put(t, 0, "", create(7)))
	require.NoError(t, err)
	value := outboxBytes(t, pool)[0]
	log.before = func([]events.Encoded) error { return events.ErrLogUnavailable }
	require.ErrorIs(t, p.Resume(t.Context(), []int32{0}), events.ErrLogUnavailable)
	log.before = nil
	require.NoError(t, p.Resume(t.Context(), []int32{0}))
	require.True(t, contains(log.all(), value))
}

func TestACommandThatCantBeReadFailsItsBatch(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	bad := in.put(t, 0, "", create(8))
	bad.Value = bytes.Replace(bad.Value, []byte("{"), []byte("["), 1)
	_, err := p.decide(in.put(t, 0, "", create(7)), bad)
	var decode *events.DecodeError
	require.ErrorAs(t, err, &decode)
	require.Equal(t, bad.Position(), decode.Position)
	all, _ := decisions(t, pool)
	require.Zero(t, all)
}

// Any commands, cut into any batches, by two processes of which each may die
// after any step: the log has what the aggregate says, without a hole.
func TestAnyCrashesLeaveOneHistory(t *testing.T) {
	t.Parallel()
	pool := database(t)
	rapid.Check(t, func(r *rapid.T) {
		_, err := pool.Exec(context.Background(), `TRUNCATE decisions`)
		require.NoError(r, err)
		log, in := &eventLog{}, &commandLog{}
		books := map[int64]command.Book{}
		want := map[string]events.Event{}
		var records []events.Record
		for range rapid.IntRange(1, 25).Draw(r, "commands") {
			id := rapid.Int64Range(1, 3).Draw(r, "book")
			c := rapid.SampledFrom([]events.Command{create(id), create(id), update(id), update(id, 1), update(id, 2), remove(id, 3)}).Draw(r, "command")
			record := in.put(r, 0, "", c)
			if rapid.IntRange(0, 4).Draw(r, "again") == 0 && len(records) > 0 {
				earlier := rapid.SampledFrom(records).Draw(r, "earlier")
				record.Key, record.Value, record.Headers = earlier.Key, earlier.Value, earlier.Headers
			}
			records = append(records, record)
			issued, err := events.DecodeCommand(record)
			require.NoError(r, err)
			if _, decided := want[issued.ID]; !decided {
				book := issued.Command.Book()
				want[issued.ID] = command.Decide(books[book], issued)
				books[book] = command.Evolve(books[book], want[issued.ID])
			}
		}

		failing := 0
		log.before = func([]events.Encoded) error {
			if failing--; failing == 0 {
				return events.ErrMaybeWritten
			}
			return nil
		}
		p := newProcess(pool, log)
		for rest := records; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(r, "batch")
			failing = rapid.IntRange(0, 3).Draw(r, "failing append")
			after, err := p.decide(rest[:n]...)
			if err != nil {
				require.True(r, postgres.IsUniqueViolation(err, "decisions_one_history") || postgres.IsUniqueViolation(err, "decisions_pkey"), "%v", err)
				continue // the engine tries the same again
			}
			dies := rapid.Bool().Draw(r, "dies")
			if after != nil {
				if err := after(context.Background()); err != nil && !dies {
					require.NoError(r, after(context.Background()))
				}
			}
			if dies {
				failing = 0
				p = newProcess(pool, log)
				require.NoError(r, p.Resume(context.Background(), []int32{0}))
				if rapid.Bool().Draw(r, "before the checkpoint") {
					continue // nobody knows that it was decided: it comes again
				}
			}
			rest = rest[n:]
		}
		log.requireHistories(r)
		found := map[string]events.Event{}
		for _, e := range log.decoded(r) {
			found[e.ID] = e.Event
		}
		require.Equal(r, want, found)
	})
}
