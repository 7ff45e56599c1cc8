package app_test

import (
	"log/slog"
	"os"
	"testing"

	"bookstore/internal/testenv"
)

func TestMain(m *testing.M) {
	if prefix, asked := os.LookupEnv(serveVariable); asked {
		os.Exit(serve(prefix))
	}
	testenv.Main(m)
}

// quietLogger shows what the service logs when the test fails or -v is given.
func quietLogger(tb testing.TB) *slog.Logger {
	tb.Helper()
	return slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}
