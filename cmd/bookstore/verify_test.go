package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/verify"
)

func TestFindingsInText(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]verify.Difference{
		`DIFFERENCE history, book 7, version 2: actor: the log says "ann", the database says "b\u000ab"`: {
			Where: verify.InHistory, Book: 7, Version: 2, Field: "actor", Log: "ann", Model: "b\nb",
		},
		`DIFFERENCE log: partition 3: offsets 1 to 2 are missing`: {
			Where: verify.InLog, Field: "partition 3", Log: "offsets 1 to 2 are missing",
		},
		`PARKED catalog, book 7: 2 events, the first at 3.17, parked since 2024-04-10T07:01:51Z: \u001b[31m`: {
			Where: verify.InCatalog, Book: 7, Field: verify.FieldParked,
			Log: "2 events, the first at 3.17", Model: "parked since 2024-04-10T07:01:51Z: \x1b[31m",
		},
		`PARKED catalog: 1 event, ` + strings.Repeat("é", 200) + "…": {
			Where: verify.InCatalog, Field: verify.FieldParked, Log: "1 event", Model: strings.Repeat("é", 201),
		},
	} {
		var out bytes.Buffer
		textFindings{&out}.difference(d)
		require.Equal(t, want+"\n", out.String())
	}
	var out bytes.Buffer
	textFindings{&out}.report(verify.Report{Parked: verify.Parked{Books: 1, Events: 3}})
	require.Contains(t, out.String(), "parked       3 events of 1 books\n")
}
