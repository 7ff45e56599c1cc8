// Package testenv gives tests the real services: one PostgreSQL and one Kafka
// broker per test binary, started when the first test asks, and a part of each
// that no other test sees: a schema (Database) and a prefix for topic and group
// names (Name).
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
// which stops the services, and what other packages Share, after the tests,
// also after failed ones, and then fails the run if a goroutine was left
// behind. If the test binary is killed, PostgreSQL ends with it and the next
// run removes its files.
//
// BOOKSTORE_TEST_BROKERS=host:port[,host:port] makes all tests use that Kafka
// instead of the in-process one.
package testenv
