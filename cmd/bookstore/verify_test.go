package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
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
		`DIFFERENCE trends, query 5a, reader 6b, slot 2024-04-10T07:00:00Z, form "moby\u000a": searches: the log says "3", the database says "4"`: {
			Where: verify.InTrends, Query: "5a", Reader: "6b", Slot: "2024-04-10T07:00:00Z", Form: "moby\n", Field: "searches", Log: "3", Model: "4",
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
	textFindings{&out}.report(verify.Report{
		Parked: verify.Parked{Books: 1, Events: 3, Searches: 2},
		Trends: verify.ReadModel{Generation: 2, Position: events.Offsets{7, 9}, Behind: 4, Expected: 12, Found: 11, Differences: 1},
		Opened: verify.ReadModel{Generation: 1, Position: events.Offsets{5}, NotCompared: "partition 0 of opens begins at offset 3"},
	})
	for _, line := range []string{
		"parked       3 events of 1 books, 2 searches, 0 openings\n",
		"trends       12 rows expected, 11 found, 1 differences; generation 2 at 7,9, 4 searches behind\n",
		"opened       not compared, as partition 0 of opens begins at offset 3; generation 1 at 5, 0 openings behind\n",
	} {
		require.Contains(t, out.String(), line)
	}
}
