package command

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOneWaveWhenNoBookIsThereTwice(t *testing.T) {
	t.Parallel()
	var decisions []decided
	for book := range int64(5) {
		decisions = append(decisions, decided{Decision: Decision{BookID: book}})
	}
	require.Equal(t, [][]decided{decisions}, wavesOf(decisions))
	require.Empty(t, wavesOf(nil))
}

// Of one book, an event is sent only when the one before it is confirmed.
func TestNoWaveHasTwoOfABook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		books := rapid.SliceOfN(rapid.Int64Range(1, 5), 0, 40).Draw(t, "books")
		decisions := make([]decided, len(books))
		most, times := 0, map[int64]int{}
		for i, book := range books {
			decisions[i].CommandID, decisions[i].BookID = fmt.Sprint(i), book
			times[book]++
			most = max(most, times[book])
		}
		waves := wavesOf(decisions)
		require.Len(t, waves, most, "no more waves than needed")

		var sent []string
		order := map[int64][]string{}
		for _, wave := range waves {
			require.NotEmpty(t, wave)
			inWave := map[int64]bool{}
			for _, d := range wave {
				require.False(t, inWave[d.BookID], "book %d twice in a wave", d.BookID)
				inWave[d.BookID] = true
				sent = append(sent, d.CommandID)
				order[d.BookID] = append(order[d.BookID], d.CommandID)
			}
		}
		require.Len(t, sent, len(decisions))
		for _, d := range decisions {
			require.Equal(t, d.CommandID, order[d.BookID][0], "the order of book %d", d.BookID)
			order[d.BookID] = order[d.BookID][1:]
		}
	})
}
