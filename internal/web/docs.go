package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // docs.html.tmpl, docs.css
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
)

// docs holds /openapi.json and the page that is made from it, both made once.
type docs struct {
	json, html       []byte
	jsonTag, htmlTag string
	policy           string // Content-Security-Policy of the page
}

//go:embed docs.html.tmpl
var docsTemplate string

//go:embed docs.css
var docsStyle string

func newDocs() (*docs, error) {
	view, err := newDocsView(openAPIDocument)
	if err != nil {
		return nil, err
	}
	page, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	var html bytes.Buffer
	if err := page.Execute(&html, view); err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	// The page runs no script and loads nothing; its one style is named by its hash.
	hash := sha256.Sum256([]byte(docsStyle))
	return &docs{
		json: openAPIDocument, jsonTag: contentTag(openAPIDocument),
		html: html.Bytes(), htmlTag: contentTag(html.Bytes()),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}

// contentTag is the ETag of what never changes while the process runs.
func contentTag(content []byte) string {
	hash := sha256.Sum256(content)
	return `"` + hex.EncodeToString(hash[:8]) + `"`
}

func (d *docs) openAPI(w http.ResponseWriter, r *http.Request) error {
	return serveStatic(w, r, "application/json", d.json, d.jsonTag)
}

func (d *docs) page(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", d.policy)
	return serveStatic(w, r, "text/html; charset=utf-8", d.html, d.htmlTag)
}

func serveStatic(w http.ResponseWriter, r *http.Request, contentType string, content []byte, tag string) error {
	if NotModified(w, r, tag) {
		return nil
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(content)
	return nil
}
