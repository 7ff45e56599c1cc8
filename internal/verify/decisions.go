package verify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// facts are what a decision and its event both say.
type facts struct {
	book, version int64 // the version after it
	rejection     string
	commandHash   string
	command       events.Position // where the command lies
}

func (f facts) values() []value {
	outcome := f.rejection
	if outcome == "" {
		outcome = "accepted"
	}
	return []value{
		{"book", number(f.book)},
		{"version", number(f.version)},
		{"outcome", outcome},
		{"command_hash", f.commandHash},
		{"command position", f.command.String()},
	}
}

// decision is what is kept of a row of decisions.
type decision struct {
	facts     digest
	event     events.Position // where the event is said to lie
	published bool
	seen      bool // its event is in the log
	placed    bool // and lies where it is said to
}

// decisionRow is a row of decisions.
type decisionRow struct {
	commandID string
	facts
	event     events.Position
	published bool
}

func commandKey(commandID string) digest { return digestOf(commandID) }

func (v *verification) loadDecisions(ctx context.Context, tx pgx.Tx) error {
	return eachDecision(ctx, tx, func(row decisionRow) {
		v.report.Decisions++
		if !row.published {
			v.report.Unpublished++
		}
		v.decisions[commandKey(row.commandID)] = decision{
			facts: digestOfValues(row.values()), event: row.event, published: row.published,
		}
	})
}

// matchDecision looks for the decision behind an event, and says whether this is
// its command's first event.
func (v *verification) matchDecision(recorded events.Recorded) (first bool) {
	said := factsOf(recorded)
	complain := func(log, model string) {
		v.differs(Difference{Where: InDecisions, Book: said.book, Version: said.version, Field: "decision", Log: log, Model: model})
	}
	if recorded.Cause == nil {
		complain(describe(recorded)+" names no command", absent)
		return true
	}
	key := commandKey(recorded.Cause.CommandID)
	d, decided := v.decisions[key]
	position := recorded.Position
	if !decided {
		if position.Offset < nextOffset(v.beforeSnapshot, position.Partition) {
			complain(describe(recorded)+" of command "+recorded.Cause.CommandID, absent)
		}
		// Also one that was decided after the snapshot; noted, so that it is new once.
		v.decisions[key] = decision{facts: digestOfValues(said.values()), seen: true}
		return true
	}
	first = !d.seen
	if d.facts != digestOfValues(said.values()) {
		v.disputed[recorded.Cause.CommandID] = said
	}
	d.seen = true
	d.placed = d.placed || d.event == position
	v.decisions[key] = d
	return first
}

func factsOf(recorded events.Recorded) facts {
	f := facts{book: recorded.Event.Book()}
	switch e := recorded.Event.(type) {
	case events.BookEvent:
		f.version = e.BookVersion()
	case events.CommandRejected:
		f.version, f.rejection = e.CurrentVersion, string(e.Code)
	}
	if recorded.Cause != nil {
		f.commandHash, f.command = recorded.Cause.Hash, recorded.Cause.Position
	}
	return f
}

// compareDecisions reports the decisions whose event is not in the log, or not
// where they say, or says something else.
func (v *verification) compareDecisions(ctx context.Context, tx pgx.Tx) error {
	wrong := len(v.disputed) > 0
	for _, d := range v.decisions {
		wrong = wrong || d.published && !d.placed
	}
	if !wrong {
		return nil
	}
	return eachDecision(ctx, tx, func(row decisionRow) {
		complain := func(field, log, model string) {
			v.differs(Difference{Where: InDecisions, Book: row.book, Version: row.version, Field: field, Log: log, Model: model})
		}
		d := v.decisions[commandKey(row.commandID)]
		switch {
		case row.published && v.unread.records[row.event]: // it may well be its event
		case row.published && !d.seen:
			complain("event", absent, fmt.Sprintf("published at %s, of command %s", row.event, row.commandID))
		case row.published && !d.placed:
			complain("event position", "elsewhere", fmt.Sprintf("%s, of command %s", row.event, row.commandID))
		}
		if said, disputed := v.disputed[row.commandID]; disputed {
			compareValues(said.values(), row.values(), complain)
		}
	})
}

// compareValues calls differs with each field that is not the same. Fields that
// one side does not have are absent there.
func compareValues(log, model []value, differs func(field, log, model string)) {
	inModel := make(map[string]string, len(model))
	for _, m := range model {
		inModel[m.field] = m.text
	}
	for _, l := range log {
		m, there := inModel[l.field]
		if !there {
			m = absent
		}
		if l.text != m {
			differs(l.field, l.text, m)
		}
		delete(inModel, l.field)
	}
	for _, m := range model {
		if text, left := inModel[m.field]; left {
			differs(m.field, absent, text)
		}
	}
}

// eachDecision calls fn with the rows of decisions.
func eachDecision(ctx context.Context, tx pgx.Tx, fn func(decisionRow)) error {
	rows, err := tx.Query(ctx, `
		SELECT command_id, book_id, version, coalesce(rejection, ''), command_hash, partition, command_offset,
			event_offset IS NOT NULL, coalesce(event_partition, -1), coalesce(event_offset, -1)
		FROM decisions`)
	if err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	var d decisionRow
	into := []any{
		&d.commandID, &d.book, &d.version, &d.rejection, &d.commandHash, &d.command.Partition, &d.command.Offset,
		&d.published, &d.event.Partition, &d.event.Offset,
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		fn(d)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	return nil
}
