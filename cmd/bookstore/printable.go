package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printable makes text from elsewhere safe for a terminal and keeps it on one
// line: control characters, which could move the cursor or recolour what follows,
// and invisible ones, which could reorder it, are written as escapes.
func printable(s string) string {
	return escape(s, func(b *strings.Builder, r rune) { fmt.Fprintf(b, `\u%04x`, r) })
}

// printableJSON does the same within JSON, whose meaning stays: what is not
// printable in it can only be part of a string.
func printableJSON(s string) string {
	return escape(s, func(b *strings.Builder, r rune) {
		if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
			return
		}
		fmt.Fprintf(b, `\u%04x`, r)
	})
}

func escape(s string, write func(*strings.Builder, rune)) string {
	if !strings.ContainsFunc(s, notPrintable) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // a byte that is not UTF-8 becomes U+FFFD
		if notPrintable(r) {
			write(&b, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }
