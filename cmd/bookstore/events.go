package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

// eventsFlags are those of the command.
type eventsFlags struct {
	topic     string
	follow    bool
	from      string
	partition int32
	json      bool
	book      int64
}

func newEventsCommand(p *program) *cobra.Command {
	var f eventsFlags
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print the log, and follow it",
		Long: `Print the records of a topic, one a line: time, partition.offset, type, book,
version, title, and who asked for it; or as JSON lines with key, headers and value
as they lie in the log. What a terminal would not take for text is escaped.

Records are in order within a partition, and so for each book, but not between
partitions. Without --follow it prints what is there at its start and ends.`,
		Example: `  bookstore events
  bookstore events --follow --from end
  bookstore events --book 17
  bookstore events --topic searches --json | jq .key
  bookstore events --topic opens --book 17
  bookstore events --partition 3 --from 1200`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			cfg, err := p.config()
			if err != nil {
				return err
			}
			kafka, err := openLog(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return p.printLog(cmd.Context(), topicLog{kafka, f.topicOf(topicsOf(cfg))}, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.topic, "topic", "events", "events, commands, searches or opens")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	flags.StringVar(&f.from, "from", "beginning", "beginning, end, or an offset (with --partition)")
	flags.Int32Var(&f.partition, "partition", -1, "this partition only")
	flags.BoolVar(&f.json, "json", false, "print JSON lines")
	flags.Int64Var(&f.book, "book", 0, "the events, commands or opens of this book only")
	return cmd
}

func (f eventsFlags) check(cmd *cobra.Command) error {
	_, isOffset := f.offset()
	switch {
	case f.topicOf(events.DefaultTopics()) == "":
		return usage(cmd, "there is no topic %q: give events, commands, searches or opens", f.topic)
	case f.from != "beginning" && f.from != "end" && !isOffset:
		return usage(cmd, "--from is %q: give beginning, end, or an offset", f.from)
	case isOffset && f.partition < 0:
		return usage(cmd, "--from %s is an offset in a partition: say which by --partition", f.from)
	case cmd.Flags().Changed("partition") && f.partition < 0:
		return usage(cmd, "--partition is %d: partitions are counted from 0", f.partition)
	case cmd.Flags().Changed("book") && (f.book < 1 || f.topic == "searches"):
		return usage(cmd, "--book takes the id of a book: events, commands and opens belong to one; searches belong to none")
	}
	return nil
}

// topicOf returns the topic's name, "" where there is no such topic.
func (f eventsFlags) topicOf(topics events.Topics) string {
	switch f.topic {
	case "events":
		return topics.Events
	case "commands":
		return topics.Commands
	case "searches":
		return topics.Searches
	case "opens":
		return topics.Opens
	}
	return ""
}

func (f eventsFlags) offset() (int64, bool) {
	n, err := strconv.ParseInt(f.from, 10, 64)
	return n, err == nil && n >= 0
}

func (p *program) printLog(ctx context.Context, log topicLog, f eventsFlags) error {
	oldest, newest, err := log.Watermarks(ctx)
	if err != nil {
		return err
	}
	if int(f.partition) >= len(newest) {
		return fmt.Errorf("topic %s has no partition %d: its %d are counted from 0", log.topic, f.partition, len(newest))
	}
	from, to := f.span(oldest, newest)
	write := writeLine
	if f.json {
		write = writeJSON
	}
	out := bufio.NewWriter(p.stdout)
	err = messaging.ReadLog(ctx, log.kafka, log.topic, from, to, func(r events.Record) error {
		if f.partition >= 0 && r.Partition != f.partition || f.book != 0 && !isOf(r, f.book) {
			return nil
		}
		write(out, r)
		if f.follow {
			return out.Flush() // somebody watches
		}
		return nil
	})
	var lost *messaging.LostLogError
	if _, isOffset := f.offset(); isOffset && errors.As(err, &lost) {
		return fmt.Errorf("partition %d of topic %s has the offsets %d to %d", f.partition, log.topic, oldest[f.partition], newest[f.partition])
	}
	return errors.Join(err, out.Flush())
}

// isOf tells by the key whether a record is of a book: it is the book's id, and in opens
// ":" and the user may follow.
func isOf(r events.Record, book int64) bool {
	id, _, _ := bytes.Cut(r.Key, []byte(":"))
	return bytes.Equal(id, events.BookKey(book))
}

// span returns what to read; to is nil to follow.
func (f eventsFlags) span(oldest, newest events.Offsets) (from, to events.Offsets) {
	from = oldest
	if f.from == "end" {
		from = newest
	}
	if offset, ok := f.offset(); ok {
		from = append(events.Offsets(nil), newest...) // nothing of the others but what comes
		from[f.partition] = offset
	}
	if f.follow {
		return from, nil
	}
	to = append(events.Offsets(nil), newest...)
	for partition := range to {
		if f.partition >= 0 && partition != int(f.partition) {
			to[partition] = 0
		}
	}
	return from, to
}
