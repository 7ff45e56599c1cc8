package config

// Secret is a text that must not be shown. Printing, logging or marshalling
// one, alone or inside a Config, shows a mark in its place; string(s) gives the
// text itself where it is used.
type Secret string

const secretMark = "[secret]"

// String returns a mark that tells a set secret from an empty one and nothing
// else.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return secretMark
}

// GoString does for %#v what String does for %v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText does for JSON and slog what String does for fmt.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
