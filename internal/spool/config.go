package spool

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults and limits of [Config]. At 3 KB a search, the default bound holds
// 350,000 searches: five minutes at 1,100 a second. An open takes 0.4 KB.
const (
	DefaultMaxBytes     = 1 << 30
	DefaultSegmentBytes = 16 << 20

	// minMaxBytes leaves room for a few pages of results.
	minMaxBytes = 64 << 10
	// maxRecordBytes is far above what brokers take (1 MiB unless configured), and
	// keeps a damaged length from asking for all memory.
	maxRecordBytes = 16 << 20
)

// Config says what a spool holds, where it lives and how large it may grow.
type Config struct {
	// Name says in the plural what is in it, such as "searches": in errors, and as the
	// label spool of the metrics, by which the spools of a process are told apart.
	Name string
	// Dir is created when missing and belongs to one process at a time.
	Dir string
	// MaxBytes is what the segments may take on disk, at least 64 KiB; 0 means
	// DefaultMaxBytes. A single record may take a quarter of it, 16 MiB at most.
	MaxBytes int64
	// SegmentBytes is the size at which a new segment is begun, so the step in which
	// disk space comes back; at most a quarter of MaxBytes. 0 means
	// DefaultSegmentBytes, or a sixteenth of MaxBytes where that is less.
	SegmentBytes int64
	// Logger may be nil: then nothing is logged.
	Logger *slog.Logger
	// Registerer takes the metrics, named bookstore_spool_*, until Close. It may be
	// nil.
	Registerer prometheus.Registerer
}

// complete fills in defaults and checks the rest.
func (c Config) complete() (Config, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = min(DefaultSegmentBytes, c.MaxBytes/16)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}

	var faults []error
	if c.Name == "" {
		faults = append(faults, errors.New("name is not set"))
	}
	if c.Dir == "" {
		faults = append(faults, errors.New("directory is not set"))
	}
	if c.MaxBytes < minMaxBytes {
		faults = append(faults, fmt.Errorf("bound of %d bytes is below %d", c.MaxBytes, minMaxBytes))
	}
	// The segment being written is not deleted even when all of it is published.
	// Were it most of the spool, a full spool could never be emptied enough to go on.
	if c.SegmentBytes < 1 || c.SegmentBytes > c.MaxBytes/4 {
		faults = append(faults, fmt.Errorf("segments of %d bytes are not within 1 and a quarter of the bound of %d bytes",
			c.SegmentBytes, c.MaxBytes))
	}

	return c, errors.Join(faults...)
}

// maxRecord is the largest frame that is taken.
func (c Config) maxRecord() int {
	return int(min(maxRecordBytes, c.MaxBytes/4))
}
