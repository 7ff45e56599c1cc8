package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv"
)

func TestOpenAppliesItsSettings(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))

	require.Equal(t, "bookstore test", value(t, pool, "SHOW application_name"))
	require.Equal(t, "1min", value(t, pool, "SHOW idle_in_transaction_session_timeout"))
	require.Equal(t, "0", value(t, pool, "SHOW statement_timeout"))
	require.EqualValues(t, 3, pool.Config().MaxConns)
	require.Equal(t, connectTimeout, pool.Config().ConnConfig.ConnectTimeout)
}

func TestOpenLeavesWhatTheConnStringSays(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t)+"&application_name=other&idle_in_transaction_session_timeout=5000&connect_timeout=9")

	require.Equal(t, "other", value(t, pool, "SHOW application_name"))
	require.Equal(t, "5s", value(t, pool, "SHOW idle_in_transaction_session_timeout"))
	require.Equal(t, 9*time.Second, pool.Config().ConnConfig.ConnectTimeout)
}

func TestOpenRefusesAMalformedConnString(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), "postgres://u:hunter2@h:port/d", Options{})
	var malformed *pgconn.ParseConfigError
	require.ErrorAs(t, err, &malformed)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestOpenDoesNotNeedTheServer(t *testing.T) {
	t.Parallel()
	pool := openPool(t, "postgres://u@"+refusing(t)+"/d?sslmode=disable")

	err := pool.Ping(t.Context())
	require.Error(t, err)
	require.True(t, IsTransient(err), "%v", err)
}

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckVersion(t.Context(), openPool(t, testenv.Database(t))))
	require.NoError(t, checkVersion(150000, "15.0"))
	require.NoError(t, checkVersion(180001, "18.1"))

	var tooOld *OldServerError
	require.ErrorAs(t, checkVersion(149999, "14.99"), &tooOld)
	require.Equal(t, "14.99", tooOld.Version)
	require.ErrorAs(t, checkVersion(90624, "9.6.24"), &tooOld)
}
