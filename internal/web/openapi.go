package web

import (
	_ "embed" // openapi.json
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// openAPIDocument describes the API as it is seen from outside (OpenAPI 3.1). It
// is written by hand: it says what is promised, where a generated one would say
// what happens to be.
//
//go:embed openapi.json
var openAPIDocument []byte

// CheckRoutes compares the routes of a router with those that /openapi.json
// describes, and names each that only one of them has. The program's test runs
// it on the real router, so that the description stays true.
func CheckRoutes(router *mux.Router) error {
	described, err := describedRoutes()
	if err != nil {
		return err
	}
	served, err := servedRoutes(router)
	if err != nil {
		return err
	}
	var differences []error
	for _, route := range served {
		if !slices.Contains(described, route) {
			differences = append(differences, fmt.Errorf("%s is served but not in openapi.json", route))
		}
	}
	for _, route := range described {
		if !slices.Contains(served, route) {
			differences = append(differences, fmt.Errorf("%s is in openapi.json but not served", route))
		}
	}
	return errors.Join(differences...)
}

// describedRoutes lists the routes in openapi.json: "GET /api/books/{id}".
func describedRoutes() ([]string, error) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(openAPIDocument, &document); err != nil {
		return nil, fmt.Errorf("read openapi.json: %w", err)
	}
	var routes []string
	for path, operations := range document.Paths {
		for method := range operations {
			routes = append(routes, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	return routes, nil
}

// PageRoute begins the names of routes that answer people with pages, and are no part of
// the API.
const PageRoute = "page "

// servedRoutes lists the routes of a router in the same form, but for pages. HEAD is left
// out: it comes with GET. A route without methods takes all, which nobody could
// describe.
func servedRoutes(router *mux.Router) ([]string, error) {
	var routes []string
	err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		root := route.GetHandler() == nil // of a subrouter
		if root || strings.HasPrefix(route.GetName(), PageRoute) {
			return nil
		}
		path, err := route.GetPathTemplate()
		if err != nil {
			return fmt.Errorf("read the path of a route: %w", err)
		}
		methods, err := route.GetMethods()
		if err != nil {
			return fmt.Errorf("read the methods of %s: %w", path, err)
		}
		for _, method := range methods {
			if method != "HEAD" {
				routes = append(routes, method+" "+path)
			}
		}
		return nil
	})
	slices.Sort(routes)
	return routes, err
}
