package config

import (
	"fmt"
	"slices"

	"bookstore/internal/events"
)

// checkTogether looks for settings that are right by themselves and wrong
// together. A rule is skipped when a key it looks at was refused already: it
// would judge the default that stands in its place.
func (l *loader) checkTogether() {
	c := l.config
	role := join(c.App.Roles, ",")
	alone := slices.Contains(c.App.Roles, RoleAll)

	if !alone && c.EmbeddedKafka() && l.sound("app.role", "mq.brokers") {
		l.fault("app.role", role, "needs a broker that other processes reach, and the embedded one lives and ends with this process",
			"set mq.brokers, or app.role to all")
	}
	if !alone && c.EmbeddedPostgres() && l.sound("app.role", "db.host") {
		l.fault("app.role", role, "needs a PostgreSQL that other processes reach, and the embedded one lives and ends with this process",
			"set db.host, or app.role to all")
	}
	// Searches on one of these would be read as commands, kept for ever as part of
	// the books' history, or parked among those who opened a book.
	switch c.MQ.Topic {
	case events.DefaultCommandsTopic, events.DefaultEventsTopic, events.DefaultOpensTopic:
		l.fault("mq.topic", c.MQ.Topic, "is the service's own topic for something else", "give searches a topic of their own")
	}
	l.checkPorts()
}

// checkPorts refuses one port for two listeners of this process. Starting would
// fail too, but only at the second one and with a message about an address.
func (l *loader) checkPorts() {
	type listener struct {
		key  string
		port int
	}
	c := l.config
	var listeners []listener
	if c.Has(RoleAPI) {
		listeners = append(listeners, listener{"app.port", c.App.Port})
	}
	if c.EmbeddedKafka() && l.sound("mq.brokers") {
		listeners = append(listeners, listener{"embedded.kafka_port", c.Embedded.KafkaPort})
	}
	if c.EmbeddedPostgres() && l.sound("db.host") {
		listeners = append(listeners, listener{"embedded.postgres_port", c.Embedded.PostgresPort})
	}
	for i, second := range listeners {
		for _, first := range listeners[:i] {
			if first.port == second.port && first.port != 0 && l.sound(first.key, second.key) {
				l.fault(second.key, fmt.Sprint(second.port), "is the port of "+first.key+" too", "give each its own")
			}
		}
	}
}

// sound reports whether none of the keys was refused.
func (l *loader) sound(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return l.faulted[key] })
}

func (l *loader) fault(key, value, problem, hint string) {
	l.faults = append(l.faults, Fault{Source: l.sources[key], Key: key, Value: value, Problem: problem, Hint: hint})
}
