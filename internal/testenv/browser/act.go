package browser

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Click clicks in the middle of an element, with the left button.
func (p *Page) Click(selector string) *Page {
	p.t.Helper()
	at := p.whereAtRest(selector)
	p.do("click "+selector, chromedp.MouseEvent(chromedp.MouseMoved, at.X, at.Y), chromedp.MouseClickXY(at.X, at.Y))

	return p
}

// point is where to click in the window, at a time (ms) on the page's clock.
type point struct{ X, Y, Time float64 }

// whereAtRest returns where to click an element that did not move for a moment: a page
// that just got something new pushes the rest aside, and the click would miss.
func (p *Page) whereAtRest(selector string) point {
	p.t.Helper()
	over := time.NewTimer(p.patience)
	defer over.Stop()
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()
	for at := ask[point](p, "click "+selector, question("usable", selector)); ; {
		select {
		case <-over.C:
			p.fail("click %s: it moved for %s", selector, p.patience)
		case <-ticker.C:
		}
		again := ask[point](p, "click "+selector, question("usable", selector))
		if again.Time > at.Time && again.X == at.X && again.Y == at.Y {
			return again
		}
		at = again
	}
}

// Type sets the focus on a field and adds text to its end, a key at a time. Line
// breaks are the Enter key.
func (p *Page) Type(selector, text string) *Page {
	p.t.Helper()
	ask[bool](p, "type into "+selector, question("focus", selector))
	for _, character := range text {
		if _, onKeyboard := kb.Keys[character]; onKeyboard {
			p.do("type into "+selector, chromedp.KeyEvent(string(character)))
		} else { // as an input method does
			call(p, input.InsertText, input.InsertTextParams{Text: string(character)})
		}
	}

	return p
}

// Clear empties a field, as selecting all and the Delete key do.
func (p *Page) Clear(selector string) *Page {
	p.t.Helper()
	ask[bool](p, "clear "+selector, question("clear", selector))
	p.do("clear "+selector, chromedp.KeyEvent(kb.Delete))

	return p
}

// Set gives a field a value at once, where there is none to type: dates
// ("2006-01-02"), the choice in a select (its option's value).
func (p *Page) Set(selector, value string) *Page {
	p.t.Helper()
	ask[bool](p, "set "+selector, question("set", selector, value))

	return p
}

// named are the keys that [Page.Press] knows besides the characters.
var named = map[string]string{
	"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape, "Space": " ",
	"Backspace": kb.Backspace, "Delete": kb.Delete,
	"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
	"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown,
}

var modifiers = map[string]chromedp.Modifier{
	"Shift": chromedp.ModifierShift, "Control": chromedp.ModifierCtrl, "Alt": chromedp.ModifierAlt,
}

// Press presses keys one after the other, wherever the focus is: a character, Enter,
// Tab, Escape, Space, Backspace, Delete, ArrowUp, ArrowDown, ArrowLeft, ArrowRight,
// Home, End, PageUp or PageDown, each with Shift+, Control+ or Alt+ before it if need
// be. Wait for a selector with :focus to see where the focus went.
func (p *Page) Press(keys ...string) *Page {
	p.t.Helper()
	for _, key := range keys {
		held, name := chromedp.ModifierNone, key
		for plus := strings.Index(name, "+"); plus > 0; plus = strings.Index(name, "+") {
			modifier, known := modifiers[name[:plus]]
			if !known {
				p.fail("press %s: no such modifier", key)
			}
			held, name = held|modifier, name[plus+1:]
		}
		code, known := named[name]
		if !known && utf8.RuneCountInString(name) != 1 {
			p.fail("press %s: no such key", key)
		} else if !known {
			code = name
		}
		p.do("press "+key, chromedp.KeyEvent(code, chromedp.KeyModifiers(held)))
	}

	return p
}
