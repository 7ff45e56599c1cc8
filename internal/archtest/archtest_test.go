package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's, from this package's directory.
const root = "../.."

func TestImports(t *testing.T) {
	t.Parallel()
	packages := list(t)
	require.Empty(t, brokenImports(packages))

	// A rule about packages that are not there would hold for ever.
	var paths []string
	for _, p := range packages {
		paths = append(paths, p.ImportPath)
	}
	require.Subset(t, paths, append([]string{contract, app}, sides...))
}

// list asks the go command for all packages of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", "./...")
	command.Dir = root
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	require.NoError(t, err, complaints.String())
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else {
			require.NoError(t, err)
		}
		packages = append(packages, p)
	}
}

func TestOnlyProjectionWritesReadTables(t *testing.T) {
	t.Parallel()
	seen := 0
	for path, source := range sources(t) {
		if strings.HasPrefix(path, "internal/projection/") {
			continue
		}
		seen++
		if strings.HasSuffix(path, ".sql") {
			require.Empty(t, brokenSQL(path, source))
			continue
		}
		broken, err := brokenGo(path, source)
		require.NoError(t, err)
		require.Empty(t, broken)
	}
	require.Greater(t, seen, 50)
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	packages := map[string]map[string][]byte{}
	for path, source := range sources(t) {
		if !strings.HasSuffix(path, ".go") {
			continue
		}
		dir := filepath.Dir(path)
		if packages[dir] == nil {
			packages[dir] = map[string][]byte{}
		}
		packages[dir][filepath.Base(path)] = source
	}
	for dir, files := range packages {
		broken, err := brokenComment(module+"/"+dir, files)
		require.NoError(t, err)
		require.Empty(t, broken)
	}
}

// sources are the module's files of Go, without tests, and of SQL, by path.
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "data") {
				return fs.SkipDir
			}
			return nil
		}
		goFile := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !goFile && !strings.HasSuffix(name, ".sql") {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		found[filepath.ToSlash(relative)], err = os.ReadFile(path)
		return err
	}))
	return found
}
