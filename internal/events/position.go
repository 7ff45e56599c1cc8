package events

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is one place in a partitioned log.
type Position struct {
	Partition int32
	Offset    int64
}

// String gives "partition.offset", the form used in logs and in tokens.
func (p Position) String() string {
	return strconv.FormatInt(int64(p.Partition), 10) + "." + strconv.FormatInt(p.Offset, 10)
}

// Token is what a writer gets and a reader may send back as Consistency-Token:
// the positions of the events that the reader must see. Clients treat it as
// opaque; a client with several writes may join their tokens with commas.
type Token []Position

// maxTokenPositions bounds the work a token can ask for. No topic here has more
// partitions than that, and more than one position per partition says nothing new.
const maxTokenPositions = 1024

// String is the inverse of [ParseToken]; an empty token is "".
func (t Token) String() string {
	parts := make([]string, len(t))
	for i, p := range t {
		parts[i] = p.String()
	}
	return strings.Join(parts, ",")
}

// ParseToken reads a token; the empty string is the token that every reader
// satisfies. The error's text is fit for the client.
func ParseToken(s string) (Token, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	parts := strings.Split(s, ",")
	if len(parts) > maxTokenPositions {
		return nil, fmt.Errorf("a token holds at most %d positions", maxTokenPositions)
	}
	token := make(Token, 0, len(parts))
	for _, part := range parts {
		partition, offset, found := strings.Cut(strings.TrimSpace(part), ".")
		p, errP := strconv.ParseInt(partition, 10, 32)
		o, errO := strconv.ParseInt(offset, 10, 64)
		if !found || errP != nil || errO != nil || p < 0 || o < 0 {
			return nil, fmt.Errorf("%q is not a token that a write answered with", part)
		}
		token = append(token, Position{Partition: int32(p), Offset: o})
	}
	return token, nil
}

// Offsets is a position in every partition: Offsets[p] is the next offset, so
// everything below it has been seen. Partitions that are missing are at 0.
type Offsets []int64

// Covers says whether everything the token names lies below these offsets.
func (o Offsets) Covers(t Token) bool {
	for _, p := range t {
		if int(p.Partition) >= len(o) || o[p.Partition] <= p.Offset {
			return false
		}
	}
	return true
}

// String gives the next offsets in the order of the partitions: "12,0,7".
func (o Offsets) String() string {
	var b strings.Builder
	for i, next := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(next, 10))
	}
	return b.String()
}
