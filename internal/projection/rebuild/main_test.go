package rebuild_test

import (
	"flag"
	"testing"

	"bookstore/internal/testenv"
)

// rounds is how many histories are tried unless -rapid.checks says otherwise: each
// has several rebuilds.
const rounds = "12"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", rounds); err != nil {
		panic(err)
	}
	testenv.Main(m)
}
