package spool

import "bookstore/internal/events"

// Opens is a spool of opened books as the read side sees it.
type Opens struct{ spool *Spool }

// Opens returns the intake for opened books. A spool takes these or [Searches],
// never both: all that is in it goes to one topic.
func (s *Spool) Opens() Opens { return Opens{spool: s} }

// Append fixes the bytes of the open's record and stores them, see [Spool.Append].
func (l Opens) Append(opened events.BookOpened) error {
	record, err := events.EncodeOpened(opened)
	if err != nil {
		return err
	}
	return l.spool.Append(record)
}
