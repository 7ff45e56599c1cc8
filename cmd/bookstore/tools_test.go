package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/runfile"
	"bookstore/internal/testenv"
	"bookstore/migrations"
)

// longest is how long a test waits for what should take a few seconds: the
// machine is shared.
const longest = time.Minute

// service is one that was started as a user would, embedded, in a directory of
// its own.
type service struct {
	environ []string
	dataDir string
	stdout  *output
	stop    context.CancelFunc
	exit    chan int
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{dataDir: filepath.Join(t.TempDir(), "its data"), stdout: newOutput(), exit: make(chan int, 1)}
	s.environ = []string{"BOOKSTORE_APP_PORT=0", "BOOKSTORE_EMBEDDED_KAFKA_PORT=0", "BOOKSTORE_APP_DATA_DIR=" + s.dataDir}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background()) // outlives the test's own, to be stopped in its cleanup
	stderr := newOutput()
	go func() { s.exit <- run(ctx, nil, strings.NewReader(""), s.stdout, stderr, s.environ) }()
	t.Cleanup(s.stop)

	limit := time.After(longest)
	for !strings.Contains(s.stdout.String(), "bookstore is ready") {
		select {
		case <-s.stdout.written:
		case code := <-s.exit:
			require.Fail(t, "the service did not start", "exit code %d: %s", code, stderr)
		case <-limit:
			require.Fail(t, "the service did not start in time", stderr.String())
		}
	}
	return s
}

const shelf = `title,authors,year,shelf
Emma,Jane Austen,1815.0,a
"The ""Annals"", ` + "\x1b[31m" + `in red",Tacitus,117,b
Emma,Jane Austen,1815,c
Kokoro,Natsume Sōseki,1914,d
`

func TestTheToolsOnARunningService(t *testing.T) {
	t.Parallel()
	s := startService(t)

	r := bookstore(t, s.environ, shelf, "import", "-")
	require.Equal(t, exitFailed, r.code, "a row was rejected")
	require.Regexp(t, `^2 imported, 1 already there, 1 rejected in .*\n$`, r.stdout)
	require.Contains(t, r.stderr, "line 3: title must not contain")
	require.Contains(t, r.stderr, "ignored columns: shelf\n")

	clean := strings.ReplaceAll(shelf, "\x1b", "")
	r = bookstore(t, s.environ, clean, "import", "-")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Regexp(t, `^1 imported, 3 already there, 0 rejected in .*\n$`, r.stdout)

	r = bookstore(t, s.environ, "", "events")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Regexp(t, `(?m)^\S+Z  \d+\.\d+ +created   book \d+ v1  "Kokoro" by bookstore-import$`, r.stdout)

	r = bookstore(t, s.environ, "", "events", "--topic", "commands", "--json")
	require.Equal(t, exitOK, r.code, r.stderr)
	kokoro := requireRecord(t, r.stdout, "Kokoro")
	require.Equal(t, "bookstore.book.create.v1", kokoro.Headers["ce_type"])

	r = bookstore(t, s.environ, "", "events", "--book", *kokoro.Key)
	require.Equal(t, 1, strings.Count(r.stdout, "\n"), r.stdout)
	require.Contains(t, r.stdout, "Kokoro")

	r = bookstore(t, s.environ, "", "verify")
	require.Equal(t, exitOK, r.code, r.stdout)
	require.Regexp(t, `(?m)^differences +0$`, r.stdout)

	s.plant(t, *kokoro.Key)
	r = bookstore(t, s.environ, "", "verify")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stdout, "DIFFERENCE catalog, book "+*kokoro.Key+
		`: author: the log says "Natsume Sōseki", the database says "somebody\u001b[31m"`)
	require.Empty(t, r.stderr)

	r = bookstore(t, s.environ, "", "verify", "--json")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stdout, `{"report":`)
	require.Contains(t, r.stdout, `"differences":1}`)

	s.stop()
	require.Equal(t, exitOK, <-s.exit)
	_, err := runfile.Read(s.dataDir)
	require.ErrorIs(t, err, runfile.ErrNotRunning)
}

// requireRecord finds the line whose record holds text.
func requireRecord(t *testing.T, lines, text string) (found jsonRecord) {
	t.Helper()
	for line := range strings.Lines(lines) {
		if strings.Contains(line, text) {
			require.NoError(t, json.Unmarshal([]byte(line), &found))
			require.NotNil(t, found.Key)
			return found
		}
	}
	require.Fail(t, "no record holds "+text)
	return found
}

// plant changes a book behind the log's back.
func (s *service) plant(t *testing.T, book string) {
	t.Helper()
	running, err := runfile.Read(s.dataDir)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), running.Database)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	tag, err := conn.Exec(t.Context(), `UPDATE books SET author = E'somebody\x1b[31m' WHERE id = $1::text::bigint`, book)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
}

func TestFollowingTheLog(t *testing.T) {
	t.Parallel()
	s := startService(t)
	log := s.follow(t)
	waitFor(t, log, "\n")

	r := bookstore(t, s.environ, shelf, "import", "--format", "csv", "-")
	require.Contains(t, r.stdout, "2 imported")
	waitFor(t, log, `"Kokoro"`)

	r = bookstore(t, s.environ, "", "events", "--json")
	emma, kokoro := *requireRecord(t, r.stdout, "Emma").Key, *requireRecord(t, r.stdout, "Kokoro").Key
	opens := s.follow(t, "--topic", "opens")
	s.open(t, emma)
	s.open(t, kokoro+"?uid=eve")
	waitFor(t, opens, "opened    book "+emma+"\n")
	waitFor(t, opens, "opened    book "+kokoro+" by eve\n")
	r = bookstore(t, s.environ, "", "events", "--topic", "opens", "--book", kokoro)
	require.Equal(t, 1, strings.Count(r.stdout, "\n"), r.stdout)
	require.Contains(t, r.stdout, "book "+kokoro)
}

// follow prints the log until the end of the test, when it is stopped as by Ctrl-C.
func (s *service) follow(t *testing.T, args ...string) *output {
	t.Helper()
	stdout, exit := newOutput(), make(chan int, 1)
	go func() {
		exit <- run(t.Context(), append([]string{"events", "--follow"}, args...), nil, stdout, stdout, s.environ)
	}()
	t.Cleanup(func() { require.Equal(t, exitOK, <-exit, "to stop is how following ends") })
	return stdout
}

// open reads a book as its reader would.
func (s *service) open(t *testing.T, book string) {
	t.Helper()
	running, err := runfile.Read(s.dataDir)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, running.URL+"/api/books/"+book, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func waitFor(t *testing.T, out *output, text string) {
	t.Helper()
	limit := time.After(longest)
	for !strings.Contains(out.String(), text) {
		select {
		case <-out.written:
		case <-limit:
			require.Fail(t, "did not appear: "+text, out.String())
		}
	}
}

func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	server, err := pgx.ParseConfig(testenv.Postgres(t).ConnString())
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "config.yml")
	require.NoError(t, os.WriteFile(config, []byte("db: {host: '"+server.Host+"', user: '"+server.User+"', database: '"+server.Database+"'}\n"), 0o600))

	steps, err := migrations.FS.ReadDir(".")
	require.NoError(t, err)
	r := bookstore(t, nil, "", "--config", config, "migrate")
	require.Equal(t, exitOK, r.code, r.stderr)
	for _, step := range steps {
		require.Contains(t, r.stdout, "applied "+step.Name())
	}
	r = bookstore(t, nil, "", "migrate", "--config", config)
	require.Equal(t, result{exitOK, "the database is up to date\n", ""}, r)
}
