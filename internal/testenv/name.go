package testenv

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
)

var notLegal = regexp.MustCompile(`[^a-z0-9]+`)

// Name returns a prefix that no other test, and no other run, uses: the start
// of the test's name and some random letters, at most 28 characters of
// [a-z0-9_]. It begins with a letter and is legal, as it is, in names of
// topics, consumer groups and PostgreSQL schemas.
func Name(t testing.TB) string {
	t.Helper()
	const fromTest, random = 17, 10
	name := notLegal.ReplaceAllString(strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), "_")
	name = strings.Trim(name[:min(len(name), fromTest)], "_")
	if name == "" || name[0] < 'a' {
		name = ("t" + name)[:min(len(name)+1, fromTest)]
	}

	return name + "_" + strings.ToLower(rand.Text()[:random])
}
