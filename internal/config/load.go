package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"bookstore/internal/nearest"
)

// DefaultPath is the file that is read when none is named.
const DefaultPath = "config.yml"

const (
	envPrefix     = "BOOKSTORE_"
	envTestPrefix = "BOOKSTORE_TEST_" // read by the tests, which may start the program with them still set
)

// Load reads the configuration: the defaults, over them the file at path, over
// it the variables in environ (as os.Environ gives them; of two with the same
// name the later holds, so a command line flag can be appended as one).
//
// An empty path means DefaultPath, which need not exist; a path that is given
// must. The only error is a *Faults with all mistakes of all sources.
func Load(path string, environ []string) (Config, error) {
	l := &loader{config: Default(), sources: map[string]string{}, faulted: map[string]bool{}}
	l.settings = settings(&l.config)

	file, fileName := l.readFile(path)
	variables := l.readEnviron(environ)
	for _, s := range l.settings {
		switch {
		case variables.Exists(s.key):
			l.apply(s, envName(s.key), variables.Get(s.key))
		case file.Exists(s.key):
			l.apply(s, fileName, file.Get(s.key))
		}
	}
	l.checkTogether()

	if len(l.faults) > 0 {
		return Config{}, &Faults{List: l.faults}
	}
	return l.config, nil
}

// loader is the state of one Load.
type loader struct {
	config   Config
	settings []setting         // write into config
	sources  map[string]string // key → the source that set it; keys at their default are missing
	faulted  map[string]bool   // keys whose value was refused, so that no rule judges their default
	faults   []Fault
}

// apply puts a value in its place, or notes why it can't.
func (l *loader) apply(s setting, source string, value any) {
	l.sources[s.key] = source
	fault := s.set(value)
	if fault == nil {
		return
	}
	l.faulted[s.key] = true
	if value == nil || value == "" {
		fault.problem = "is empty"
	}
	shown := ""
	if value != nil && !s.secret {
		shown = fmt.Sprint(value)
	}
	l.faults = append(l.faults, Fault{Source: source, Key: s.key, Value: shown, Problem: fault.problem, Hint: fault.hint})
}

// readFile reads the file at path and notes what in it is no setting. A file
// that can't be read or parsed is one fault and counts as empty after that, so
// that the environment's mistakes are still reported beside it.
func (l *loader) readFile(path string) (file *koanf.Koanf, name string) {
	file = koanf.New(".")
	explicit := path != ""
	if !explicit {
		path = DefaultPath
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return file, path
	}
	if err != nil {
		l.faults = append(l.faults, Fault{Source: path, Problem: "can't be read: " + reason(err)})
		return file, path
	}
	if err := file.Load(bytesProvider(content), yaml.Parser()); err != nil {
		l.faults = append(l.faults, Fault{Source: path, Problem: "is not valid YAML: " + withoutContent(err)})
		return koanf.New("."), path
	}
	l.faults = append(l.faults, l.misplaced(path, file)...)
	return file, path
}

// misplaced returns a fault for each key of the file that is no setting, sorted.
//
// A section with nothing in it is fine: all of its lines may be commented out.
// So is what lies below a setting: the setting itself will be refused for not
// being a plain value, without showing what may be a part of a password.
func (l *loader) misplaced(path string, file *koanf.Koanf) []Fault {
	known := l.keys()
	within := func(section, key string) bool { return strings.HasPrefix(key, section+".") }

	var found []Fault
	for key, value := range file.All() {
		isSetting := slices.Contains(known, key)
		isBelowSetting := slices.ContainsFunc(known, func(k string) bool { return within(k, key) })
		isSection := slices.ContainsFunc(known, func(k string) bool { return within(key, k) })
		switch {
		case isSetting, isBelowSetting, isSection && isNothing(value):
		case isSection:
			found = append(found, Fault{Source: path, Key: key, Problem: "is a section", Hint: "its settings go below it, on lines of their own"})
		default:
			found = append(found, Fault{Source: path, Key: key, Problem: "is not a setting", Hint: didYouMean(key, known)})
		}
	}
	// Flattened, "app.port: 1" looks like port in the section app. Given both,
	// which one held would be a matter of luck.
	for key := range file.Raw() {
		if strings.Contains(key, ".") {
			found = append(found, Fault{Source: path, Key: key, Problem: "is written with a dot", Hint: "write the section and, below it, the setting"})
		}
	}
	slices.SortFunc(found, func(a, b Fault) int { return strings.Compare(a.Key, b.Key) })
	return found
}

// isNothing reports whether a section's value is absent or has no keys.
func isNothing(value any) bool {
	section, isMap := value.(map[string]any)
	return value == nil || isMap && len(section) == 0
}

// readEnviron takes the service's variables out of environ and notes those that
// name no setting.
func (l *loader) readEnviron(environ []string) *koanf.Koanf {
	keyOf := map[string]string{}
	names := make([]string, 0, len(l.settings))
	for _, key := range l.keys() {
		keyOf[envName(key)] = key
		names = append(names, envName(key))
	}

	var unknown []string
	provider := env.Provider(".", env.Opt{
		Prefix: envPrefix,
		TransformFunc: func(name, value string) (string, any) {
			key := keyOf[name]
			if key == "" && !strings.HasPrefix(name, envTestPrefix) {
				unknown = append(unknown, name)
			}
			return key, value
		},
		EnvironFunc: func() []string { return environ },
	})
	variables := koanf.New(".")
	if err := variables.Load(provider, nil); err != nil {
		l.faults = append(l.faults, Fault{Source: "environment", Problem: "can't be read: " + err.Error()})
	}

	slices.Sort(unknown)
	for _, name := range slices.Compact(unknown) {
		l.faults = append(l.faults, Fault{Source: name, Problem: "is not a variable of this program", Hint: didYouMean(name, names)})
	}
	return variables
}

func (l *loader) keys() []string {
	keys := make([]string, len(l.settings))
	for i, s := range l.settings {
		keys[i] = s.key
	}
	return keys
}

// envName returns the variable that sets key: db.password is BOOKSTORE_DB_PASSWORD.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// reason returns what the system said, without the path that the fault's source
// shows already.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// quotedContent matches what the YAML parser quotes of a file: a password that
// is not in quotes and begins with * is an unknown anchor to it.
var quotedContent = regexp.MustCompile("`[^`]*`|anchor '.*'")

// withoutContent returns the parser's complaint on one line, its line numbers
// included and the file's content left out.
func withoutContent(err error) string {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	message = strings.TrimPrefix(message, "unmarshal errors:\n")
	message = quotedContent.ReplaceAllString(message, "(content not shown)")
	var lines []string
	for line := range strings.Lines(message) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, ", ")
}

// bytesProvider hands a file's content to koanf.
type bytesProvider []byte

// ReadBytes returns the content for a parser.
func (b bytesProvider) ReadBytes() ([]byte, error) { return b, nil }

// Read is what koanf calls when there is no parser, which never happens here.
func (b bytesProvider) Read() (map[string]any, error) {
	return nil, errors.New("a file needs a parser")
}

func didYouMean(given string, known []string) string {
	if name := nearest.Name(given, known); name != "" {
		return "did you mean " + name + "?"
	}
	return ""
}
