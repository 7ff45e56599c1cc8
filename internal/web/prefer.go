package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Preferences are what a client would like of a write (RFC 7240).
type Preferences struct {
	// RespondAsync: answer as soon as the command is safe, without waiting for it
	// to be decided.
	RespondAsync bool
	// Wait is how long to wait for the outcome.
	Wait time.Duration
}

// ParsePrefer reads the header Prefer, all lines of it: respond-async and
// wait=seconds. Wait is absent where the client does not say, and never more than
// longest. A preference is a wish, so this cannot fail: what is not known or not
// well formed is ignored, and of one that is there twice the first counts
// (RFC 7240, section 2).
func ParsePrefer(h http.Header, absent, longest time.Duration) Preferences {
	p := Preferences{Wait: min(absent, longest)}
	seen := make(map[string]bool)
	for _, line := range h.Values("Prefer") {
		for _, element := range splitQuoted(line, ',') {
			// Parameters, behind the first semicolon, belong to preferences not known here.
			preference := splitQuoted(element, ';')[0]
			name, value, _ := strings.Cut(preference, "=")
			name = strings.ToLower(strings.Trim(name, " \t"))
			value = strings.Trim(strings.Trim(value, " \t"), `"`)
			if seen[name] {
				continue
			}
			seen[name] = true
			switch name {
			case "respond-async":
				p.RespondAsync = true
			case "wait":
				if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
					p.Wait = min(time.Duration(seconds)*time.Second, longest)
				}
			}
		}
	}
	return p
}

// splitQuoted splits s at separator, except within double quotes. It returns at
// least one part.
func splitQuoted(s string, separator byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
