package verify

import (
	"errors"

	"bookstore/internal/events"
)

// Where a difference lies: in a topic, in a read model, or on the write side.
const (
	InLog       = "log" // the events topic
	InSearches  = "searches"
	InOpens     = "opens"
	InCatalog   = "catalog"
	InHistory   = "history"
	InServed    = "served"
	InOpened    = "opened"
	InTrends    = "trends"
	InInterests = "interests"
	InDecisions = "decisions"
)

// topicOf says which topic a read model is made of.
func topicOf(model string) string {
	switch model {
	case InServed, InTrends, InInterests:
		return InSearches
	case InOpened:
		return InOpens
	default:
		return InLog
	}
}

// Difference is one thing on which the log and the database, or the log and
// itself, don't agree.
type Difference struct {
	Where   string `json:"where"`             // one of the In constants
	Book    int64  `json:"book,omitempty"`    // 0 where it is not about a book
	Version int64  `json:"version,omitempty"` // of the book; 0 where it is not about one version
	Query   string `json:"query,omitempty"`   // its key, as package searchkey makes it; "" where it is not about one
	Reader  string `json:"reader,omitempty"`  // the same of a reader
	Slot    string `json:"slot,omitempty"`    // when the slot of a query begins, RFC 3339
	Form    string `json:"form,omitempty"`    // as a query was typed
	Field   string `json:"field"`             // what differs
	Log     string `json:"log"`               // what the log says of it
	Model   string `json:"model"`             // what PostgreSQL says of it; "" for a difference within the log
}

// FieldParked is the Field of a [Difference] that is none, strictly: later events
// of the book, or a search, or the opening of a book, could not be applied, and the
// read model says so itself. As it is without them it is compared as any other.
const FieldParked = "parked"

// absent is what a side says of something that it does not have.
const absent = "(absent)"

// ReadModel is what was compared of one projection.
type ReadModel struct {
	Generation int64          `json:"generation"`
	Position   events.Offsets `json:"position"` // next offset by partition, in the snapshot
	Behind     int64          `json:"behind"`   // records that were in the topic and not yet applied
	Expected   int64          `json:"expected"` // rows that the log gives at that position
	Found      int64          `json:"found"`    // rows there are

	// Differences are those of this read model, of the ones in the report.
	Differences int64 `json:"differences"`

	// NotCompared says why the rows were not compared, "" where they were: what was
	// searched and opened may be deleted from the topics after a while, and what was
	// counted of it stays. That is no difference.
	NotCompared string `json:"not_compared,omitempty"`
}

// Report counts what was compared.
type Report struct {
	Events      int64     `json:"events"`     // records read, with duplicates
	Duplicates  int64     `json:"duplicates"` // records that repeat an earlier one
	Rejections  int64     `json:"rejections"` // records of commands that changed nothing
	Searches    int64     `json:"searches"`   // records read of that topic
	Opens       int64     `json:"opens"`      // records read of that topic
	Catalog     ReadModel `json:"catalog"`    // in books
	History     ReadModel `json:"history"`    // in entries
	Served      ReadModel `json:"served"`     // in books
	Opened      ReadModel `json:"opened"`     // in books
	Trends      ReadModel `json:"trends"`     // in rows of its four tables
	Interests   ReadModel `json:"interests"`  // in readers' queries
	Decisions   int64     `json:"decisions"`  // of the write side, all
	Unpublished int64     `json:"unpublished"`
	Parked      Parked    `json:"parked"`
	Discarded   int64     `json:"discarded"`   // records that operators have given up, of events those that can't be read
	Differences int64     `json:"differences"` // without what is parked
}

// models are the read models by name.
func (r *Report) models() map[string]*ReadModel {
	return map[string]*ReadModel{
		InCatalog: &r.Catalog, InHistory: &r.History, InServed: &r.Served,
		InOpened: &r.Opened, InTrends: &r.Trends, InInterests: &r.Interests,
	}
}

// Parked counts what the read models could not apply, in all of them together: a
// book or record that is parked in two is one.
type Parked struct {
	Books    int64 `json:"books"` // or other keys
	Events   int64 `json:"events"`
	Searches int64 `json:"searches"`
	Opens    int64 `json:"opens"`
}

// Equal says whether the database holds what the log says: it does not while
// anything is parked.
func (r Report) Equal() bool { return r.Differences == 0 && r.Parked == Parked{} }

// Why nothing could be compared. Both pass.
var (
	// ErrNoReadModel: no projection was ever installed in this database.
	ErrNoReadModel = errors.New("the database has no read model yet: the service makes it when it first starts")
	// ErrSwitched: another generation became active in the middle of it.
	ErrSwitched = errors.New("the read model was switched to another generation in the meantime: run it again")
)
