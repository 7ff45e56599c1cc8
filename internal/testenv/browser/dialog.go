package browser

import (
	"context"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// dismissDialog answers no. Until a dialog is answered, the page answers nothing, and
// each step would fail without saying why. The dialog is a fault anyway.
func (p *Page) dismissDialog() {
	ctx, cancel := context.WithTimeout(p.ctx, reportLimit)
	defer cancel()
	_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false})
}
