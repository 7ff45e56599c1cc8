package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"
)

// addDescribed gives a router what openapi.json describes and the server itself
// does not bring.
func addDescribed(t *testing.T, router *mux.Router, but string) {
	t.Helper()
	routes, err := describedRoutes()
	require.NoError(t, err)
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		brought := strings.HasPrefix(path, "/api/") || path == "/trends" || path == "/recommendations"
		if brought && route != but {
			router.Handle(path, http.NotFoundHandler()).Methods(method)
		}
	}
}

func TestCheckRoutes(t *testing.T) {
	t.Parallel()
	complete := setup(t, func(r *mux.Router) { addDescribed(t, r, "") })
	require.NoError(t, CheckRoutes(complete.Router()))

	missing := setup(t, func(r *mux.Router) { addDescribed(t, r, "PUT /api/books/{id}") })
	require.Error(t, CheckRoutes(missing.Router()))

	extra := setup(t, func(r *mux.Router) {
		addDescribed(t, r, "")
		r.Handle("/api/books", http.NotFoundHandler()).Methods("PATCH")
	})
	require.Error(t, CheckRoutes(extra.Router()))

	anyMethod := setup(t, func(r *mux.Router) {
		addDescribed(t, r, "")
		r.Handle("/api/books", http.NotFoundHandler())
	})
	require.Error(t, CheckRoutes(anyMethod.Router()))
}

func parseDocument(t *testing.T) map[string]any {
	t.Helper()
	var document map[string]any
	require.NoError(t, json.Unmarshal(openAPIDocument, &document))
	return document
}

// walk visits every object of a document.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

func TestReferencesInOpenAPILead(t *testing.T) {
	t.Parallel()
	document := parseDocument(t)
	used := map[string]bool{}
	walk(document, func(object map[string]any) {
		ref, there := object["$ref"].(string)
		if !there {
			return
		}
		used[ref] = true
		var at any = document
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			at = at.(map[string]any)[step]
			require.NotNil(t, at, ref)
		}
	})
	for kind, components := range document["components"].(map[string]any) {
		for name := range components.(map[string]any) {
			require.True(t, used["#/components/"+kind+"/"+name], "%s %s is described but not used", kind, name)
		}
	}
}

func TestOpenAPIKnowsAllProblems(t *testing.T) {
	t.Parallel()
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(openAPIDocument, &document))
	require.ElementsMatch(t, slices.Collect(maps.Keys(problemKinds)), document.Components.Schemas["Problem"].Properties["type"].Enum)
}

func TestOpenAPIShowsBooksAsTheyAre(t *testing.T) {
	t.Parallel()
	var document struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal(openAPIDocument, &document))
	for name, shown := range map[string]any{"Book": Book{}, "Highlights": Highlights{}} {
		var members []string
		for field := range reflect.TypeOf(shown).Fields() {
			member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			members = append(members, member)
		}
		require.ElementsMatch(t, members, slices.Collect(maps.Keys(document.Components.Schemas[name].Properties)), name)
	}
}

func TestEveryOperationIsDescribed(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for path, operations := range parseDocument(t)["paths"].(map[string]any) {
		for method, operation := range operations.(map[string]any) {
			o := operation.(map[string]any)
			require.NotEmpty(t, o["summary"], "%s %s", method, path)
			require.NotEmpty(t, o["tags"], "%s %s", method, path)
			id := o["operationId"].(string)
			require.False(t, ids[id], id)
			ids[id] = true
			if strings.HasPrefix(path, "/api/") {
				require.Contains(t, o["responses"], "400")
				require.Contains(t, o["responses"], "500")
				require.Contains(t, o["responses"], "503")
			}
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	reply := b.do(t, "GET", "/openapi.json", "")
	require.Equal(t, "application/json", reply.Header.Get("Content-Type"))
	require.JSONEq(t, string(openAPIDocument), string(reply.body))
	require.Equal(t, 304, b.do(t, "GET", "/openapi.json", "", "If-None-Match", reply.Header.Get("ETag")).StatusCode)
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	reply := b.do(t, "GET", "/docs", "")
	page := string(reply.body)
	require.Equal(t, "text/html; charset=utf-8", reply.Header.Get("Content-Type"))
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "ZgotmplZ", "html/template refused to put something in")
	require.NotRegexp(t, `(src|href)="(https?:)?//`, page)

	// Browsers apply the style only if its hash is the one in the policy.
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	require.Len(t, style, 2)
	hash := sha256.Sum256([]byte(style[1]))
	require.Contains(t, reply.Header.Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'")

	for kind := range problemKinds { // where the type of a problem leads to
		_, anchor, _ := strings.Cut(kind, "#")
		require.Contains(t, page, `id="`+anchor+`"`)
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, page, `id="`+link[1]+`"`)
	}
	routes, err := describedRoutes()
	require.NoError(t, err)
	for _, route := range routes {
		require.Contains(t, page, "<code>"+route+"</code>")
	}
}
