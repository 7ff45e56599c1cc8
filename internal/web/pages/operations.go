package pages

// operations are the routes of operators.
func (p *Pages) operations() []route { return nil }
