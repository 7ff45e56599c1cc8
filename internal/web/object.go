package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"bookstore/internal/nearest"
)

// decodeObject reads one JSON object into the struct that v points to. The
// struct is flat: nested values are left to encoding/json, which is laxer.
func decodeObject(body []byte, v any) error {
	if err := checkSyntax(body); err != nil {
		return err
	}
	if trimmed := bytes.TrimSpace(body); trimmed[0] != '{' {
		return BadRequest("The body must be a JSON object, not " + describe(trimmed) + ".")
	}
	target := reflect.ValueOf(v).Elem()
	fields := membersOf(target.Type())
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)

	var faults []FieldError
	seen := make(map[string]bool, len(fields))
	for name, value := range members(body) {
		field, known := fields[name]
		switch {
		case !known:
			faults = append(faults, FieldError{printable(name), unknownMember(name, names)})
		case seen[name]:
			faults = append(faults, FieldError{name, "is there more than once"})
		default:
			if fault := decodeMember(value, target.FieldByIndex(field.Index)); fault != "" {
				faults = append(faults, FieldError{name, fault})
			}
		}
		seen[name] = true
	}
	if len(faults) > 0 {
		return Unprocessable(faults...)
	}
	return nil
}

func checkSyntax(body []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(body, &raw)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return BadRequest("The body is not JSON.")
	}
	// Offset counts the offending byte, if there is one.
	at := int(syntax.Offset) - 1
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		at = len(body)
	}
	return BadRequest(fmt.Sprintf("The body is not JSON: %s at %s.", syntax, place(body, at)))
}

// members yields the members of an object that is known to be well formed.
func members(object []byte) func(yield func(name string, value json.RawMessage) bool) {
	return func(yield func(string, json.RawMessage) bool) {
		dec := json.NewDecoder(bytes.NewReader(object))
		_, _ = dec.Token() // the opening brace
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return
			}
			var value json.RawMessage
			if err := dec.Decode(&value); err != nil {
				return
			}
			if !yield(name.(string), value) {
				return
			}
		}
	}
}

// membersOf finds the fields that JSON may set, by their exact names.
func membersOf(t reflect.Type) map[string]reflect.StructField {
	found := make(map[string]reflect.StructField)
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && name != "" && name != "-" {
			found[name] = field
		}
	}
	return found
}

func unknownMember(name string, known []string) string {
	message := "is not a member of this object"
	if meant := nearest.Name(name, known); meant != "" {
		message += "; did you mean " + meant + "?"
	}
	return message
}

// decodeMember sets field and returns what is wrong with value, or "".
func decodeMember(value json.RawMessage, field reflect.Value) string {
	if fault := escapeFault(value); fault != "" {
		return fault
	}
	if value[0] == 'n' && field.Kind() != reflect.Pointer {
		// encoding/json would leave the field as it is and call that success.
		return "must be " + expected(field.Type()) + ", not null"
	}
	if err := json.Unmarshal(value, field.Addr().Interface()); err != nil {
		return "must be " + expected(field.Type()) + ", not " + describe(value)
	}
	return ""
}

// escapeFault finds the two escapes that are well-formed JSON and no text: NUL,
// which PostgreSQL cannot keep, and half a surrogate pair, which encoding/json
// replaces without a word.
func escapeFault(value []byte) string {
	for i := 0; i < len(value)-1; i++ {
		if value[i] != '\\' {
			continue
		}
		i++
		if value[i] != 'u' {
			continue
		}
		switch unit := codeUnit(value[i+1:]); {
		case unit == 0:
			return "must not contain NUL (\\u0000)"
		case 0xDC00 <= unit && unit <= 0xDFFF:
			return "contains half a character (a lone surrogate)"
		case 0xD800 <= unit && unit <= 0xDBFF:
			rest := value[i+5:]
			if !bytes.HasPrefix(rest, []byte(`\u`)) {
				return "contains half a character (a lone surrogate)"
			}
			if low := codeUnit(rest[2:]); low < 0xDC00 || low > 0xDFFF {
				return "contains half a character (a lone surrogate)"
			}
			i += 6
		}
		i += 4
	}
	return ""
}

// codeUnit reads the four hex digits of an escape whose syntax is known to be right.
func codeUnit(digits []byte) uint64 {
	unit, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return unit
}

// expected names the JSON that a Go type is read from.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return expected(t.Elem()) + " or null"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number that is not negative"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	default:
		return "an object"
	}
}

// describe names the JSON that is there.
func describe(value []byte) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "the number " + printable(string(value))
	}
}
