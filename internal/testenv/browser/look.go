package browser

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/chromedp/cdproto/network"
)

// Text waits until an element can be seen, and returns its text as it is seen, with
// runs of white space as one space.
func (p *Page) Text(selector string) string {
	p.t.Helper()

	return ask[string](p, "text of "+selector, question("textOf", selector))
}

// Texts returns the texts of all elements that match and can be seen now, which may
// be none.
func (p *Page) Texts(selector string) []string {
	p.t.Helper()

	return ask[[]string](p, "texts of "+selector, question("texts", selector))
}

// Count returns how many elements match and can be seen now.
func (p *Page) Count(selector string) int {
	p.t.Helper()

	return ask[int](p, "count "+selector, question("count", selector, -1))
}

// Value waits until a field is there, seen or not, and returns what is in it.
func (p *Page) Value(selector string) string {
	p.t.Helper()

	return ask[string](p, "value of "+selector, question("valueOf", selector))
}

// Attribute waits until an element is there, seen or not, and returns an attribute of
// it, "" if it has none of that name.
func (p *Page) Attribute(selector, name string) string {
	p.t.Helper()

	return ask[string](p, name+" of "+selector, question("attribute", selector, name))
}

// WaitVisible waits until an element can be seen: it has a size and is neither
// transparent nor hidden. It need not be in the part of the page that is in view.
func (p *Page) WaitVisible(selector string) *Page {
	p.t.Helper()
	ask[bool](p, "wait for "+selector, question("visibleOne", selector))

	return p
}

// WaitText waits until an element that matches can be seen and its text, as [Page.Text]
// would return it, has part in it.
func (p *Page) WaitText(selector, part string) *Page {
	p.t.Helper()
	ask[bool](p, "wait for "+selector+" to say "+part, question("says", selector, part))

	return p
}

// WaitCount waits until that many elements match and can be seen.
func (p *Page) WaitCount(selector string, count int) *Page {
	p.t.Helper()
	ask[int](p, "wait for the number of "+selector, question("count", selector, count))

	return p
}

// WaitGone waits until no element that matches can be seen.
func (p *Page) WaitGone(selector string) *Page {
	p.t.Helper()
	ask[bool](p, "wait for the end of "+selector, question("gone", selector))

	return p
}

// WaitURL waits until the page's address has part in it.
func (p *Page) WaitURL(part string) *Page {
	p.t.Helper()
	ask[bool](p, "wait for the address to have "+part, question("at", part))

	return p
}

// Eval stores what an expression of JavaScript, or the promise that it is, comes to in
// into, as JSON would. With JavaScript off, nothing but the expression runs, so a
// promise may never be kept.
func (p *Page) Eval(expression string, into any) {
	p.t.Helper()
	var result json.RawMessage
	p.repeat("evaluate "+expression, func(ctx context.Context) (done bool, why string, err error) {
		result, err = evaluate[json.RawMessage](ctx, expression)

		return err == nil, "", err
	})
	if err := json.Unmarshal(result, into); err != nil {
		p.fail("evaluate %s: %v", expression, err)
	}
}

// Cookies returns the cookies that the window would send to the service.
func (p *Page) Cookies() []*http.Cookie {
	p.t.Helper()
	sameSite := map[network.CookieSameSite]http.SameSite{
		network.CookieSameSiteStrict: http.SameSiteStrictMode,
		network.CookieSameSiteLax:    http.SameSiteLaxMode,
		network.CookieSameSiteNone:   http.SameSiteNoneMode,
	}
	var cookies []*http.Cookie
	for _, c := range call(p, network.GetCookies, network.GetCookiesParams{URLs: []string{p.base.String()}}).Cookies {
		cookie := &http.Cookie{
			Name: c.Name, Value: c.Value, Path: c.Path, HttpOnly: c.HTTPOnly, Secure: c.Secure, SameSite: sameSite[c.SameSite],
		}
		if !c.Session {
			cookie.Expires = time.Unix(int64(c.Expires), 0)
		}
		cookies = append(cookies, cookie)
	}

	return cookies
}
