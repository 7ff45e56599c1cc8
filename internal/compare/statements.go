package compare

import (
	"fmt"
	"strings"
)

// span is a part of a table: the rows whose key is greater than after and not
// greater than upTo, both the text forms of a key's values. Nil is no bound.
type span struct{ after, upTo []string }

// statements makes the SQL that compares one pair. In it, a and n are the active
// and the new side.
type statements struct{ layout }

// where returns the condition for the rows of a span, and its arguments. It says
// the same in several ways, so that an index scan touches these rows and no more.
// Bounds are values and not NULLs to be checked for. Columns that are equal in
// both bounds are equal in all rows between: comparing whole rows, PostgreSQL
// would not stop at the upper bound before the first column grows, and so read a
// million rows that share it again for each chunk of them. And of a comparison of
// rows the planner does not see how little it leaves; of its first column's
// range it does.
func (s statements) where(part span) (condition string, args []any) {
	conditions := []string{"true"}
	bind := func(bound []string) func(i int) string {
		args = append(args, bound)
		parameter := len(args)
		return func(i int) string { return fmt.Sprintf("($%d::text[])[%d]::%s", parameter, i+1, s.key[i].sqlType) }
	}
	shared := part.shared()
	limit := func(operator string, value func(i int) string) {
		rest := s.key[shared:]
		columns, values := make([]string, len(rest)), make([]string, len(rest))
		for i, k := range rest {
			columns[i], values[i] = k.quoted(), value(shared+i)
		}
		conditions = append(conditions, "("+list(columns)+") "+operator+" ("+list(values)+")")
		if len(rest) > 1 {
			conditions = append(conditions, columns[0]+" "+operator[:1]+"= "+values[0])
		}
	}
	if part.after != nil {
		limit(">", bind(part.after))
	}
	if part.upTo != nil {
		value := bind(part.upTo)
		limit("<=", value)
		for i, k := range s.key[:shared] {
			conditions = append(conditions, k.quoted()+" = "+value(i))
		}
	}
	return strings.Join(conditions, " AND "), args
}

// shared is the number of leading columns in which the bounds are equal.
func (p span) shared() int {
	n := 0
	for n < min(len(p.after), len(p.upTo)) && p.after[n] == p.upTo[n] {
		n++
	}
	return n
}

// bound returns the query for the key that ends a chunk of rows, of both sides
// together, behind after. It has no result if fewer are left.
func (s statements) bound(after []string, rows int) (sql string, args []any) {
	condition, args := s.where(span{after: after})
	columns, named, texts := make([]string, len(s.key)), make([]string, len(s.key)), make([]string, len(s.key))
	for i, k := range s.key {
		columns[i] = k.quoted()
		named[i] = fmt.Sprintf("%s AS k%d", columns[i], i)
		texts[i] = fmt.Sprintf("k%d::text", i)
	}
	next := func(table string) string {
		return fmt.Sprintf("(SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d)", list(named), table, condition, list(columns), rows)
	}
	return fmt.Sprintf("SELECT ARRAY[%s] FROM (%s UNION ALL %s) AS next ORDER BY %s OFFSET %d LIMIT 1",
		list(texts), next(s.active.name), next(s.new.name), s.each("k%d", len(s.key)), rows-1), args
}

// checksums returns the query for the number and the sum of checksums of the
// rows of part, of both sides.
func (s statements) checksums(part span) (sql string, args []any) {
	condition, args := s.where(part)
	sums := func(table string) string {
		return fmt.Sprintf("(SELECT count(*) AS total, coalesce(sum(%s), 0)::text AS checksum FROM %s WHERE %s)",
			s.rowChecksum(), table, condition)
	}
	return fmt.Sprintf("SELECT a.total, a.checksum, n.total, n.checksum FROM %s AS a, %s AS n",
		sums(s.active.name), sums(s.new.name)), args
}

// rowChecksum returns the expression for a row's checksum, see the package
// comment. Measured, the chain takes two thirds of the time of hashing the text
// of the whole row, whose quoting looks at each character. A NULL hashes as ”
// with one bit of the seed flipped; columns that are never NULL do without, which
// saves another fifth.
func (s statements) rowChecksum() string {
	hash := "0"
	for _, c := range s.common {
		text := c.quoted() + "::text"
		if !c.notNull {
			hash = fmt.Sprintf("(%s IS NULL)::int::bigint # %s", text, hash)
			text = "coalesce(" + text + ", '')"
		}
		hash = fmt.Sprintf("hashtextextended(%s%s, %s)", text, bytewise, hash)
	}
	return hash
}

// bytewise makes texts equal only if their bytes are, whatever the collations of
// their columns, and lets those of two be compared.
const bytewise = ` COLLATE "C"`

// counts returns the query for the number of rows in part that only the active
// side has, that only the new side has, that changed, and, in an array, that
// changed in each common column.
func (s statements) counts(part span) (sql string, args []any) {
	condition, args := s.where(part)
	fields := make([]string, len(s.common))
	for i := range s.common {
		fields[i] = fmt.Sprintf("count(*) FILTER (WHERE %s)", changed(i))
	}
	return fmt.Sprintf(`SELECT count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s), ARRAY[%s] FROM %s`,
		onlyActive, onlyNew, s.anyChanged(), list(fields), s.joined(condition)), args
}

// rows returns the query for the rows of part that meet one of the conditions:
// whether each side has it, the key, and the common columns of both sides.
func (s statements) rows(part span, conditions []string) (sql string, args []any) {
	within, args := s.where(part)
	keys := s.each("coalesce(a.k%[1]d, n.k%[1]d)", len(s.key))
	return fmt.Sprintf(`SELECT a.here IS NOT NULL, n.here IS NOT NULL, ARRAY[%s], ARRAY[%s], ARRAY[%s] FROM %s WHERE %s ORDER BY %s`,
		s.each("coalesce(a.k%[1]d, n.k%[1]d)::text", len(s.key)),
		s.each("a.c%d", len(s.common)), s.each("n.c%d", len(s.common)),
		s.joined(within), strings.Join(conditions, " OR "), keys), args
}

// joined returns both sides of part, matched by key: k0, k1... is the key, c0,
// c1... the text forms of the common columns.
func (s statements) joined(condition string) string {
	columns, matches := []string{"true AS here"}, make([]string, len(s.key))
	for i, k := range s.key {
		columns = append(columns, fmt.Sprintf("%s AS k%d", k.quoted(), i))
		matches[i] = fmt.Sprintf("a.k%[1]d = n.k%[1]d", i)
	}
	for i, c := range s.common {
		columns = append(columns, fmt.Sprintf("%s::text%s AS c%d", c.quoted(), bytewise, i))
	}
	side := func(table string) string {
		return fmt.Sprintf("(SELECT %s FROM %s WHERE %s)", list(columns), table, condition)
	}
	return fmt.Sprintf("%s AS a FULL JOIN %s AS n ON %s", side(s.active.name), side(s.new.name), strings.Join(matches, " AND "))
}

// Conditions on what joined returns.
const (
	onlyActive = "n.here IS NULL"
	onlyNew    = "a.here IS NULL"
)

// changed is the condition that a row of both sides differs in the i-th common
// column.
func changed(i int) string {
	return fmt.Sprintf("(a.here AND n.here AND a.c%[1]d IS DISTINCT FROM n.c%[1]d)", i)
}

func (s statements) anyChanged() string {
	fields := make([]string, len(s.common))
	for i := range s.common {
		fields[i] = changed(i)
	}
	return strings.Join(fields, " OR ")
}

// each lists format for the numbers 0 to n-1.
func (statements) each(format string, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return list(all)
}

func list(expressions []string) string { return strings.Join(expressions, ", ") }

func countAll(quotedTable string) string { return "SELECT count(*) FROM " + quotedTable }

func explain(quotedTable string) string { return "EXPLAIN (FORMAT JSON) SELECT FROM " + quotedTable }
