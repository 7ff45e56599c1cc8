package testenv_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestDatabaseIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	mine, err := pgx.Connect(t.Context(), testenv.Database(t))
	require.NoError(t, err)
	defer mine.Close(t.Context())
	other, err := pgx.Connect(t.Context(), testenv.Database(t))
	require.NoError(t, err)
	defer other.Close(t.Context())

	for _, conn := range []*pgx.Conn{mine, other} {
		_, err := conn.Exec(t.Context(), "CREATE TABLE books (id int)")
		require.NoError(t, err, "each has a schema of its own")
		_, err = conn.Exec(t.Context(), "CREATE INDEX ON books USING gin ((id::text) gin_trgm_ops)")
		require.NoError(t, err, "and sees the extensions")
	}

	var lower string
	require.NoError(t, mine.QueryRow(t.Context(), "SELECT unaccent(lower('ÉMILE ŻÓŁW'))").Scan(&lower))
	require.Equal(t, "emile zolw", lower)
}

func TestNameIsLegalAndUnique(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Ärger mit/Zeichen", "1 digit first", "---", "a very long name that goes on and on"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := testenv.Name(t), testenv.Name(t)
			require.Regexp(t, `^[a-z][a-z0-9_]{9,27}$`, first)
			require.NotEqual(t, first, second)
		})
	}
}

func TestBrokersAnswer(t *testing.T) {
	t.Parallel()
	client, err := sarama.NewClient(testenv.Brokers(t), sarama.NewConfig())
	require.NoError(t, err)
	defer client.Close()
	require.NotEmpty(t, client.Brokers())
}
