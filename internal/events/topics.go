package events

import "time"

// Names of the topics, as other teams' consumers know them.
const (
	DefaultCommandsTopic = "lr-book-commands"
	DefaultEventsTopic   = "lr-book-events"
	DefaultSearchesTopic = "lr-book-searches"
	DefaultOpensTopic    = "lr-book-opens"
)

// Topics are the names of the four topics of one bookstore.
type Topics struct {
	Commands string
	Events   string
	Searches string
	Opens    string
}

// DefaultTopics returns the names that the contract gives.
func DefaultTopics() Topics {
	return Topics{
		Commands: DefaultCommandsTopic,
		Events:   DefaultEventsTopic,
		Searches: DefaultSearchesTopic,
		Opens:    DefaultOpensTopic,
	}
}

// KeepForever as a retention means that the broker never deletes by age or size.
const KeepForever time.Duration = -1

// CommandRetention is how long decided commands stay readable. With the
// database gone, deciding goes on behind the last command that an event names;
// what was accepted since then must still be there, however long the outage.
const CommandRetention = 30 * 24 * time.Hour

// TopicSpec says how a topic must be set up for the promises to hold. The
// cleanup policy is always "delete": compaction would drop a book's history.
type TopicSpec struct {
	Name string
	// Retention is what the topic is created with. MinRetention is what start-up
	// insists on: a shorter one would break a promise, a longer one does not.
	Retention    time.Duration
	MinRetention time.Duration
}

// Specs returns what each topic needs.
//
// The events are the source of truth and stay for ever. The searches and opens
// are created to stay for ever as well, so that trends and popularity can be
// rebuilt over all of them, but no promise needs it: an operator may shorten
// their retention.
func (t Topics) Specs() []TopicSpec {
	return []TopicSpec{
		{Name: t.Commands, Retention: CommandRetention, MinRetention: CommandRetention},
		{Name: t.Events, Retention: KeepForever, MinRetention: KeepForever},
		{Name: t.Searches, Retention: KeepForever, MinRetention: 0},
		{Name: t.Opens, Retention: KeepForever, MinRetention: 0},
	}
}
