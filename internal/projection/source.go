package projection

// Source is what a projection is made of: one of the topics that are there to be
// projected. Which topic of Kafka that is, says whoever starts the consumers.
type Source string

// The sources.
const (
	Events   Source = "events"   // what became of the books
	Searches Source = "searches" // what was searched, and what was served
	Opens    Source = "opens"    // who opened which book
)

// OfBooks says whether the records of a source are the steps of books' histories:
// the key is the book's id, and each record builds on those of the same key before
// it. Records of other sources stand by themselves, whatever their keys look like
// (a search for 1984 is not about book 1984): one that is parked holds back no
// other.
func (s Source) OfBooks() bool { return s == Events }

// Source implements [Projection].
func (Catalog) Source() Source { return Events }

// Source implements [Projection].
func (History) Source() Source { return Events }
