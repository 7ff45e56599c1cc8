package main

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv"
)

func TestMain(m *testing.M) {
	// A bench runs this program again for what is to have a process of its own, and in a
	// test this program is the test. The flags of tests all begin with a dash.
	if len(os.Args) > 1 && os.Args[1] == "bench" {
		main()
	}
	testenv.Main(m)
}

// output is a stream that a test can wait on.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{} // has room for one: there is more
}

func newOutput() *output { return &output{written: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.written <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// bookstore runs the program to its end.
func bookstore(t *testing.T, environ []string, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr, environ)
	return result{code, stdout.String(), stderr.String()}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"", "serve", "import", "events", "verify", "migrate", "bench projection", "bench insights",
		"projections", "projections rollback", "projections drop",
		"rebuild", "rebuild watch", "rebuild status", "rebuild diff", "rebuild pause", "rebuild resume", "rebuild cancel", "rebuild accept",
		"parked", "parked list", "parked show", "parked retry", "parked discard",
	} {
		r := bookstore(t, nil, "", append(strings.Fields(command), "--help")...)
		require.Equal(t, exitOK, r.code, command)
		require.Contains(t, r.stdout, "Examples:\n", command)
		require.Contains(t, r.stdout, "--config", command)
		require.Empty(t, r.stderr, command)
	}
}

func TestWhatCannotBeMeantIsSaidOnceOnOneLine(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"imprt":                            "did you mean import?",
		"nothing like it":                  `there is no command "nothing"`,
		"--nonsense":                       "unknown flag: --nonsense",
		"serve now":                        `"now"`,
		"import":                           "takes one FILE",
		"import a b":                       "takes one FILE",
		"import --format xlsx a":           `unknown format "xlsx"`,
		"import --concurrency 0 a":         "--concurrency is 0",
		"import --concurrency many a":      "invalid argument",
		"import --url localhost:8080 a":    "--url is",
		"events --topic news":              `there is no topic "news"`,
		"events --from 5":                  "say which by --partition",
		"events --from yesterday":          "give beginning, end, or an offset",
		"events --partition -2":            "counted from 0",
		"events --topic searches --book 1": "searches belong to none",
		"events --book 0":                  "takes the id of a book",
		"migrate":                          "db.host is empty",
	} {
		r := bookstore(t, nil, "", strings.Fields(args)...)
		require.Equal(t, exitUsage, r.code, args)
		require.Contains(t, r.stderr, want, args)
		require.Contains(t, r.stderr, "--help'\n", args)
		require.Equal(t, 1, strings.Count(r.stderr, "\n"), "%s: %s", args, r.stderr)
		require.Empty(t, r.stdout, args)
	}
}

func TestAllFaultsOfTheConfigurationArePrinted(t *testing.T) {
	t.Parallel()
	environ := []string{"BOOKSTORE_APP_PORT=http", "BOOKSTORE_MQ_PARTITIONS=0", "BOOKSTORE_NONSENSE=1"}
	for _, args := range []string{"", "serve", "import a", "events", "verify", "migrate"} {
		r := bookstore(t, environ, "", strings.Fields(args)...)
		require.Equal(t, exitUsage, r.code, args)
		for _, name := range []string{"BOOKSTORE_APP_PORT", "BOOKSTORE_MQ_PARTITIONS", "BOOKSTORE_NONSENSE"} {
			require.Contains(t, r.stderr, name, args)
		}
		require.Equal(t, 4, strings.Count(r.stderr, "\n"), args)
	}
}

func TestAConfigurationThatIsNamedMustBeThere(t *testing.T) {
	t.Parallel()
	r := bookstore(t, nil, "", "verify", "--config", "missing.yml")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.stderr, "missing.yml: can't be read")
}

func TestWithoutAServiceToolsSayWhatToDo(t *testing.T) {
	t.Parallel()
	environ := []string{"BOOKSTORE_APP_PORT=0", "BOOKSTORE_EMBEDDED_KAFKA_PORT=0", "BOOKSTORE_APP_DATA_DIR=" + t.TempDir()}
	for _, args := range []string{"events", "verify", "import -"} {
		r := bookstore(t, environ, "", strings.Fields(args)...)
		require.Equal(t, exitFailed, r.code, args)
		require.Contains(t, r.stderr, "start it", args)
		require.Equal(t, 1, strings.Count(r.stderr, "\n"), "%s: %s", args, r.stderr)
	}
	r := bookstore(t, append(environ, "BOOKSTORE_MQ_BROKERS=127.0.0.1:1"), "", "events")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "no Kafka answers at 127.0.0.1:1")
}

func TestFilesThatCannotBeImported(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"missing.csv": "no such file",
		t.TempDir():   "is a directory",
		"-":           "there is nothing in the file",
	} {
		r := bookstore(t, nil, "", "import", path)
		require.Equal(t, exitFailed, r.code)
		require.Contains(t, r.stderr, want)
	}
}
