package verify

import (
	"errors"

	"bookstore/internal/events"
)

// Where a difference lies.
const (
	InLog       = "log"
	InCatalog   = "catalog"
	InHistory   = "history"
	InDecisions = "decisions"
)

// Difference is one thing on which the log and the database, or the log and
// itself, don't agree.
type Difference struct {
	Where   string `json:"where"`             // one of the In constants
	Book    int64  `json:"book,omitempty"`    // 0 where it is not about a book
	Version int64  `json:"version,omitempty"` // of the book; 0 where it is not about one version
	Field   string `json:"field"`             // what differs
	Log     string `json:"log"`               // what the log says of it
	Model   string `json:"model"`             // what PostgreSQL says of it; "" for a difference within the log
}

// FieldParked is the Field of a [Difference] that is none, strictly: later events
// of the book could not be applied, and the read model says so itself. As it was
// before them the book is compared as any other.
const FieldParked = "parked"

// absent is what a side says of something that it does not have.
const absent = "(absent)"

// ReadModel is what was compared of one projection.
type ReadModel struct {
	Generation int64          `json:"generation"`
	Position   events.Offsets `json:"position"` // next offset by partition, in the snapshot
	Behind     int64          `json:"behind"`   // events that were in the log and not yet applied
	Expected   int64          `json:"expected"` // rows that the log gives at that position
	Found      int64          `json:"found"`    // rows there are
}

// Report counts what was compared.
type Report struct {
	Events      int64     `json:"events"`     // records read, with duplicates
	Duplicates  int64     `json:"duplicates"` // records that repeat an earlier one
	Rejections  int64     `json:"rejections"` // records of commands that changed nothing
	Catalog     ReadModel `json:"catalog"`    // in books
	History     ReadModel `json:"history"`    // in entries
	Decisions   int64     `json:"decisions"`  // of the write side, all
	Unpublished int64     `json:"unpublished"`
	Parked      Parked    `json:"parked"`
	Discarded   int64     `json:"discarded"`   // records that can't be read and that operators have given up
	Differences int64     `json:"differences"` // without what is parked
}

// Parked counts what the read models could not apply, in both together: a book or
// event that is parked in both is one.
type Parked struct {
	Books  int64 `json:"books"` // or other keys
	Events int64 `json:"events"`
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
