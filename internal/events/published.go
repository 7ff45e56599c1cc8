package events

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

// ISO 8601 calendar dates: a year, a year and a month, or a full date. The year
// has four digits, or a sign and up to six (the expanded form, agreed here to be
// any number of digits up to six so that "-750" in a real catalogue passes).
// Year 0000 is 1 BC, -0001 is 2 BC (ISO 8601, astronomical years).
var publishedAtForm = regexp.MustCompile(`^([+-]\d{1,6}|\d{1,4})(?:-(\d{2})(?:-(\d{2}))?)?$`)

// Why a publication date is refused; the texts are fit for the client.
var (
	ErrPublishedAtForm = errors.New(`must be an ISO 8601 date: "1813-01-28", "1813-01", "1813", or with a sign before Christ: "-0750"`)
	ErrPublishedAtDay  = errors.New("names a day or month that does not exist")
)

// CheckPublishedAt says whether s can be a book's published_at: "", or an
// ISO 8601 date as precise as is known. Nothing is rewritten: what was put in
// comes out.
func CheckPublishedAt(s string) error {
	if s == "" {
		return nil
	}
	m := publishedAtForm.FindStringSubmatch(s)
	if m == nil {
		return ErrPublishedAtForm
	}
	if m[2] == "" {
		return nil
	}
	year, _ := strconv.Atoi(m[1])
	month, _ := strconv.Atoi(m[2])
	day := 1
	if m[3] != "" {
		day, _ = strconv.Atoi(m[3])
	}
	// time.Date normalises what does not exist (February 30 becomes March 2), and
	// its calendar is the proleptic Gregorian one that ISO 8601 prescribes.
	d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if d.Year() != year || int(d.Month()) != month || d.Day() != day {
		return ErrPublishedAtDay
	}
	return nil
}
