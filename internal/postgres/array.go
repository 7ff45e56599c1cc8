package postgres

import "strconv"

// ArrayText is an array as PostgreSQL reads it. Arrays of several lengths have no other
// form in which they can be sent together, as elements of one.
func ArrayText(numbers []int32) string {
	text := []byte{'{'}
	for i, n := range numbers {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(n), 10)
	}
	return string(append(text, '}'))
}
