package config

import (
	"fmt"
	"strings"
)

// Faults is the error of a configuration that can't be used. It holds every
// mistake that was found: first what can't be read or isn't a setting, then bad
// values in the order of config.yml, then values that are at odds.
type Faults struct {
	List []Fault
}

// Fault is one mistake.
type Fault struct {
	Source  string // the file's path, the variable's name, or empty when several settings are at odds
	Key     string // the key as config.yml has it, or empty when the source as a whole is at fault
	Value   string // the value as it was given; never that of a secret or of an unknown key
	Problem string // what is wrong
	Hint    string // what would be right; may be empty
}

// Error lists the faults, one per line.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, fault := range f.List {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// String is the fault on one line, such as
//
//	BOOKSTORE_APP_PORT: app.port "http" is not a whole number; give 0 to 65535
func (f Fault) String() string {
	var line strings.Builder
	if f.Source != "" {
		line.WriteString(f.Source + ": ")
	}
	if f.Key != "" {
		line.WriteString(f.Key + " ")
	}
	if f.Value != "" {
		fmt.Fprintf(&line, "%q ", f.Value)
	}
	line.WriteString(f.Problem)
	if f.Hint != "" {
		line.WriteString("; " + f.Hint)
	}
	return line.String()
}
