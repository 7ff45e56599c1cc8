package throughput

import (
	"context"
	"fmt"
	"os"
	"testing"

	"bookstore/internal/testenv"
)

// childVariable makes the test binary a process that does one task.
const childVariable = "BOOKSTORE_TEST_BENCH_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		testenv.Main(m)
	}
	if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
