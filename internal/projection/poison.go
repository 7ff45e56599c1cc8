package projection

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection/parked"
)

// A poison record is one that can't be applied, however often it is tried, until
// other code runs: it can't be decoded, it does not continue its book's history,
// the database refuses what it says, or the code panics over it. Everything else
// is taken for a failure of the world that passes, and is never parked: better a
// lane that halts loudly than a read model that leaves out what was sound.

// PanicError is a panic of a [Handler], which is taken for the fault of a record.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recovered makes an error of a panic.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{Value: value, Stack: debug.Stack()}
	}
}

// suspectError says that a batch fails because of one of its records, and not of
// which one.
type suspectError struct {
	generation int64
	err        error
}

func (e *suspectError) Error() string {
	return fmt.Sprintf("a record can't be applied to generation %d: %v", e.generation, e.err)
}

func (e *suspectError) Unwrap() error { return e.err }

// isSuspect says whether err is about what records say, without naming one.
func isSuspect(err error) bool {
	var panicked *PanicError
	return errors.As(err, &panicked) || postgres.IsDataFault(err)
}

// culprits returns the records that err names, each with its fault; none where
// there is another reason as well.
func culprits(err error) map[events.Position]error {
	found := make(map[events.Position]error)
	if !collectCulprits(err, found) {
		return nil
	}
	return found
}

func collectCulprits(err error, found map[events.Position]error) bool {
	if joined, several := err.(interface{ Unwrap() []error }); several {
		for _, part := range joined.Unwrap() {
			if !collectCulprits(part, found) {
				return false
			}
		}
		return true
	}
	var decode *events.DecodeError
	var gap *GapError
	switch {
	case errors.As(err, &decode):
		found[decode.Position] = decode
	case errors.As(err, &gap):
		found[gap.Position] = gap
	default:
		return false
	}
	return true
}

// poison is what is known of the records of a batch, by generation: each that
// can't be applied to it, with the reason.
type poison map[int64]map[events.Position]error

func (p poison) add(generation int64, at events.Position, reason error) {
	if p[generation] == nil {
		p[generation] = make(map[events.Position]error)
	}
	p[generation][at] = reason
}

// addAll notes those of the named that are among records, and says whether there
// are any.
func (p poison) addAll(generation int64, records []events.Record, named map[events.Position]error) bool {
	var some bool
	for _, r := range records {
		if reason := named[r.Position()]; reason != nil {
			p.add(generation, r.Position(), reason)
			some = true
		}
	}
	return some
}

func (p poison) clone() poison {
	c := make(poison, len(p))
	for generation, found := range p {
		c[generation] = maps.Clone(found)
	}
	return c
}

// lineKey names a line within a generation, as package parked has it: by partition
// too, since which partitions share a batch is chance, and a rebuild must park what
// the live consumer parks.
type lineKey struct {
	partition int32
	key       string
	keyless   bool
}

// sort divides the records of a batch for one generation: those to apply, and
// those to park. Of the rest an operator has said to leave them out.
func (f *fed) sort(generation int64, records []events.Record, found poison, independent bool) (apply []events.Record, park []parked.New) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held.Empty() && len(found[generation]) == 0 {
		return records, nil
	}
	behind := make(map[lineKey]events.Position) // the poison of this batch, by the line that it begins
	for _, r := range records {
		reason := found[generation][r.Position()]
		line := lineKey{r.Partition, string(r.Key), r.Key == nil}
		first, follows := behind[line]
		switch {
		case f.held.Discarded(r.Position()):
		case !independent && f.held.Key(generation, r.Partition, r.Key):
			park = append(park, parked.New{Record: r, Error: "held back: an earlier record of the same key is parked"})
		case !independent && follows:
			park = append(park, parked.New{Record: r, Error: "held back: record " + first.String() + " of the same key is parked"})
		case reason != nil:
			park = append(park, parked.New{Record: r, Poison: true, Error: reason.Error()})
			behind[line] = r.Position()
		default:
			apply = append(apply, r)
		}
	}
	return apply, park
}

// hold takes note of what was parked.
func (f *fed) hold(generation int64, records []parked.New) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range records {
		f.held.Add(generation, r.Record.Partition, r.Record.Key)
	}
}
