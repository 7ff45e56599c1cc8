package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Open goes to an address of the service, such as /books/7, and waits until the page
// has loaded.
func (p *Page) Open(path string) *Page {
	p.t.Helper()
	address, err := p.base.Parse(path)
	if err != nil {
		p.fail("open %s: %v", path, err)
	}
	p.do("open "+path, chromedp.Navigate(address.String()))

	return p
}

// Reload loads the page anew.
func (p *Page) Reload() *Page {
	p.t.Helper()
	p.do("reload", chromedp.Reload())

	return p
}

// Back goes to the page before. It may come as it was left, without being loaded.
func (p *Page) Back() *Page {
	p.t.Helper()
	history := call(p, page.GetNavigationHistory, cdp.Empty{})
	if history.CurrentIndex == 0 {
		p.fail("go back: it is the first page")
	}
	before := history.Entries[history.CurrentIndex-1].ID

	return p.Loads(func() {
		call(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: before})
	})
}

// Loads takes a step that leads to another page, such as following a link or sending
// a form without JavaScript, and waits until that page has loaded: what is asked next
// is not asked of the old one.
func (p *Page) Loads(step func()) *Page {
	p.t.Helper()
	var origin float64
	p.Eval("performance.timeOrigin", &origin)
	step()
	ask[bool](p, "wait for another page", question("loadedSince", origin))

	return p
}

// URL returns the page's address.
func (p *Page) URL() string {
	p.t.Helper()
	var address string
	p.Eval("location.href", &address)

	return address
}

// Title returns the page's title.
func (p *Page) Title() string {
	p.t.Helper()
	var title string
	p.Eval("document.title", &title)

	return title
}
