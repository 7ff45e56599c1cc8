package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed templates/*.html.tmpl
var templateFiles embed.FS

// templates are the pages by name: "book" is templates/book.html.tmpl, which defines
// "title" and "main" for the layout. Files whose names begin with "_" are parts that all
// pages can use.
type templates map[string]*template.Template

func newTemplates(a assets) (templates, error) {
	common, err := template.New("").Funcs(functions(a)).ParseFS(templateFiles, "templates/_*.html.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parse the common templates: %w", err)
	}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	all := make(templates)
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "_") {
			continue
		}
		page, err := common.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, path.Join("templates", f.Name()))
		}
		if err != nil {
			return nil, fmt.Errorf("parse template %s: %w", f.Name(), err)
		}
		all[strings.TrimSuffix(f.Name(), ".html.tmpl")] = page
	}
	return all, nil
}

// render sends a page, or, to htmx, the block of it that is called part. Nothing is sent
// before all of it is made.
func (t templates) render(w http.ResponseWriter, r *http.Request, status int, page, part string, data any) error {
	block := "_layout.html.tmpl"
	if part != "" && r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-History-Restore-Request") != "true" {
		block = part
	}
	body, err := t.block(page, block, data)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	// What a page shows is of the moment and of its reader.
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "HX-Request")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

// block makes one block of a page.
func (t templates) block(page, block string, data any) ([]byte, error) {
	var body bytes.Buffer
	if err := t[page].ExecuteTemplate(&body, block, data); err != nil {
		return nil, fmt.Errorf("make page %s: %w", page, err)
	}
	return body.Bytes(), nil
}
