package events

// Step is a step that lifts a type, for tests: no type has one yet.
type Step struct {
	To   string
	Lift func(value []byte) ([]byte, error)
}

// Upcast lifts a value by these steps as a decoder does by those that are in use.
func Upcast(steps map[string]Step, kind string, value []byte) (string, []byte, error) {
	table := map[string]upcaster{}
	for from, step := range steps {
		table[from] = upcaster{to: step.To, lift: step.Lift}
	}
	return upcastWith(table, kind, value)
}

// ScanServedIDs is what [DecodeSearchIDs] tries first; it says whether that will do.
var ScanServedIDs = scanServedIDs

// ReadableTypes are all types that can be decoded, old ones included.
func ReadableTypes() []string {
	types := []string{TypeSearchServed, TypeBookOpened}
	for kind := range currentEvents {
		types = append(types, kind)
	}
	for kind := range currentCommands {
		types = append(types, kind)
	}
	for kind := range upcasters {
		types = append(types, kind)
	}
	return types
}
