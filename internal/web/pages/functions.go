package pages

import (
	"html/template"
	"time"
)

// functions are what templates can call.
func functions(a assets) template.FuncMap {
	return template.FuncMap{
		"asset": a.url,
		// A time as people read it; the page says that it is UTC.
		"moment":  func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") },
		"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"plural": func(n int64, one, many string) string {
			if n == 1 {
				return one
			}
			return many
		},
		// The API has escaped what it marks, see [web.Highlights].
		"marked": func(s string) template.HTML { return template.HTML(s) }, //nolint:gosec // see above
	}
}
