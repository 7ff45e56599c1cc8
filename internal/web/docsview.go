package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

// docsView is what the page shows.
type docsView struct {
	Title, Summary, Description string
	Style                       template.CSS
	Tags                        []docsTag
	Schemas                     []docsSchema
	Problems                    []docsProblem
}

type docsTag struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Description string
	Parameters                             []docsValue
	Body                                   string // an example
	Responses                              []docsResponse
}

type docsResponse struct {
	Status, Description, Example string
	Headers                      []docsValue
}

// docsValue is a parameter, a header or a member of a schema.
type docsValue struct {
	Name, Where, Type, Description string
	Required                       bool
}

type docsSchema struct {
	Name, Description string
	Members           []docsValue
}

type docsProblem struct {
	Anchor, Title, Meaning string
	Status                 int
}

// openAPI is as much of OpenAPI 3.1 as openapi.json uses and the page shows.
type openAPI struct {
	Info struct{ Title, Summary, Description string }
	Tags []struct{ Name, Description string }

	Paths      map[string]map[string]openAPIOperation
	Components struct {
		Parameters, Headers map[string]openAPIValue
		Responses           map[string]openAPIResponse
		Schemas             map[string]openAPISchema
	}
}

type openAPIOperation struct {
	Tags                 []string
	OperationID          string `json:"operationId"`
	Summary, Description string
	Parameters           []openAPIValue
	RequestBody          struct{ Content openAPIContent }
	Responses            map[string]openAPIResponse
}

type openAPIValue struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                openAPISchema
}

type openAPIResponse struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     map[string]openAPIValue
	Content     openAPIContent
}

type openAPIContent map[string]struct{ Example json.RawMessage }

type openAPISchema struct {
	Ref                       string `json:"$ref"`
	Type, Format, Description string
	Enum                      []string
	Required                  []string
	Properties                map[string]openAPISchema
	Items                     *openAPISchema
	OneOf                     []openAPISchema `json:"oneOf"`
}

// newDocsView follows the references and puts all in the order in which it is read.
func newDocsView(document []byte) (docsView, error) {
	var api openAPI
	if err := json.Unmarshal(document, &api); err != nil {
		return docsView{}, fmt.Errorf("read openapi.json: %w", err)
	}
	view := docsView{
		Title: api.Info.Title, Summary: api.Info.Summary, Description: api.Info.Description,
		Style: template.CSS(docsStyle), // our own file
	}
	for _, tag := range api.Tags {
		view.Tags = append(view.Tags, docsTag{tag.Name, tag.Description, api.operationsOf(tag.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(api.Components.Schemas)) {
		schema := api.Components.Schemas[name]
		view.Schemas = append(view.Schemas, docsSchema{name, schema.Description, schema.members()})
	}
	for _, kind := range slices.Sorted(maps.Keys(problemKinds)) {
		k := problemKinds[kind]
		_, anchor, _ := strings.Cut(kind, "#")
		view.Problems = append(view.Problems, docsProblem{anchor, k.title, k.meaning, k.status})
	}
	return view, nil
}

func (api *openAPI) operationsOf(tag string) []docsOperation {
	var operations []docsOperation
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range routable {
			o, there := api.Paths[path][strings.ToLower(method)]
			if !there || !slices.Contains(o.Tags, tag) {
				continue
			}
			operations = append(operations, docsOperation{
				ID: o.OperationID, Method: method, Path: path, Summary: o.Summary, Description: o.Description,
				Parameters: api.parameters(o.Parameters), Body: example(o.RequestBody.Content), Responses: api.responses(o.Responses),
			})
		}
	}
	return operations
}

func (api *openAPI) parameters(values []openAPIValue) []docsValue {
	var shown []docsValue
	for _, v := range values {
		if v.Ref != "" {
			v = api.Components.Parameters[lastOf(v.Ref)]
		}
		shown = append(shown, docsValue{v.Name, v.In, v.Schema.name(), v.Description, v.Required})
	}
	return shown
}

func (api *openAPI) responses(byStatus map[string]openAPIResponse) []docsResponse {
	var shown []docsResponse
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		response := byStatus[status]
		if response.Ref != "" {
			response = api.Components.Responses[lastOf(response.Ref)]
		}
		r := docsResponse{Status: status, Description: response.Description, Example: example(response.Content)}
		for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
			header := response.Headers[name]
			if header.Ref != "" {
				header = api.Components.Headers[lastOf(header.Ref)]
			}
			r.Headers = append(r.Headers, docsValue{Name: name, Type: header.Schema.name(), Description: header.Description})
		}
		shown = append(shown, r)
	}
	return shown
}

func (s openAPISchema) members() []docsValue {
	var shown []docsValue
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		shown = append(shown, docsValue{Name: name, Type: p.name(), Description: p.Description, Required: slices.Contains(s.Required, name)})
	}
	return shown
}

// name is a schema in a word or two.
func (s openAPISchema) name() string {
	switch {
	case s.Ref != "":
		return lastOf(s.Ref)
	case s.Items != nil:
		return strings.TrimSpace("list of " + s.Items.name())
	case len(s.OneOf) > 0:
		var names []string
		for _, one := range s.OneOf {
			names = append(names, one.name())
		}
		return strings.Join(names, " | ")
	case len(s.Enum) > 0:
		return strings.Join(s.Enum, " | ")
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	default:
		return s.Type
	}
}

// example is a content's example as a reader would have it, indented.
func example(content openAPIContent) string {
	for _, media := range content {
		var indented bytes.Buffer
		if json.Indent(&indented, media.Example, "", "  ") == nil {
			return indented.String()
		}
	}
	return ""
}

// lastOf is what "#/components/headers/ETag" refers to: "ETag".
func lastOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
