package compare

// Report is what a comparison found.
type Report struct {
	Tables      []Table `json:"tables"`      // in the order of the pairs
	Differences int64   `json:"differences"` // the sum of [Table.Differences]
}

// Equal reports whether the new generation may take the active one's place
// without anybody noticing. What it has in addition (columns, tables) does not
// count; see the package comment.
func (r Report) Equal() bool { return r.Differences == 0 }

// Table is what was found in one pair of tables.
type Table struct {
	Table string `json:"table"` // Pair.Name

	// Counts and checksums are of all rows. The checksums, in hexadecimal, cover
	// the columns that both sides have, and so can be compared with each other,
	// and with an earlier run's only while the columns are the same ones. They
	// are empty where rows were not compared: OnlyIn, KeyChanged.
	ActiveRows     int64  `json:"active_rows"`
	NewRows        int64  `json:"new_rows"`
	ActiveChecksum string `json:"active_checksum"`
	NewChecksum    string `json:"new_checksum"`

	OnlyActive int64 `json:"only_active"` // rows whose key the new side lacks
	OnlyNew    int64 `json:"only_new"`    // rows whose key the active side lacks
	Changed    int64 `json:"changed"`     // rows of both sides with at least one field that differs

	Fields  []Field  `json:"fields"`  // that differ in changed rows, by name; a row counts in each of its fields
	Added   []string `json:"added"`   // columns that only the new side has: no difference
	Removed []string `json:"removed"` // columns that only the active side has
	Retyped []string `json:"retyped"` // columns whose type or collation is another; their text forms are compared

	// OnlyIn is the side that has the table, empty if both do. Rows are then
	// counted and not compared: all of them are OnlyActive, and if the table is
	// new, none is a difference.
	OnlyIn Side `json:"only_in,omitempty"`
	// KeyChanged says that Pair.Key does not identify a row on both sides, with
	// columns of the same types. Rows are then counted and not compared: all are
	// OnlyActive or OnlyNew.
	KeyChanged bool `json:"key_changed,omitempty"`

	// Samples are differing rows, values shortened to 200 runes, by key. A row is
	// kept if it is of a kind, or differs in a field, that fewer than
	// Options.Samples of those before it are or do: a frequent difference does not
	// hide a rare one.
	Samples []Row `json:"samples"`
}

// Differences is the number of rows that differ in any way, plus one for each
// column that is gone or has another type, for a key that changed, and for a
// table that is gone.
func (t Table) Differences() int64 {
	n := t.OnlyActive + t.OnlyNew + t.Changed + int64(len(t.Removed)+len(t.Retyped))
	if t.KeyChanged {
		n++
	}
	if t.OnlyIn == Active {
		n++
	}
	return n
}

// Side is one of the two generations.
type Side string

// The sides.
const (
	Active Side = "active"
	New    Side = "new"
)

// Field is a column and the number of changed rows it differs in.
type Field struct {
	Field string `json:"field"`
	Rows  int64  `json:"rows"`
}

// Kind is how a row differs.
type Kind string

// The kinds of differing rows.
const (
	OnlyActive Kind = "only_active" // its key is not on the new side
	OnlyNew    Kind = "only_new"    // its key is not on the active side
	Changed    Kind = "changed"     // it is on both sides, with another value in at least one field
)

// Row is a row that differs.
type Row struct {
	Table string            `json:"table"` // Pair.Name
	Key   map[string]string `json:"key"`   // the key's columns and values, in text form
	Kind  Kind              `json:"kind"`

	// Fields are, of a changed row, those that differ; of any other, all columns
	// that both tables have, without the key. By name.
	Fields []Difference `json:"fields"`
}

// Difference is a field of a differing row, in text form: timestamps in UTC and
// ISO 8601's order. Nil is NULL; of a row that only one side has, the other
// side's values are nil.
type Difference struct {
	Field  string  `json:"field"`
	Active *string `json:"active"`
	New    *string `json:"new"`
}

// sampleRunes is the length of a sample's values: enough to see what differs in
// a title, not enough for descriptions to bloat the report.
const sampleRunes = 200

// shortened returns a copy for the samples.
func (r Row) shortened() Row {
	fields := make([]Difference, len(r.Fields))
	for i, f := range r.Fields {
		fields[i] = Difference{Field: f.Field, Active: shorten(f.Active), New: shorten(f.New)}
	}
	r.Fields = fields
	return r
}

func shorten(value *string) *string {
	if value == nil {
		return nil
	}
	runes := 0
	for end := range *value {
		if runes == sampleRunes {
			return new((*value)[:end] + "…")
		}
		runes++
	}
	return value
}
