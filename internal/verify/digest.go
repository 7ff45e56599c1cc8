package verify

import (
	"crypto/sha256"
	"encoding/binary"
)

// digest stands for a text of any length. That two differ and have the same one
// doesn't happen.
type digest [16]byte

// digestOf is that of several texts, each with its length before it, so that
// ("ab", "c") is not ("a", "bc").
func digestOf(texts ...string) digest {
	size := 0
	for _, text := range texts {
		size += 8 + len(text)
	}
	joined := make([]byte, 0, size)
	for _, text := range texts {
		joined = binary.BigEndian.AppendUint64(joined, uint64(len(text)))
		joined = append(joined, text...)
	}
	sum := sha256.Sum256(joined)
	return digest(sum[:16])
}

// digestOfValues is that of the values' texts, behind more texts.
func digestOfValues(values []value, more ...string) digest {
	for _, v := range values {
		more = append(more, v.text)
	}
	return digestOf(more...)
}
