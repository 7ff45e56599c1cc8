package throughput

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/bench/books"
	"bookstore/internal/projection"
	"bookstore/internal/testenv"
)

const goodbooks = `title,authors,original_publication_year
"The Hollow Sea (The Tide Singers, #1)","M.R. Calloway, Ana Brühl",2008
The Theory of Small Rivers,Ötzi van der Meer,1999
Songs of the Marsh,Anonymous,-720
A Guide to the Sea,Joe Park,
`

func catalogue(t *testing.T) *books.Catalogue {
	t.Helper()
	source, err := books.ReadSource(strings.NewReader(goodbooks))
	require.NoError(t, err)
	return books.NewCatalogue(source, 1)
}

// inChild does tasks in processes of their own, as the program does.
func inChild(t *testing.T) func(context.Context, Task) (Outcome, error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return InProcess(func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), childVariable+"=1")
		return cmd
	})
}

// All ways come to the same rows, which Run checks: updates, deletions, duplicates
// and all.
func TestRunMeasuresEverything(t *testing.T) {
	t.Parallel()
	const events = 3000
	report, err := Run(t.Context(), Config{
		Catalogue: catalogue(t), Mix: books.Mix{Updated: 0.2, Deleted: 0.1, Republished: 0.1},
		Events: events, NaiveEvents: 100, Partitions: 3,
		Brokers: testenv.Brokers(t), Database: testenv.Database(t),
		Do: inChild(t),
	})
	require.NoError(t, err)

	for _, name := range []string{
		LiveOne, LiveLimitOne, LiveSpread, LiveLimitSpread, RebuildAll, CopyOneByOne, CopyAtOnce,
	} {
		m, there := report.find(name)
		require.True(t, there, name)
		require.Equal(t, events, m.Events, name)
		require.Positive(t, m.Rate, name)
		require.Positive(t, m.PeakHeap, name)
	}
	naive, _ := report.find(NaiveOne)
	require.Equal(t, 100, naive.Events)
	naive, _ = report.find(NaiveSpread)
	require.Equal(t, 300, naive.Events)
	live, _ := report.find(LiveOne)
	require.Equal(t, 1, live.Connections, "one partition is one lane")
	require.Positive(t, live.Batches)
	for _, name := range []string{LiveTenth, RebuildTenth} {
		tenth, _ := report.find(name)
		require.Equal(t, events/10, tenth.Events, name)
	}
	require.Len(t, report.Ratios, 7)

	var text bytes.Buffer
	require.NoError(t, report.Print(&text))
	for _, ratio := range report.Ratios {
		require.Positive(t, ratio.Value, ratio.Name)
		require.Contains(t, text.String(), ratio.Name)
	}
	_, err = json.Marshal(report)
	require.NoError(t, err)
}

func TestTheTablesAreTheCatalogs(t *testing.T) {
	t.Parallel()
	var names []string
	for _, table := range (projection.Catalog{}).Tables() {
		names = append(names, table.Name)
	}
	require.Equal(t, []string{tableBooks, tableDeleted, tableWords}, names)
}

func TestRowsThatDifferAreFoundOut(t *testing.T) {
	t.Parallel()
	lossy := func(ctx context.Context, task Task) (Outcome, error) {
		if task.Way == LiveLimit {
			return Outcome{Events: task.Events, Seconds: 1e-9}, nil // very fast: it does nothing
		}
		return Do(ctx, task)
	}
	_, err := Run(t.Context(), Config{
		Catalogue: catalogue(t), Events: 16, NaiveEvents: 16, Partitions: 2,
		Brokers: testenv.Brokers(t), Database: testenv.Database(t), Do: lossy,
	})
	var fault *RowsError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, LiveLimitOne, fault.Way)
	require.Zero(t, fault.Have.Books)
	require.EqualValues(t, 16, fault.Want.Books)
}

func TestConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Config{Events: 9, Partitions: 1})
	for _, fault := range []error{ErrFewEvents, ErrFewNaive, ErrFewPartitions} {
		require.ErrorIs(t, err, fault)
	}
}

func TestRatiosAreHeldAgainstTheirTargets(t *testing.T) {
	t.Parallel()
	var report Report
	for name, m := range map[string]Outcome{
		NaiveOne: {Events: 100, Seconds: 1}, LiveOne: {Events: 100, Seconds: 0.05}, LiveLimitOne: {Events: 69, Seconds: 0.03},
		RebuildAll: {Seconds: 14.1}, CopyOneByOne: {Seconds: 10},
	} {
		report.add(name, Task{}, m)
	}
	report.conclude()
	verdicts := make(map[float64]bool)
	for _, ratio := range report.Ratios {
		verdicts[ratio.Target] = ratio.Met
	}
	require.Equal(t, map[float64]bool{targetNaiveOne: true, targetLiveLimit: true, targetRebuild: false}, verdicts)
}
