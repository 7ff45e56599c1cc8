package isbn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/isbn"
)

func TestFromSpreadsheet(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"0306406152":        "0306406152",
		`="0306406152"`:     "0306406152",
		" 439023483 ":       "0439023483",
		"439023483.0":       "0439023483",
		"9780439023480.000": "9780439023480",
		"12345":             "0000012345",
		"1":                 "1", // "none" in some files
		"":                  "",
		"4.5":               "4.5",
	} {
		require.Equal(t, want, isbn.FromSpreadsheet(cell), "%q", cell)
	}
}
