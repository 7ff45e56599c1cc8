package pages_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// document is a part of a page.
type document struct{ *html.Node }

func parse(t *testing.T, body string) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	require.NoError(t, err)
	return document{root}
}

// all returns the elements for which match holds, in their order.
func (d document) all(match func(document) bool) []document {
	var found []document
	for n := range d.Descendants() {
		if n.Type == html.ElementNode && match(document{n}) {
			found = append(found, document{n})
		}
	}
	return found
}

// tag returns the elements of a name.
func (d document) tag(name string) []document {
	return d.all(func(e document) bool { return e.Data == name })
}

// class returns the elements of a class.
func (d document) class(name string) []document {
	return d.all(func(e document) bool { return slices.Contains(strings.Fields(e.attr("class")), name) })
}

// has says whether there is an element with an id.
func (d document) has(id string) bool {
	return len(d.all(func(e document) bool { return e.attr("id") == id })) > 0
}

// id returns the element with an id.
func (d document) id(t *testing.T, id string) document {
	t.Helper()
	found := d.all(func(e document) bool { return e.attr("id") == id })
	require.Len(t, found, 1, "elements with id %s in: %s", id, d.text())
	return found[0]
}

// value returns what a form's field of a name has.
func (d document) value(t *testing.T, name string) string {
	t.Helper()
	fields := d.all(func(e document) bool { return e.attr("name") == name && e.Data != "meta" })
	require.Len(t, fields, 1, "fields called %s", name)
	if fields[0].Data == "textarea" {
		return fields[0].text()
	}
	return fields[0].attr("value")
}

func (d document) attr(name string) string {
	for _, a := range d.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what people read, with single spaces.
func (d document) text() string {
	var b strings.Builder
	for n := range d.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func texts(elements []document) []string {
	all := []string{}
	for _, e := range elements {
		all = append(all, e.text())
	}
	return all
}
