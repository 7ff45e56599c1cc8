package compare

import (
	"slices"
)

// layout is how the columns of a pair match.
type layout struct {
	pair        Pair
	active, new shape
	key         []column // of the active side; empty where rows can't be matched
	common      []column // that both sides have, by name; notNull only where both sides say so
	report      Table    // with what is known from the columns alone
}

// match fails with ErrNoTable and ErrNoKey: a pair that fits neither side is
// a mistake of the caller's, while one that fits one side is a difference.
func match(p Pair, active, fresh shape) (layout, error) {
	l := layout{pair: p, active: active, new: fresh, report: Table{
		Table:  p.Name,
		Fields: []Field{}, Added: []string{}, Removed: []string{}, Retyped: []string{}, Samples: []Row{},
	}}
	switch {
	case !active.exists && !fresh.exists:
		return layout{}, ErrNoTable
	case !active.exists:
		l.report.OnlyIn = New
		return l, nil
	case !fresh.exists:
		l.report.OnlyIn = Active
		return l, nil
	case !active.isKey(p.Key) && !fresh.isKey(p.Key):
		return layout{}, ErrNoKey
	}
	l.matchColumns()
	l.report.KeyChanged = !active.isKey(p.Key) || !fresh.isKey(p.Key) ||
		slices.ContainsFunc(p.Key, func(name string) bool { return slices.Contains(l.report.Retyped, name) })
	if l.report.KeyChanged {
		return l, nil
	}
	for _, name := range p.Key {
		l.key = append(l.key, active.columns[name])
	}
	return l, nil
}

func (l *layout) matchColumns() {
	for name, a := range l.active.columns {
		n, both := l.new.columns[name]
		if !both {
			l.report.Removed = append(l.report.Removed, name)
			continue
		}
		if a.sqlType != n.sqlType || a.collation != n.collation {
			l.report.Retyped = append(l.report.Retyped, name)
		}
		a.notNull = a.notNull && n.notNull
		l.common = append(l.common, a)
	}
	for name := range l.new.columns {
		if _, both := l.active.columns[name]; !both {
			l.report.Added = append(l.report.Added, name)
		}
	}
	slices.SortFunc(l.common, byName)
	slices.Sort(l.report.Added)
	slices.Sort(l.report.Removed)
	slices.Sort(l.report.Retyped)
}

func byName(a, b column) int {
	if a.name < b.name {
		return -1
	}
	return 1 // names are unique
}

// isKey reports whether the columns called names identify a row of the table,
// which its primary key has to vouch for: rows joined by less would be counted
// several times, and those with NULL be missed.
func (s shape) isKey(names []string) bool {
	primary := 0
	for _, c := range s.columns {
		if c.primary {
			if !slices.Contains(names, c.name) {
				return false
			}
			primary++
		}
	}
	return primary > 0 && !slices.ContainsFunc(names, func(name string) bool { return !s.columns[name].notNull })
}
