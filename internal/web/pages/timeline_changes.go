package pages

import "unicode/utf8"

// change is what became of one of a book's details.
type change struct {
	Field    string // as in the API
	From, To string // "" where there was, or is, nothing; cut where long
}

// changes tells two versions of a book apart. Without an earlier one all that there is
// counts as new; a book that was deleted has none.
func changes(before, after *details) []change {
	if after == nil {
		return nil
	}
	if before == nil {
		before = &details{}
	}
	var all []change
	old := before.fields()
	for i, f := range after.fields() {
		if f.Value != old[i].Value {
			from, to := cutAround(old[i].Value, f.Value)
			all = append(all, change{f.Name, from, to})
		}
	}
	return all
}

// Bounds of what is shown of a long text, in characters.
const (
	longText    = 200 // is cut above this
	aroundText  = 40  // stays on either side of what differs
	differsText = 240 // of what differs
)

// cutAround cuts two texts, where they are long, to where they differ.
func cutAround(from, to string) (string, string) {
	if utf8.RuneCountInString(from) <= longText && utf8.RuneCountInString(to) <= longText {
		return from, to
	}
	a, b := []rune(from), []rune(to)
	same := 0 // at the beginning
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	end := 0 // the same at the end
	for end < min(len(a), len(b))-same && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return cut(a, same, end), cut(b, same, end)
}

// cut returns what is between the same characters at the beginning and at the end, and
// some around it.
func cut(text []rune, same, end int) string {
	from, to := max(same-aroundText, 0), min(len(text)-end+aroundText, len(text))
	head, tail := "", ""
	if from > 0 {
		head = "…"
	}
	if to-from > differsText+2*aroundText {
		to = from + differsText + 2*aroundText
	}
	if to < len(text) {
		tail = "…"
	}
	return head + string(text[from:to]) + tail
}
