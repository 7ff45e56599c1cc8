package config

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setter checks a value as a source gives it (YAML: string, int, bool, list, nil
// and so on; environment: always string) and puts it where it belongs, or says
// why not and leaves the place as it was.
type setter func(value any) *fault

// fault is what a setter knows of a Fault; where the value came from and
// whether it may be shown is the loader's business.
type fault struct{ problem, hint string }

// whole accepts whole numbers from lowest to highest.
func whole[N int | int64](place *N, lowest, highest int64) setter {
	hint := fmt.Sprintf("give %d to %d", lowest, highest)
	return func(value any) *fault {
		n, ok := wholeNumber(value)
		if !ok {
			return &fault{"is not a whole number", hint}
		}
		if n < lowest || n > highest {
			return &fault{"is out of range", hint}
		}
		*place = N(n)
		return nil
	}
}

func wholeNumber(value any) (int64, bool) {
	switch v := value.(type) {
	case int:
		return int64(v), true
	case uint64: // YAML's choice above the highest int64
		return math.MaxInt64, true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	default:
		return 0, false
	}
}

// duration accepts Go durations from lowest to highest.
func duration(place *time.Duration, lowest, highest time.Duration) setter {
	hint := fmt.Sprintf("give %s to %s, such as 500ms or 5s", brief(lowest), brief(highest))
	return func(value any) *fault {
		written, _ := value.(string) // a bare number has no unit, so it is refused with the rest
		d, err := time.ParseDuration(written)
		if err != nil {
			return &fault{"is not a duration with a unit", hint}
		}
		if d < lowest || d > highest {
			return &fault{"is out of range", hint}
		}
		*place = d
		return nil
	}
}

// brief writes a duration as people do: 10m, where time.Duration says 10m0s.
func brief(d time.Duration) string {
	written := d.String()
	if strings.HasSuffix(written, "m0s") {
		written = strings.TrimSuffix(written, "0s")
	}
	return written
}

// text accepts any text, also none. Numbers are refused, not converted: YAML
// has by then made 83 of an unquoted 0123, and a password would silently be
// another one.
func text[S ~string](place *S) setter {
	return func(value any) *fault {
		switch v := value.(type) {
		case nil: // "password:" with nothing after it
			*place = ""
		case string:
			if strings.ContainsRune(v, 0) {
				return &fault{"holds a NUL byte", ""}
			}
			*place = S(v)
		case map[string]any, []any:
			return &fault{"is not a text", "put it in quotes if it begins with a bracket"}
		default:
			return &fault{"is not a text", "put it in quotes"}
		}
		return nil
	}
}

// filled accepts any text but an empty one.
func filled(place *string) setter {
	return func(value any) *fault {
		var given string
		if f := text(&given)(value); f != nil {
			return f
		}
		if strings.TrimSpace(given) == "" {
			return &fault{"is empty", ""}
		}
		*place = given
		return nil
	}
}

// oneOf accepts the named words.
func oneOf[S ~string](place *S, words ...S) setter {
	return func(value any) *fault {
		word, _ := value.(string)
		if !slices.Contains(words, S(word)) {
			return &fault{"is not known", "give " + either(words)}
		}
		*place = S(word)
		return nil
	}
}

func logLevel(place *slog.Level) setter {
	return func(value any) *fault {
		var word string
		if f := oneOf(&word, "debug", "info", "warn", "error")(value); f != nil {
			return f
		}
		if err := place.UnmarshalText([]byte(word)); err != nil {
			return &fault{"is not known", ""}
		}
		return nil
	}
}

// roles accepts one or more roles. "all" stands alone: beside others it is
// either a slip or a wish that can't be granted.
func roles(place *[]Role) setter {
	known := []Role{RoleAll, RoleAPI, RoleCommands, RoleProjector, RoleInsights}
	return func(value any) *fault {
		names, ok := list(value)
		if !ok {
			return &fault{"is not a list of texts", "give " + either(known)}
		}
		given := make([]Role, 0, len(names))
		for _, name := range names {
			role := Role(name)
			if !slices.Contains(known, role) {
				return &fault{fmt.Sprintf("names an unknown role %q", name), "give " + either(known) + ", several by commas"}
			}
			if !slices.Contains(given, role) {
				given = append(given, role)
			}
		}
		if len(given) == 0 {
			return &fault{"is empty", "give " + either(known) + ", several by commas"}
		}
		if len(given) > 1 && slices.Contains(given, RoleAll) {
			return &fault{"names all beside others", "give either all or some of the others"}
		}
		*place = given
		return nil
	}
}

// host accepts a host without its port, a socket directory, or nothing.
func host(place *string) setter {
	return func(value any) *fault {
		var given string
		if f := text(&given)(value); f != nil {
			return f
		}
		if strings.Contains(given, "://") {
			return &fault{"is a URL", "give the host alone; user, password and database have keys of their own"}
		}
		// More than one colon is an IPv6 address.
		if _, _, err := net.SplitHostPort(given); err == nil {
			return &fault{"holds a port", "give it as db.port"}
		}
		*place = given
		return nil
	}
}

// brokers accepts addresses with a port, or nothing.
func brokers(place *[]string) setter {
	const hint = "give host:port, such as kafka-1:9092, several by commas"
	return func(value any) *fault {
		addresses, ok := list(value)
		if !ok {
			return &fault{"is not a list of texts", hint}
		}
		for _, address := range addresses {
			host, port, err := net.SplitHostPort(address)
			number, portErr := strconv.Atoi(port)
			if err != nil || host == "" || portErr != nil || number < 1 || number > 65535 {
				return &fault{fmt.Sprintf("names a broker %q without a host or a port", address), hint}
			}
		}
		*place = addresses
		return nil
	}
}

// topicName is what Kafka allows in a topic's name.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func topic(place *string) setter {
	return func(value any) *fault {
		var given string
		if f := text(&given)(value); f != nil {
			return f
		}
		if !topicName.MatchString(given) || given == "." || given == ".." {
			return &fault{"is not a topic name", "give 1 to 249 of the characters a-z A-Z 0-9 . _ -"}
		}
		*place = given
		return nil
	}
}

// list reads a YAML list or a text with commas. Blanks around an element and
// elements that are empty mean nothing and go.
func list(value any) (elements []string, ok bool) {
	elements = []string{}
	switch v := value.(type) {
	case nil:
	case string:
		elements = strings.Split(v, ",")
	case []any:
		for _, element := range v {
			text, isText := element.(string)
			if !isText {
				return nil, false
			}
			elements = append(elements, text)
		}
	default:
		return nil, false
	}
	for i := range elements {
		elements[i] = strings.TrimSpace(elements[i])
	}
	return slices.DeleteFunc(elements, func(e string) bool { return e == "" }), true
}

// either lists words for a hint: a, b or c.
func either[S ~string](words []S) string {
	last := len(words) - 1
	return join(words[:last], ", ") + " or " + string(words[last])
}

// join is strings.Join for any kind of text.
func join[S ~string](words []S, separator string) string {
	var joined strings.Builder
	for i, word := range words {
		if i > 0 {
			joined.WriteString(separator)
		}
		joined.WriteString(string(word))
	}
	return joined.String()
}
