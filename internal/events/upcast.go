package events

// upcaster lifts the JSON of one schema version to the next.
type upcaster struct {
	to   string
	lift func(value []byte) ([]byte, error)
}

// upcasters maps a type that is no longer written to the step that lifts it.
// Steps chain: v1 is lifted to v2, v2 to v3. When a schema changes, the new
// version is added to the types, a golden file of it to testdata, and the step
// from the old one here; nothing else in the system sees old versions.
//
// Every type is at its first version, so the table is empty.
var upcasters = map[string]upcaster{}

// upcast lifts value until its type has no further step.
func upcast(kind string, value []byte) (string, []byte, error) {
	return upcastWith(upcasters, kind, value)
}

func upcastWith(steps map[string]upcaster, kind string, value []byte) (string, []byte, error) {
	for {
		step, old := steps[kind]
		if !old {
			return kind, value, nil
		}
		lifted, err := step.lift(value)
		if err != nil {
			return kind, nil, err
		}
		kind, value = step.to, lifted
	}
}
