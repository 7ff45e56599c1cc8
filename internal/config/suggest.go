package config

// suggest returns a hint at the known name that is nearest to the given one, or
// nothing when none is near enough to be what was meant.
func suggest(given string, known []string) string {
	nearest, best := "", len(given)/2
	for _, name := range known {
		if d := distance(given, name); d < best {
			nearest, best = name, d
		}
	}
	if nearest == "" {
		return ""
	}
	return "did you mean " + nearest + "?"
}

// distance counts the characters to insert, delete or replace to get from a to
// b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
