package pages

import (
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// functions are what templates can call.
func functions(a assets) template.FuncMap {
	return template.FuncMap{
		"asset": a.url,
		// A time as people read it; the page says that it is UTC.
		"moment":  func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") },
		"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"plural": func(n int64, one, many string) string {
			if n == 1 {
				return one
			}
			return many
		},
		"int64": func(n int) int64 { return int64(n) },
		// The API has escaped what it marks, see [web.Highlights].
		"marked":  func(s string) template.HTML { return template.HTML(s) },
		"year":    year,
		"excerpt": excerpt,
		"label":   label,

		"searchForAuthor": searchForAuthor,
	}
}

// dateForm is a date as books have it: a year, with a sign where it has more than four
// digits or is before Christ, and maybe a month and a day, as ISO 8601 writes it. But -0750
// is 750 BC, as catalogues mean it, and not 751 BC, as astronomers count.
var dateForm = regexp.MustCompile(`^([+-]?\d+)(?:-\d{2}){0,2}$`)

// year returns the year of a date as people write it, "" where there is none.
func year(date string) string {
	found := dateForm.FindStringSubmatch(date)
	if found == nil {
		return ""
	}
	n, err := strconv.Atoi(found[1])
	switch {
	case err != nil:
		return ""
	case n < 0:
		return strconv.Itoa(-n) + " BC"
	default:
		return strconv.Itoa(n)
	}
}

// excerptLength is about how much of a description a list shows, in characters.
const excerptLength = 240

// excerpt returns the beginning of a long text, up to the end of a word.
func excerpt(text string) string {
	all := []rune(text)
	if len(all) <= excerptLength {
		return text
	}
	cut := string(all[:excerptLength])
	if space := strings.LastIndexAny(cut, " \t\r\n"); space > len(cut)/2 { // some scripts have no spaces
		cut = cut[:space]
	}
	return strings.TrimRight(cut, " \t\r\n.,;:") + "…"
}

// label is what people call a field of the API.
func label(field string) string {
	switch field {
	case "title":
		return "Title"
	case "author":
		return "Author"
	case "published_at":
		return "Published"
	case "isbn":
		return "ISBN"
	case "description":
		return "Description"
	case "q":
		return "Your search"
	case "o":
		return "The page"
	default:
		return field
	}
}
