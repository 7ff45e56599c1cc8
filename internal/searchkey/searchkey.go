package searchkey

import (
	"crypto/sha256"
	"strings"

	"github.com/google/uuid"

	"bookstore/internal/searchtext"
)

// Query returns the key of a query: the same for all that differ only in case, spaces,
// accents and punctuation. It is false where nothing is left to search for.
func Query(typed string) (key uuid.UUID, ok bool) {
	folded := searchtext.Fold(typed)
	return digest(folded), folded != ""
}

// Nobody is the key of all readers who are not known: they count as one.
var Nobody uuid.UUID

// Reader returns the key of a reader, [Nobody] for "".
func Reader(uid string) uuid.UUID {
	if uid == "" {
		return Nobody
	}
	return digest(uid)
}

// maxForm is how many characters of a query are kept to be shown: what the API takes,
// which other publishers need not know of.
const maxForm = 500

// Form returns a query as it is shown: as typed, but for spaces at its ends and more
// than one between words.
func Form(typed string) string {
	form := strings.Join(strings.Fields(typed), " ")
	runes := 0
	for i := range form {
		if runes == maxForm {
			return form[:i]
		}
		runes++
	}
	return form
}

// digest is a UUID of version 8 (RFC 9562, section 5.8): 122 bits of SHA-256. It is
// never [Nobody].
func digest(s string) uuid.UUID {
	sum := sha256.Sum256([]byte(s))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
