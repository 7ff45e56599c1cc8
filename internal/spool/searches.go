package spool

import "bookstore/internal/events"

// Searches is a spool of answered searches as the read side sees it.
type Searches struct{ spool *Spool }

// Searches returns the intake for answered searches.
func (s *Spool) Searches() Searches { return Searches{spool: s} }

// Append fixes the bytes of the search's record and stores them, see [Spool.Append].
func (l Searches) Append(search events.SearchServed) error {
	record, err := events.EncodeSearch(search)
	if err != nil {
		return err
	}
	return l.spool.Append(record)
}
