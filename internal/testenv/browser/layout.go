package browser

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// RequireFits fails the test if the page is wider than the window.
func (p *Page) RequireFits() *Page {
	p.t.Helper()
	var wider []string
	p.Eval(question("wider"), &wider)
	if len(wider) > 0 {
		p.fail("wider than the window:\n%s", strings.Join(wider, "\n"))
	}

	return p
}

// Screenshot makes the window as large as size and writes what is in view to path, as
// PNG, in place of what is there. Directories are made.
func (p *Page) Screenshot(path string, size Size) *Page {
	p.t.Helper()
	p.Resize(size)
	ctx, cancel := p.within()
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.fail("take screenshot %s: %v", path, err)
	}
	if err := write(path, picture); err != nil {
		p.fail("keep screenshot: %v", err)
	}

	return p
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}

	return os.WriteFile(path, content, 0o644)
}
