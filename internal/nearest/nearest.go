// Package nearest finds the name that was most likely meant, for messages that say
// what is not known and what may have been meant. It is pure: names in, a name out.
package nearest

// longest is more than any name has: the distance is quadratic in its length.
const longest = 64

// Name returns the known name that is nearest to the given one (Levenshtein), or ""
// when none is within half of its letters.
func Name(given string, known []string) string {
	if len(given) > longest {
		return ""
	}
	name, best := "", len(given)/2+1
	for _, k := range known {
		if d := distance(given, k); d < best {
			name, best = k, d
		}
	}
	return name
}

// distance counts the bytes to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
