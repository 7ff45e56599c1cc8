package embedded

import (
	"fmt"
	"os/exec"
	"strings"
)

// setting is a line of postgresql.conf.
type setting struct{ name, value string }

// Settings for a development machine with a few cores and an SSD, where the
// service's own broker runs too. Nothing here gives up durability.
var commonSettings = []setting{
	{"max_connections", "100"},
	{"work_mem", "16MB"},
	{"maintenance_work_mem", "128MB"},
	{"effective_cache_size", "1GB"},
	{"random_page_cost", "1.1"}, // an SSD seeks for free
	{"jit", "off"},              // our queries end before code for them would be compiled

	{"max_wal_size", "2GB"},
	{"min_wal_size", "256MB"},
	{"checkpoint_timeout", "15min"},
	{"wal_level", "minimal"}, // no replicas, and max_wal_senders must be 0 then
	{"max_wal_senders", "0"},

	// The checkpoint rows and the outbox are few rows that change with each
	// batch: without frequent vacuums reading them means wading through dead
	// versions.
	{"autovacuum_naptime", "10s"},
	{"autovacuum_vacuum_cost_limit", "1000"},

	// Not the machine's: what is stored and printed must not depend on it.
	{"timezone", "UTC"},
	{"log_timezone", "UTC"},
	{"lc_messages", "C"},

	{"log_destination", "stderr"},
	{"logging_collector", "off"}, // serverLog does that
	{"log_checkpoints", "off"},
	{"log_line_prefix", "%m [%p] "},
	{"cluster_name", "bookstore"},
}

// ephemeralSettings are for a cluster that is thrown away with its test run.
var ephemeralSettings = []setting{
	{"shared_buffers", "64MB"},
	{"fsync", "off"},
	{"synchronous_commit", "off"},
	{"full_page_writes", "off"},
}

func durableSettings(b binaries) []setting {
	return []setting{
		{"shared_buffers", "512MB"},
		{"fsync", "on"},
		{"synchronous_commit", "on"},
		{"full_page_writes", "on"},
		{"wal_compression", walCompression(b)},
	}
}

// walCompression is lz4, which costs almost nothing, if the server was built
// with it; asking for it otherwise would keep the server from starting.
func walCompression(b binaries) string {
	printed, err := exec.Command(b.path("pg_config"), "--configure").Output()
	if err == nil && strings.Contains(string(printed), "--with-lz4") {
		return "lz4"
	}

	return "on"
}

// renderSettings writes postgresql.conf. What a user sets with ALTER SYSTEM
// lies in postgresql.auto.conf and wins.
func renderSettings(settings []setting) []byte {
	var conf strings.Builder
	conf.WriteString("# Written at each start. Use ALTER SYSTEM to change a setting for good.\n")
	for _, s := range settings {
		fmt.Fprintf(&conf, "%s = '%s'\n", s.name, strings.ReplaceAll(s.value, "'", "''"))
	}

	return []byte(conf.String())
}

// renderAccess writes pg_hba.conf: no password on the socket, whose directory
// is closed to other users, and always one on TCP.
func renderAccess(tcp bool) []byte {
	rules := "local all all trust\n"
	if tcp {
		rules += "host all all 127.0.0.1/32 scram-sha-256\n"
	}

	return []byte(rules)
}
