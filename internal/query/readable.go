package query

// oldestReadable are the versions from which on the tables of a projection hold what
// queries ask for, where that is not the first.
var oldestReadable = map[string]int{
	"catalog": 2, // lexemes and vocabulary
}

// Readable says whether queries can be answered from the tables of a version of a
// projection.
func Readable(projection string, version int) bool { return version >= oldestReadable[projection] }
