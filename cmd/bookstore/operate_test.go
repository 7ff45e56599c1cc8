package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/operations"
)

// An operator's day at a service that does the work itself.
func TestOperatingARunningService(t *testing.T) {
	t.Parallel()
	s := startService(t)
	must := func(args ...string) result {
		t.Helper()
		r := bookstore(t, s.environ, "", args...)
		require.Equal(t, exitOK, r.code, "%v: %s%s", args, r.stdout, r.stderr)
		return r
	}
	refused := func(says string, args ...string) {
		t.Helper()
		r := bookstore(t, s.environ, "", args...)
		require.Equal(t, exitFailed, r.code, "%v: %s", args, r.stdout)
		require.Contains(t, r.stderr, says, args)
		require.Empty(t, r.stdout, args)
	}
	active := func() operations.Projection {
		t.Helper()
		var p operations.Projection
		require.NoError(t, json.Unmarshal([]byte(must("projections", "catalog", "--json").stdout), &p))
		return p
	}

	r := must("projections")
	require.Contains(t, r.stdout, "catalog")
	require.Contains(t, r.stdout, "history")
	require.EqualValues(t, 1, active().Active)

	// Nothing is under way, and who takes it for granted is told.
	for _, verb := range []string{"pause", "resume", "cancel", "accept", "watch"} {
		refused("there was none yet", "rebuild", verb, "catalog")
	}
	require.Equal(t, "catalog was never rebuilt\n", must("rebuild", "status", "catalog").stdout)
	refused("No earlier generation is kept", "projections", "rollback", "catalog")
	refused("There is no such projection", "rebuild", "catalogue")
	refused("There is no such projection", "projections", "catalogue")

	r = must("rebuild", "catalog", "--dry-run")
	require.Regexp(t, `^catalog: \d+ events, .* of disk beside what is there\n`, r.stdout)
	require.EqualValues(t, 1, active().Active, "that was only a question")

	r = must("rebuild", "catalog")
	require.Regexp(t, `^catalog: generation 2 answers queries: \d+ events in .* rows verified; 'bookstore projections rollback catalog' goes back to generation 1\n$`, r.stdout)
	require.Contains(t, r.stderr, "rebuild 1 of catalog into generation 2 has begun\n")
	require.Contains(t, r.stderr, "verifying")
	require.EqualValues(t, 2, active().Active)
	refused("no rebuild of catalog is under way: the last one, 1, has switched", "rebuild", "pause", "catalog")
	require.Regexp(t, `(?m)^differences +0$`, must("verify").stdout)

	require.Equal(t, "catalog: generation 1 answers queries now\n", must("projections", "rollback", "catalog").stdout)
	require.EqualValues(t, 1, active().Active)
	require.Len(t, active().Generations, 2)
	refused("", "projections", "drop", "catalog", "1")
	require.Equal(t, "catalog: generation 2 is gone\n", must("projections", "drop", "catalog", "2").stdout)
	refused("", "projections", "drop", "catalog", "2")
	require.Len(t, active().Generations, 1)
	refused("No earlier generation is kept", "projections", "rollback", "catalog")
	require.Regexp(t, `(?m)^differences +0$`, must("verify").stdout)

	r = must("parked", "list")
	require.Equal(t, "nothing is parked\n", r.stdout+r.stderr)
	require.Empty(t, must("parked", "list", "--json").stdout)
	refused("No such record is parked", "parked", "show", "1")
	refused("No such record is parked", "parked", "discard", "1", "--yes")

	s.stop()
	require.Equal(t, exitOK, <-s.exit)
}
