package projection

import (
	"strconv"
	"strings"
	"time"
)

// pageColumns are pages column by column, as unnest takes them. It takes no arrays of
// arrays of different lengths apart, hence the books as the text of an array.
type pageColumns struct {
	books      []string
	at         []*time.Time
	partitions []*int32
	offsets    []*int64
}

// add appends a page; nil is none.
func (c *pageColumns) add(p *page) {
	if p == nil {
		p = &page{}
		c.at, c.partitions, c.offsets = append(c.at, nil), append(c.partitions, nil), append(c.offsets, nil)
	} else {
		c.at, c.partitions, c.offsets = append(c.at, &p.at), append(c.partitions, &p.partition), append(c.offsets, &p.offset)
	}
	text := make([]byte, 0, 2+8*len(p.books))
	text = append(text, '{')
	for i, id := range p.books {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, id, 10)
	}
	c.books = append(c.books, string(append(text, '}')))
}

// keepNewest is the part of ON CONFLICT DO UPDATE that has the columns of a page be
// those of the newer one: of the row that is there (before), or of the new one.
// Columns of pages that there are none of are null.
func keepNewest(books, at, partition, offset string) string {
	columns := []string{books, at, partition, offset}
	place := func(row string) string {
		return "(" + row + "." + at + ", " + row + "." + partition + ", " + row + "." + offset + ")"
	}
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = c + ` = CASE WHEN before.` + at + ` IS NULL OR ` + place("excluded") + ` > ` + place("before") +
			` THEN excluded.` + c + ` ELSE before.` + c + ` END`
	}
	return strings.Join(set, ",\n\t\t\t")
}
