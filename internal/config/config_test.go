package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
	"github.com/stretchr/testify/require"
)

// repositoryFile is the config.yml that users start from.
const repositoryFile = "../../config.yml"

// load writes yaml to a file and loads it with the variables.
func load(t *testing.T, yaml string, environ ...string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.yml")
	require.NoError(t, os.WriteFile(path, []byte(yaml), 0o600))
	return Load(path, environ)
}

// faultsOf loads and returns the faults, of which there must be some.
func faultsOf(t *testing.T, yaml string, environ ...string) []Fault {
	t.Helper()
	_, err := load(t, yaml, environ...)
	var faults *Faults
	require.ErrorAs(t, err, &faults)
	require.NotEmpty(t, faults.List)
	return faults.List
}

func TestRepositoryFileHoldsTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := Load(repositoryFile, nil)
	require.NoError(t, err)
	require.Equal(t, Default(), got)
}

func TestRepositoryFileDocumentsEveryKey(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(repositoryFile)
	require.NoError(t, err)
	file := koanf.New(".")
	require.NoError(t, file.Load(bytesProvider(content), yaml.Parser()))

	var want []string
	for _, s := range settings(&Config{}) {
		want = append(want, s.key)
	}
	require.ElementsMatch(t, want, file.Keys())

	lines := strings.Split(string(content), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "  #") {
			require.Truef(t, strings.HasPrefix(lines[i-1], "  #"), "no comment above %q", line)
		}
	}
}

func TestDefaultPassesItsOwnChecks(t *testing.T) {
	t.Parallel()
	got, err := load(t, "")
	require.NoError(t, err)
	require.Equal(t, Default(), got)
}

func TestEveryKeyCanBeSetFromFileAndEnvironment(t *testing.T) {
	t.Parallel()
	want := Config{
		App: App{
			Port: 81, PageSize: 7, DataDir: "/var/lib/book store", Roles: []Role{RoleCommands, RoleProjector, RoleInsights},
			CommandWait: time.Second, QueryWait: 0, MaxBodyBytes: 2048, ShutdownTimeout: time.Minute,
			LogLevel: slog.LevelWarn, LogFormat: LogJSON,
		},
		DB:          DB{Host: "db.internal", Port: 6432, User: "u", Password: "p", Database: "d"},
		MQ:          MQ{Brokers: []string{"k1:9092", "[::1]:9093"}, Topic: "searches", Partitions: 3},
		Embedded:    Embedded{KafkaPort: 1, PostgresPort: 2},
		Projections: Projections{Rebuild: RebuildAuto},
		Spool:       Spool{MaxBytes: 2 << 20},
	}
	values := map[string]string{
		"app.port": "81", "app.page_size": "7", "app.data_dir": "/var/lib/book store", "app.role": "commands, projector,insights",
		"app.command_wait": "1s", "app.query_wait": "0s", "app.max_body_bytes": "2048", "app.shutdown_timeout": "1m",
		"app.log_level": "warn", "app.log_format": "json",
		"db.host": "db.internal", "db.port": "6432", "db.user": "u", "db.password": "p", "db.database": "d",
		"mq.brokers": "k1:9092,[::1]:9093", "mq.topic": "searches", "mq.partitions": "3",
		"embedded.kafka_port": "1", "embedded.postgres_port": "2",
		"projections.rebuild": "auto",
		"spool.max_bytes":     "2097152",
	}
	for _, s := range settings(&Config{}) {
		require.Contains(t, values, s.key)
	}

	t.Run("environment", func(t *testing.T) {
		t.Parallel()
		var environ []string
		for key, value := range values {
			environ = append(environ, envName(key)+"="+value)
		}
		got, err := load(t, "app: { port: 1, page_size: 1 }", environ...)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		sections := map[string][]string{}
		for key, value := range values {
			section, name, _ := strings.Cut(key, ".")
			if !strings.ContainsAny(value, "0123456789") || strings.ContainsAny(value, ":/") {
				value = fmt.Sprintf("%q", value)
			}
			sections[section] = append(sections[section], "  "+name+": "+value)
		}
		var file strings.Builder
		for section, lines := range sections {
			file.WriteString(section + ":\n" + strings.Join(lines, "\n") + "\n")
		}
		got, err := load(t, file.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	const outside = "db: { host: db }\nmq: { brokers: ['k:9092'] }\n"
	tests := map[string]struct {
		yaml    string
		environ []string
		check   func(*require.Assertions, Config)
	}{
		"empty sections": {
			yaml:  "app:\ndb: {}\n",
			check: func(r *require.Assertions, c Config) { r.Equal(Default(), c) },
		},
		"a setting without a value, where none is fine": {
			yaml:  "db: { host: , password: }\nmq: { brokers: }",
			check: func(r *require.Assertions, c Config) { r.Equal(Default(), c) },
		},
		"a variable over a bad value of the file": {
			yaml: "app: { port: http }", environ: []string{"BOOKSTORE_APP_PORT=0"},
			check: func(r *require.Assertions, c Config) { r.Zero(c.App.Port) },
		},
		"the later of two variables": {
			environ: []string{"BOOKSTORE_APP_PORT=1", "BOOKSTORE_APP_PORT=2"},
			check:   func(r *require.Assertions, c Config) { r.Equal(2, c.App.Port) },
		},
		"an empty variable that goes back to embedded": {
			yaml: outside, environ: []string{"BOOKSTORE_DB_HOST=", "BOOKSTORE_MQ_BROKERS="},
			check: func(r *require.Assertions, c Config) { r.True(c.EmbeddedPostgres() && c.EmbeddedKafka()) },
		},
		"variables of tests and of other programs": {
			environ: []string{"BOOKSTORE_TEST_BROKERS=x", "BOOKSTORES=1", "HOME=/root"},
			check:   func(r *require.Assertions, c Config) { r.Equal(Default(), c) },
		},
		"a role list": {
			yaml: outside + "app: { role: [api, projector, api] }",
			check: func(r *require.Assertions, c Config) {
				r.Equal([]Role{RoleAPI, RoleProjector}, c.App.Roles)
				r.True(c.Has(RoleAPI))
				r.False(c.Has(RoleCommands))
				r.False(c.Has(RoleAll))
			},
		},
		"all is every role": {
			check: func(r *require.Assertions, c Config) {
				r.True(c.Has(RoleAll) && c.Has(RoleAPI) && c.Has(RoleCommands) && c.Has(RoleProjector) && c.Has(RoleInsights))
			},
		},
		"hosts of every kind": {
			yaml:  "db: { host: '2001:db8::1' }",
			check: func(r *require.Assertions, c Config) { r.Equal("2001:db8::1", c.DB.Host) },
		},
		"a socket directory": {
			yaml:  "db: { host: /var/run/postgresql }",
			check: func(r *require.Assertions, c Config) { r.Equal("/var/run/postgresql", c.DB.Host) },
		},
		"free ports for everything": {
			yaml:  "app: { port: 0 }\nembedded: { kafka_port: 0, postgres_port: 0 }",
			check: func(r *require.Assertions, c Config) { r.Zero(c.App.Port) },
		},
		"an embedded port that nothing uses": {
			yaml:  outside + "embedded: { kafka_port: 8080, postgres_port: 8080 }",
			check: func(r *require.Assertions, c Config) { r.Equal(8080, c.Embedded.KafkaPort) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := load(t, test.yaml, test.environ...)
			require.NoError(t, err)
			test.check(require.New(t), got)
		})
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	const range16 = "give 0 to 65535"
	tests := map[string]struct {
		yaml    string
		environ []string
		want    Fault // its Source, when empty, is not compared
	}{
		"unknown key":              {yaml: "app: { prot: 1 }", want: Fault{Key: "app.prot", Problem: "is not a setting", Hint: "did you mean app.port?"}},
		"unknown section":          {yaml: "zzz: { yyy: 1 }", want: Fault{Key: "zzz.yyy", Problem: "is not a setting"}},
		"key of another section":   {yaml: "db: { brokers: x }", want: Fault{Key: "db.brokers", Problem: "is not a setting", Hint: "did you mean mq.brokers?"}},
		"key in capitals":          {yaml: "db: { Host: x }", want: Fault{Key: "db.Host", Problem: "is not a setting", Hint: "did you mean db.host?"}},
		"section with a value":     {yaml: "app: 5", want: Fault{Key: "app", Problem: "is a section", Hint: "its settings go below it, on lines of their own"}},
		"key with a dot":           {yaml: "app.port: 5", want: Fault{Key: "app.port", Problem: "is written with a dot", Hint: "write the section and, below it, the setting"}},
		"unknown variable":         {environ: []string{"BOOKSTORE_DB_PASWORD=hunter2"}, want: Fault{Source: "BOOKSTORE_DB_PASWORD", Problem: "is not a variable of this program", Hint: "did you mean BOOKSTORE_DB_PASSWORD?"}},
		"text for a number":        {yaml: "app: { port: http }", want: Fault{Key: "app.port", Value: "http", Problem: "is not a whole number", Hint: range16}},
		"fraction":                 {yaml: "app: { port: 80.5 }", want: Fault{Key: "app.port", Value: "80.5", Problem: "is not a whole number", Hint: range16}},
		"section for a number":     {yaml: "app: { port: { x: 1 } }", want: Fault{Key: "app.port", Value: "map[x:1]", Problem: "is not a whole number", Hint: range16}},
		"number too high":          {environ: []string{"BOOKSTORE_APP_PORT=65536"}, want: Fault{Source: "BOOKSTORE_APP_PORT", Key: "app.port", Value: "65536", Problem: "is out of range", Hint: range16}},
		"number too low":           {yaml: "app: { port: -1 }", want: Fault{Key: "app.port", Value: "-1", Problem: "is out of range", Hint: range16}},
		"number beyond 64 bits":    {yaml: "app: { port: 18446744073709551615 }", want: Fault{Key: "app.port", Value: "18446744073709551615", Problem: "is out of range", Hint: range16}},
		"number missing":           {yaml: "app: { port: }", want: Fault{Key: "app.port", Problem: "is empty", Hint: range16}},
		"number empty in variable": {environ: []string{"BOOKSTORE_APP_PORT="}, want: Fault{Key: "app.port", Problem: "is empty", Hint: range16}},
		"page size of none":        {yaml: "app: { page_size: 0 }", want: Fault{Key: "app.page_size", Value: "0", Problem: "is out of range", Hint: "give 1 to 100"}},
		"duration without a unit":  {yaml: "app: { query_wait: 5 }", want: Fault{Key: "app.query_wait", Value: "5", Problem: "is not a duration with a unit", Hint: "give 0s to 1m, such as 500ms or 5s"}},
		"duration too long":        {yaml: "app: { shutdown_timeout: 1h }", want: Fault{Key: "app.shutdown_timeout", Value: "1h", Problem: "is out of range", Hint: "give 1s to 10m, such as 500ms or 5s"}},
		"unknown role":             {yaml: "app: { role: reader }", want: Fault{Key: "app.role", Value: "reader", Problem: `names an unknown role "reader"`, Hint: "give all, api, commands, projector or insights, several by commas"}},
		"no role":                  {yaml: "app: { role: [] }", want: Fault{Key: "app.role", Value: "[]", Problem: "is empty", Hint: "give all, api, commands, projector or insights, several by commas"}},
		"all and another role":     {yaml: "app: { role: 'all,api' }", want: Fault{Key: "app.role", Value: "all,api", Problem: "names all beside others", Hint: "give either all or some of the others"}},
		"role for embedded broker": {yaml: "app: { role: api }\ndb: { host: db }", want: Fault{Key: "app.role", Value: "api", Problem: "needs a broker that other processes reach, and the embedded one lives and ends with this process", Hint: "set mq.brokers, or app.role to all"}},
		"role for embedded db":     {yaml: "app: { role: 'api,commands' }\nmq: { brokers: 'k:1' }", want: Fault{Key: "app.role", Value: "api,commands", Problem: "needs a PostgreSQL that other processes reach, and the embedded one lives and ends with this process", Hint: "set db.host, or app.role to all"}},
		"unknown level":            {yaml: "app: { log_level: INFO+1 }", want: Fault{Key: "app.log_level", Value: "INFO+1", Problem: "is not known", Hint: "give debug, info, warn or error"}},
		"unknown format":           {yaml: "app: { log_format: xml }", want: Fault{Key: "app.log_format", Value: "xml", Problem: "is not known", Hint: "give text or json"}},
		"no data directory":        {yaml: "app: { data_dir: '  ' }", want: Fault{Key: "app.data_dir", Value: "  ", Problem: "is empty"}},
		"NUL in a path":            {yaml: `app: { data_dir: "a\0b" }`, want: Fault{Key: "app.data_dir", Value: "a\x00b", Problem: "holds a NUL byte"}},
		"URL for a host":           {yaml: "db: { host: 'postgres://db' }", want: Fault{Key: "db.host", Value: "postgres://db", Problem: "is a URL", Hint: "give the host alone; user, password and database have keys of their own"}},
		"port in a host":           {yaml: "db: { host: 'db:5432' }", want: Fault{Key: "db.host", Value: "db:5432", Problem: "holds a port", Hint: "give it as db.port"}},
		"number for a text":        {yaml: "db: { user: 5 }", want: Fault{Key: "db.user", Value: "5", Problem: "is not a text", Hint: "put it in quotes"}},
		"number for the password":  {yaml: "db: { password: 0123 }", want: Fault{Key: "db.password", Problem: "is not a text", Hint: "put it in quotes"}},
		"broker without a port":    {yaml: "mq: { brokers: [k1:9092, k2] }", want: Fault{Key: "mq.brokers", Value: "[k1:9092 k2]", Problem: `names a broker "k2" without a host or a port`, Hint: "give host:port, such as kafka-1:9092, several by commas"}},
		"topic Kafka refuses":      {yaml: "mq: { topic: 'a b' }", want: Fault{Key: "mq.topic", Value: "a b", Problem: "is not a topic name", Hint: "give 1 to 249 of the characters a-z A-Z 0-9 . _ -"}},
		"searches among opens":     {yaml: "mq: { topic: lr-book-opens }", want: Fault{Key: "mq.topic", Value: "lr-book-opens", Problem: "is the service's own topic for something else", Hint: "give searches a topic of their own"}},
		"searches among events":    {yaml: "mq: { topic: lr-book-events }", want: Fault{Key: "mq.topic", Value: "lr-book-events", Problem: "is the service's own topic for something else", Hint: "give searches a topic of their own"}},
		"one port for two":         {yaml: "app: { port: 9092 }", want: Fault{Key: "embedded.kafka_port", Value: "9092", Problem: "is the port of app.port too", Hint: "give each its own"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := faultsOf(t, test.yaml, test.environ...)
			require.Len(t, got, 1)
			if test.want.Source == "" {
				test.want.Source = got[0].Source
			}
			require.Equal(t, test.want, got[0])
		})
	}
}

func TestFaultsDontFollowFromOneAnother(t *testing.T) {
	t.Parallel()
	// Were the refused host taken for an absent one, the role would be at fault
	// too, for a reason that isn't so.
	got := faultsOf(t, "app: { role: api }\ndb: { host: 'db:5432' }\nmq: { brokers: [k2] }")
	var keys []string
	for _, fault := range got {
		keys = append(keys, fault.Key)
	}
	require.Equal(t, []string{"db.host", "mq.brokers"}, keys)
}

func TestAFileThatIsNamedMustExist(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "absent.yml"), []string{"BOOKSTORE_APP_PORT=x"})
	var faults *Faults
	require.ErrorAs(t, err, &faults)
	require.Len(t, faults.List, 2, "the file's absence must not hide what else is wrong")
}

func TestTheDefaultFileNeedNotExist(t *testing.T) {
	t.Chdir(t.TempDir())
	got, err := Load("", nil)
	require.NoError(t, err)
	require.Equal(t, Default(), got)

	require.NoError(t, os.WriteFile(DefaultPath, []byte("app: { port: 81 }"), 0o600))
	got, err = Load("", nil)
	require.NoError(t, err)
	require.Equal(t, 81, got.App.Port)
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	const password = "hunter2"
	for name, yaml := range map[string]string{
		"as an anchor":       "db: { password: *hunter2 }",
		"as a map":           "db: { password: {hunter2} }",
		"as a list":          "db: { password: [hunter2] }",
		"with a NUL":         `db: { password: "hunter2\0" }`,
		"under a wrong key":  "db: { pasword: hunter2 }",
		"as the whole file":  "hunter2",
		"beside other fault": "db: { password: hunter2, port: x }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, yaml)
			require.Error(t, err)
			require.NotContains(t, err.Error(), password)
		})
	}
	t.Run("in a config", func(t *testing.T) {
		t.Parallel()
		c, err := load(t, "db: { password: hunter2 }")
		require.NoError(t, err)
		require.Equal(t, password, string(c.DB.Password))

		asJSON, err := json.Marshal(c)
		require.NoError(t, err)
		var logged strings.Builder
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", c)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", c, "password", c.DB.Password)
		for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.DB.Password, c.DB.Password), string(asJSON), logged.String()} {
			require.NotContains(t, shown, password)
			require.Contains(t, shown, "[secret]")
		}
	})
}

// TestManyMistakes pins what an operator sees who got everything wrong. Run it
// with UPDATE_GOLDEN=1 to write the file anew, and read the difference.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	_, err := Load("testdata/mistakes.yml", []string{
		"BOOKSTORE_APP_DATA_DIRECTORY=/x",
		"BOOKSTORE_MQ_PARTITIONS=many",
		"BOOKSTORE_DB_PASSWORD=hunter2",
	})
	var faults *Faults
	require.ErrorAs(t, err, &faults)

	const golden = "testdata/mistakes.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(golden, []byte(faults.Error()+"\n"), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), faults.Error()+"\n")
	require.Equal(t, len(faults.List), strings.Count(string(want), "\n"), "one line each")
}

func TestConnString(t *testing.T) {
	t.Parallel()
	tests := []DB{
		{Host: "db", Port: 5432, User: "bookstore", Password: "simple", Database: "lr_event_book"},
		{Host: "/var/run/post gres", Port: 1, User: `o'br\ien`, Password: `' p=1 \`, Database: "a b"},
		{Host: "2001:db8::1", Port: 5432, User: "u", Database: "d", Password: "käse=%20@/"},
	}
	for _, db := range tests {
		parsed, err := pgconn.ParseConfig(db.ConnString())
		require.NoError(t, err)
		got := DB{Host: parsed.Host, Port: int(parsed.Port), User: parsed.User, Password: Secret(parsed.Password), Database: parsed.Database}
		require.Equal(t, db, got)
	}
}
