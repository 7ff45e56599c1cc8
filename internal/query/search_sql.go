package query

// popularBooks is how many of the most popular books are asked whether they are among
// very many that match. Of few that match, the popularity of each counts.
const popularBooks = 400

// statement is a SELECT of bookColumns and place, as [readPage] wants it, of the
// books from offset on. Nothing of what was typed gets into its text, so PostgreSQL
// plans it once; the work is that of search_books, see migrations/00004_search.sql.
func (p plan) statement(offset int) (books string, args []any) {
	if len(p.tiers) == 0 {
		return `SELECT ` + bookColumns + `, 0 AS place FROM books WHERE false`, nil
	}
	conditions, better := make([]string, len(p.tiers)), make([]*string, len(p.tiers))
	for i, t := range p.tiers {
		conditions[i], better[i] = t.condition, orNull(t.better)
	}
	whole := either(p.tiers[p.wider-1].condition, p.tiers[len(p.tiers)-1].condition)
	n := len(p.steps)
	tiers, through, bits := make([]int, n), make([]int, n), make([]int, n)
	newest, drivers, exact := make([]bool, n), make([]*string, n), make([]bool, n)
	for i, s := range p.steps {
		tiers[i], through[i], bits[i] = s.tier+1, s.through+1, s.bits
		newest[i], drivers[i], exact[i] = s.newest, orNull(s.way.driver), s.way.exact
	}
	known := append([]int64{}, p.known...) // no books are not null
	return `
		SELECT ` + bookColumns + `, place FROM unnest((search_books(
			$1::text[]::tsquery[], $2::text[]::tsquery[], $3::tsquery, $4, $5, $6, $7, $8::text[]::tsquery[], $9, $10, $11, $12
		))[$13 + 1:]) WITH ORDINALITY AS found (id, place) JOIN books USING (id)`,
		[]any{conditions, better, whole, tiers, through, bits, newest, drivers, exact, known, popularBooks, p.wanted, offset}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
