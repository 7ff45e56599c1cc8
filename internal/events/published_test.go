package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

func TestCheckPublishedAt(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]error{
		"":            nil,
		"1813":        nil,
		"1813-01":     nil,
		"1813-01-28":  nil,
		"0000":        nil, // 1 BC
		"-0750":       nil,
		"-750":        nil,
		"-0750-04-01": nil,
		"+12024":      nil,
		"800":         nil,
		"2024-02-29":  nil,
		"2000-02-29":  nil,
		"0000-02-29":  nil, // leap years go on before Christ
		"-0004-02-29": nil,
		"1582-10-10":  nil, // proleptic: no days were dropped

		"2023-02-29":  events.ErrPublishedAtDay,
		"1900-02-29":  events.ErrPublishedAtDay,
		"-0001-02-29": events.ErrPublishedAtDay,
		"1813-00":     events.ErrPublishedAtDay,
		"1813-13":     events.ErrPublishedAtDay,
		"1813-01-00":  events.ErrPublishedAtDay,
		"1813-04-31":  events.ErrPublishedAtDay,

		" 1813":                events.ErrPublishedAtForm,
		"1813 ":                events.ErrPublishedAtForm,
		"1813\n":               events.ErrPublishedAtForm,
		"1813-":                events.ErrPublishedAtForm,
		"1813-1":               events.ErrPublishedAtForm,
		"1813-01-28T00:00:00Z": events.ErrPublishedAtForm,
		"18130128":             events.ErrPublishedAtForm,
		"12024":                events.ErrPublishedAtForm, // five digits need a sign
		"+1234567":             events.ErrPublishedAtForm,
		"-":                    events.ErrPublishedAtForm,
		"28.01.1813":           events.ErrPublishedAtForm,
		"January 1813":         events.ErrPublishedAtForm,
		"١٨١٣":                 events.ErrPublishedAtForm, // digits, but not ISO 8601's
		"\x00":                 events.ErrPublishedAtForm,
	} {
		require.ErrorIs(t, events.CheckPublishedAt(s), want, "%q", s)
	}
}
