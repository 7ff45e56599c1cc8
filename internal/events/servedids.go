package events

import "strconv"

// scanServedIDs reads the ids of the books in a search's value, where it is written to
// the letter as [EncodeSearch] writes it. It is false for all else, be it JSON or not:
// that is for encoding/json to say. Reading a value so takes a tenth of the time that
// decoding it takes, most of which is spent on descriptions that nobody looks at.
func scanServedIDs(value []byte) (ids []int64, plain bool) {
	s := servedScanner{rest: value, plain: true}
	s.skip(`[`)
	ids = make([]int64, 0, 8)
	for s.plain && !s.at(']') {
		if len(ids) > 0 {
			s.skip(`,`)
		}
		s.skip(`{"id":`)
		ids = append(ids, s.number())
		for _, field := range servedTexts {
			s.skip(field)
			s.text()
		}
		s.skip(`}`)
	}
	s.skip(`]`)
	return ids, s.plain && len(s.rest) == 0
}

// servedTexts is what comes before each text of a [ServedBook], in the order in which
// they are written.
var servedTexts = []string{`,"title":"`, `,"author":"`, `,"published_at":"`, `,"description":"`, `,"created_at":"`}

// servedScanner goes through a value for as long as it is plain.
type servedScanner struct {
	rest  []byte
	plain bool
}

func (s *servedScanner) at(c byte) bool { return len(s.rest) > 0 && s.rest[0] == c }

// skip goes past what must come next.
func (s *servedScanner) skip(want string) {
	if len(s.rest) < len(want) || string(s.rest[:len(want)]) != want {
		s.plain = false
		return
	}
	s.rest = s.rest[len(want):]
}

// number goes past a whole number, as [strconv.AppendInt] writes it.
func (s *servedScanner) number() int64 {
	end := 0
	for end < len(s.rest) && (s.rest[end] == '-' || '0' <= s.rest[end] && s.rest[end] <= '9') {
		end++
	}
	digits := string(s.rest[:end])
	s.rest = s.rest[end:]
	n, err := strconv.ParseInt(digits, 10, 64)
	// JSON has neither 007 nor -0 as numbers of ours; what is written back the same is one.
	if err != nil || strconv.FormatInt(n, 10) != digits {
		s.plain = false
	}
	return n
}

// text goes past the rest of a string and the quote behind it. What is no UTF-8 in it,
// encoding/json takes as well.
func (s *servedScanner) text() {
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return
		case c < ' ':
			s.plain = false
			return
		case c == '\\':
			n := escapeLength(s.rest[i:])
			if n == 0 {
				s.plain = false
				return
			}
			i += n - 1
		}
	}
	s.plain = false
}

// escapeLength is how long the escape is that text begins with; 0 for none that JSON
// knows.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		const length = len(`\u0000`)
		if len(text) < length {
			return 0
		}
		for _, c := range text[2:length] {
			if !isHex(c) {
				return 0
			}
		}
		return length
	}
	return 0
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }
