package isbn_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/isbn"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"9783161484100":     "9783161484100", // the International ISBN Agency's example
		"978-3-16-148410-0": "9783161484100",
		"979-10-90636-07-1": "9791090636071",
		"0-306-40615-2":     "9780306406157",
		"0 439 02348 3":     "9780439023481",
		"0439023483":        "9780439023481",
		"0-8044-2957-X":     "9780804429573",
		"080442957x":        "9780804429573",
		"0 8044 2957 - x ":  "9780804429573",

		"ISBN 0-306-40615-2":                      "9780306406157",
		"ISBN0306406152":                          "9780306406157",
		"isbn: 0306406152":                        "9780306406157",
		"ISBN-10: 0-306-40615-2":                  "9780306406157",
		"ISBN-10 0306406152":                      "9780306406157",
		"Isbn13:9783161484100":                    "9783161484100",
		"ISBN 13 : 978-3-16-148410-0":             "9783161484100",
		"ISBN-13 978-3-16-148410-0":               "9783161484100",
		"ISBN-13: 0-306-40615-2":                  "9780306406157", // the label is wrong, the number is not
		"ISBN 1316610144":                         "9781316610145", // begins as a label ends
		"ISBN 1000000001":                         "9781000000009",
		"ISBN-13\u00a0978‑3‑16‑148410‑0":          "9783161484100", // no-break space and hyphens
		"978–3–16–148410–0":                       "9783161484100", // en dashes
		"978−3−16−148410−0":                       "9783161484100", // minus signs
		"978\u202f3\u202f16\u202f148410\u202f0\n": "9783161484100",
		"\u200e978-3161484100":                    "9783161484100", // a mark that shops' pages have before it
		"\ufeff9783161\u00ad484100":               "9783161484100",
	} {
		got, ok := isbn.Parse(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for why, texts := range map[string][]string{
		"nothing":             {"", " ", "-", "ISBN", "ISBN-13:", "ISBN:", ":"},
		"check digit":         {"0306406153", "9783161484101", "080442957X0", "0804429571", "030640615X"},
		"length":              {"306406152", "03064061522", "978316148410", "97831614841000", "ISBN-13", "10", "13", "ISBN10:13"},
		"an X elsewhere":      {"X804429570", "08044X2957", "978316148410X", "XXXXXXXXXX", "X"},
		"prefix":              {"9773161484103", "9803161484108", "4006381333931"},
		"sheet music":         {"9790260000438", "979-0-2600-0043-8"},
		"something around it": {"#0306406152", "0306406152.", "see 0306406152", "0306406152, 0306406152", "0306406152:", ":0306406152", "ISBN ISBN 0306406152", "ISBN-11: 0306406152", "ISBN-1310: 0306406152"},
		"other digits":        {"٠٣٠٦٤٠٦١٥٢", "\uff10306406152", "030640615²"},
		"not a text":          {"0306406152\xff", "0306406152\x00"},
	} {
		for _, text := range texts {
			got, ok := isbn.Parse(text)
			require.False(t, ok, "%s: %q", why, text)
			require.Empty(t, got, "%s: %q", why, text)
		}
	}
}

// digits draws n of them.
func digits(n int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), n, n, n)
}

// completed adds the check digit. It is found by trying, with ISO 2108's definition,
// so that these tests share nothing with the code.
func completed(t *rapid.T, body string) string {
	for _, check := range "0123456789X" {
		whole := body + string(check)
		if (len(whole) == 10 || check != 'X') && sound(whole) {
			return whole
		}
	}
	t.Fatalf("%s has no check digit", body)
	return ""
}

// sound says whether the weighted sum of an ISBN's characters is a multiple of its
// modulus: weights 10 to 1 and 11, or 1 and 3 in turn and 10.
func sound(s string) bool {
	weights, modulus := []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 11
	if len(s) == 13 {
		weights, modulus = []int{1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1}, 10
	}
	sum := 0
	for i, c := range s {
		sum += weights[i] * strings.IndexRune("0123456789X", c)
	}
	return sum%modulus == 0
}

// anyISBN draws an ISBN of either kind, without separators.
func anyISBN() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			return completed(t, digits(9).Draw(t, "digits"))
		case 1:
			return completed(t, "978"+digits(9).Draw(t, "digits"))
		}
		return completed(t, "979"+rapid.StringMatching(`[1-9][0-9]{8}`).Draw(t, "digits"))
	})
}

func TestEveryISBNIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := anyISBN().Draw(t, "isbn")
		got, ok := isbn.Parse(text)
		require.True(t, ok)
		if len(text) == 13 {
			require.Equal(t, text, got)
			return
		}
		require.Equal(t, completed(t, "978"+text[:9]), got)
	})
}

func TestHowItIsWrittenChangesNothing(t *testing.T) {
	t.Parallel()
	separators := rapid.StringOfN(rapid.RuneFrom([]rune("-\u2010\u2011\u2012\u2013\u2014\u2212\u00ad \t\u00a0\u2007\u2009\u202f\u3000\u200b\u200e")), 0, 2, -1)
	labels := rapid.SampledFrom([]string{"", "ISBN", "isbn:", "ISBN-10", "ISBN-10:", "ISBN 13", "ISBN-13:", "Isbn13 :"})
	rapid.Check(t, func(t *rapid.T) {
		plain := anyISBN().Draw(t, "isbn")
		want, ok := isbn.Parse(plain)
		require.True(t, ok)

		var b strings.Builder
		b.WriteString(labels.Draw(t, "label"))
		for _, c := range plain {
			b.WriteString(separators.Draw(t, "separators"))
			b.WriteRune(c)
		}
		b.WriteString(separators.Draw(t, "separators"))
		text := b.String()
		if rapid.Bool().Draw(t, "lower case") {
			text = strings.ToLower(text)
		}
		got, ok := isbn.Parse(text)
		require.True(t, ok, "%q", text)
		require.Equal(t, want, got)
	})
}

// What the check digit is for: no slip of one key gives another book.
func TestAWrongDigitIsNoticed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(anyISBN().Draw(t, "isbn"))
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		text[at] = rapid.SampledFrom([]byte("0123456789X")).Filter(func(c byte) bool { return c != text[at] }).Draw(t, "instead")
		_, ok := isbn.Parse(string(text))
		require.False(t, ok, "%s", text)
	})
}

func TestSwappedNeighboursInTenAreNoticed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(completed(t, digits(9).Draw(t, "digits")))
		at := rapid.IntRange(0, 8).Filter(func(i int) bool { return text[i] != text[i+1] }).Draw(t, "at")
		text[at], text[at+1] = text[at+1], text[at]
		_, ok := isbn.Parse(string(text))
		require.False(t, ok, "%s", text)
	})
}

func TestWhatIsReadIsAnISBNAndReadsAsItself(t *testing.T) {
	t.Parallel()
	almost := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789789Xx-: ISBN")), 0, 24, -1)
	rapid.Check(t, func(t *rapid.T) {
		got, ok := isbn.Parse(rapid.OneOf(rapid.String(), almost, anyISBN()).Draw(t, "text"))
		if !ok {
			require.Empty(t, got)
			return
		}
		require.Regexp(t, `^97[89][0-9]{10}$`, got)
		require.True(t, sound(got))
		again, ok := isbn.Parse(got)
		require.True(t, ok)
		require.Equal(t, got, again)
	})
}
