package operations_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
)

// The description of the API is written by hand. It says what is promised, so it
// and the answers must have the same members.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../web/openapi.json")
	require.NoError(t, err)
	var described struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
	require.NoError(t, json.Unmarshal(document, &described))

	for name, answer := range map[string]any{
		"Projection":     operations.Projection{},
		"Generation":     operations.Generation{},
		"Parked":         operations.Parked{},
		"ParkedRecord":   operations.ParkedRecord{},
		"Asked":          operations.Asked{},
		"Rebuild":        rebuild.Rebuild{},
		"RebuildRequest": rebuild.Request{},
		"Estimate":       rebuild.Estimate{},
		"Verification":   compare.Report{},
		"ComparedTable":  compare.Table{},
		"DifferingRow":   compare.Row{},
		"Activity":       operations.Activity{},
		"Second":         operations.Second{},
	} {
		schema := described.Components.Schemas[name]
		var all, always []string
		for _, field := range reflect.VisibleFields(reflect.TypeOf(answer)) {
			member, option, _ := strings.Cut(field.Tag.Get("json"), ",")
			if member == "" {
				continue // an embedded struct
			}
			all = append(all, member)
			if option != "omitempty" && name != "RebuildRequest" {
				always = append(always, member)
			}
		}
		require.ElementsMatch(t, all, slices.Collect(maps.Keys(schema.Properties)), name)
		require.ElementsMatch(t, always, schema.Required, name)
	}

	var served, promised []string
	router := mux.NewRouter()
	(&operations.API{}).Routes(router)
	require.NoError(t, router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		require.NoError(t, err)
		methods, err := route.GetMethods()
		require.NoError(t, err)
		for _, method := range methods {
			if method != "HEAD" {
				served = append(served, method+" "+path)
			}
		}
		return nil
	}))
	for path, operations := range described.Paths {
		if !strings.HasPrefix(path, "/api/projections") && !strings.HasPrefix(path, "/api/parked") && path != "/api/activity" {
			continue
		}
		for method := range operations {
			promised = append(promised, strings.ToUpper(method)+" "+path)
		}
	}
	require.ElementsMatch(t, promised, served)
}
