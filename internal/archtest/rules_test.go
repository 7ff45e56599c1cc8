package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pkg is what the rules need to know of a package of this module, without its
// tests.
type pkg struct {
	ImportPath string
	Imports    []string // direct
	Deps       []string // direct and by way of others
}

const module = "bookstore"

// The sides of the service meet in the log, and in package app.
var (
	// alone never import one another, nor any of the clients.
	alone = []string{module + "/internal/command", module + "/internal/projection", module + "/internal/query"}
	// sides: no package but app imports two of these.
	sides = append([]string{module + "/internal/messaging", module + "/internal/embedded"}, alone...)
	// clients are Kafka's, and what wraps them. Whoever sees one is bound to Kafka.
	clients = []string{
		"github.com/IBM/sarama",
		"github.com/twmb/franz-go",
		"github.com/ThreeDotsLabs/watermill",
		"github.com/ThreeDotsLabs/watermill-kafka",
	}
	// free of clients are also those who declare the log that they need.
	free = append([]string{module + "/internal/feed", pages}, alone...)
	// pages ask the API, as any client would, and so know its edge alone.
	pages = module + "/internal/web/pages"
	edge  = module + "/internal/web"

	contract = module + "/internal/events"
	app      = module + "/internal/app"
	programs = module + "/cmd/"
	// benches measure the sides as app wires them, beside other ways to do the same.
	benches = module + "/internal/bench"
)

// brokenImports returns each break of the import rules.
func brokenImports(packages []pkg) []string {
	var broken []string
	for _, p := range packages {
		report := func(rule, imported string) {
			broken = append(broken, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imported, rule))
		}
		for _, d := range p.Deps {
			if slices.Contains(alone, p.ImportPath) && slices.Contains(alone, d) {
				report("the sides meet in the log only", d)
			}
			if slices.Contains(free, p.ImportPath) && slices.ContainsFunc(clients, func(client string) bool { return within(d, client) }) {
				report("Kafka is internal/messaging's", d)
			}
		}
		for _, i := range p.Imports {
			if p.ImportPath == pages && within(i, module) && i != edge {
				report("pages are a client of the API", i)
			}
		}
		if p.ImportPath == contract {
			for _, d := range p.Deps {
				if !standard(d) {
					report("the contract needs the standard library only", d)
				}
			}
		}
		if slices.Contains(p.Imports, app) && !strings.HasPrefix(p.ImportPath, programs) {
			report("app sees everyone; nobody sees app", app)
		}
		if slices.ContainsFunc(p.Imports, func(i string) bool { return within(i, benches) }) &&
			!strings.HasPrefix(p.ImportPath, programs) && !within(p.ImportPath, benches) {
			report("the service needs no benches", benches)
		}
		if p.ImportPath != app && !within(p.ImportPath, benches) {
			if seen := both(sides, p.Imports); len(seen) > 1 {
				report("only app, and what measures it, sees more than one side", strings.Join(seen, " and "))
			}
		}
	}
	return broken
}

// within says whether a package is the one called root or lies below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// standard says whether a package is of the standard library: its first element
// has no dot, and it is not this module's.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != module
}

func both(a, b []string) []string {
	var found []string
	for _, x := range a {
		if slices.Contains(b, x) {
			found = append(found, x)
		}
	}
	return found
}

// readTableWrite finds SQL that changes a table or view of the read models.
var readTableWrite = regexp.MustCompile(
	`(?i)\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?|COPY|MERGE\s+INTO|(?:ALTER|DROP|CREATE)\s+(?:TABLE|VIEW))` +
		`\s+(?:ONLY\s+|IF\s+(?:NOT\s+)?EXISTS\s+)*"?(?:(?:catalog|history|served|opened|trends|interests)_\w*|books|book_history)\b`)

// brokenGo returns the strings of a Go file that write read tables.
func brokenGo(name string, source []byte) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var broken []string
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err == nil && readTableWrite.MatchString(text) {
			broken = append(broken, fmt.Sprintf("%s writes a read table: %s", files.Position(literal.Pos()), readTableWrite.FindString(text)))
		}
		return true
	})
	return broken, nil
}

var sqlComment = regexp.MustCompile(`--[^\n]*|(?s:/\*.*?\*/)`)

// brokenSQL is the same for a file of SQL.
func brokenSQL(name string, source []byte) []string {
	var broken []string
	for _, found := range readTableWrite.FindAllString(sqlComment.ReplaceAllString(string(source), ""), -1) {
		broken = append(broken, fmt.Sprintf("%s writes a read table: %s", name, found))
	}
	return broken
}

// brokenComment says what is wrong with the package comment of a package, given
// the source of its files by name; "" when all is well.
func brokenComment(importPath string, sources map[string][]byte) (string, error) {
	var commented []string
	for name, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return "", err
		}
		if file.Doc != nil && strings.TrimSpace(file.Doc.Text()) != "" {
			commented = append(commented, name)
		}
	}
	slices.Sort(commented)
	_, hasDoc := sources["doc.go"]
	switch {
	case len(commented) == 0:
		return importPath + " has no package comment", nil
	case len(commented) > 1:
		return fmt.Sprintf("%s has package comments in %s", importPath, strings.Join(commented, " and ")), nil
	case commented[0] == "doc.go", !hasDoc && len(sources) == 1:
		return "", nil
	case commented[0] == "main.go" && strings.HasPrefix(importPath, programs):
		return "", nil // where go doc's readers look for a program
	}
	return fmt.Sprintf("%s has its package comment in %s, not in doc.go", importPath, commented[0]), nil
}
