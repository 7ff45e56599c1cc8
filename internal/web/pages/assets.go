package pages

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gorilla/mux"

	"bookstore/internal/web"
)

// Pico CSS 2.1.1, htmx 2.0.11 and its extension for server-sent events 2.2.4, as
// published; licences has theirs. bookstore.* is ours.
//
//go:embed assets/*.css assets/*.js assets/*.svg
var assetFiles embed.FS

// assets are files that pages need. Their addresses change with their content, so that
// browsers may keep them for ever.
type assets struct {
	content map[string][]byte // by addressed name: htmx.min.3f2a1b.js
	names   map[string]string // by name: htmx.min.js
}

func newAssets() (assets, error) {
	a := assets{content: make(map[string][]byte), names: make(map[string]string)}
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		return a, fmt.Errorf("list the assets: %w", err)
	}
	for _, f := range files {
		content, err := assetFiles.ReadFile("assets/" + f.Name())
		if err != nil {
			return a, fmt.Errorf("read asset %s: %w", f.Name(), err)
		}
		sum := sha256.Sum256(content)
		extension := path.Ext(f.Name())
		addressed := strings.TrimSuffix(f.Name(), extension) + "." + hex.EncodeToString(sum[:6]) + extension
		a.names[f.Name()], a.content[addressed] = addressed, content
	}
	return a, nil
}

// url is the address of an asset. A name that is none is a fault of the template.
func (a assets) url(name string) (string, error) {
	addressed, there := a.names[name]
	if !there {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return "/assets/" + addressed, nil
}

func (a assets) serve(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	content, there := a.content[name]
	if !there {
		return web.NotFound("There is no such file, or no longer: the page that asked for it is of another version. Load it again.")
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(content)
	return nil
}
