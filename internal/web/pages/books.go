package pages

// books are the routes of single books.
func (p *Pages) books() []route { return nil }
