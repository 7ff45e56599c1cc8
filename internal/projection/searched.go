package projection

import (
	"cmp"
	"errors"
	"time"

	"github.com/google/uuid"

	"bookstore/internal/events"
	"bookstore/internal/searchkey"
)

// searched is a search as the projections of searches count it.
type searched struct {
	query  uuid.UUID
	typed  string
	reader uuid.UUID
	page   page
	first  bool // it was answered with its first page
}

// eachSearch calls fold with those of the records that searched for something. It
// fails with the [*events.DecodeError] of each that can't be read, or that fold
// refuses, joined.
func eachSearch(records []events.Record, fold func(events.Record, searched) error) error {
	// Queries are far fewer than searches, and to fold one costs more than to look it up.
	type key struct {
		query     uuid.UUID
		something bool
	}
	keys := make(map[string]key)
	var faults []error
	for _, r := range records {
		search, books, err := events.DecodeSearchIDs(r)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		k, known := keys[search.Query]
		if !known {
			k.query, k.something = searchkey.Query(search.Query)
			keys[search.Query] = k
		}
		if !k.something {
			continue
		}
		err = fold(r, searched{
			query: k.query, typed: search.Query, reader: searchkey.Reader(search.UserID),
			page: page{search.At, r.Partition, r.Offset, books}, first: search.Offset == 0,
		})
		if err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// page is what was served, and when: of two searches at the same time, the one that
// lies behind the other in the log is the newer one, by partition and offset. It is
// an order of all searches that no batch, owner or rebuild changes.
type page struct {
	at        time.Time
	partition int32
	offset    int64
	books     []int64
}

func (p page) newerThan(other page) bool {
	return cmp.Or(p.at.Compare(other.at), cmp.Compare(p.partition, other.partition), cmp.Compare(p.offset, other.offset)) > 0
}
