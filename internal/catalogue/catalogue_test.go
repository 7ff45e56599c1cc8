package catalogue_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"bookstore/internal/catalogue"
)

// publishedAt is what the sample uses of ISO 8601: a year, a month or a day.
var publishedAt = regexp.MustCompile(`^(-?\d{4})(-\d{2}(-\d{2})?)?$`)

func TestSampleIsLargeAndCompleteAndRepeatsNothing(t *testing.T) {
	t.Parallel()

	books := sample(t)
	require.GreaterOrEqual(t, len(books), 290)

	type work struct{ title, author string }
	works := make(map[work]bool, len(books))
	descriptions := make(map[string]bool, len(books))

	for _, book := range books {
		for field, value := range map[string]string{
			"title":        book.Title,
			"author":       book.Author,
			"published_at": book.PublishedAt,
			"description":  book.Description,
		} {
			require.NotEmpty(t, value, "%s of %+v", field, book)
			require.Equal(t, strings.TrimSpace(value), value, "%s of %+v", field, book)
			require.True(t, utf8.ValidString(value), "%s of %+v", field, book)
		}

		length := utf8.RuneCountInString(book.Description)
		require.GreaterOrEqual(t, length, 40, "description of %q", book.Title)
		require.LessOrEqual(t, length, 240, "description of %q", book.Title)

		require.False(t, works[work{book.Title, book.Author}], "%q by %s is there twice", book.Title, book.Author)
		require.False(t, descriptions[book.Description], "description of %q is there twice", book.Title)
		works[work{book.Title, book.Author}] = true
		descriptions[book.Description] = true
	}
}

func TestSampleDatesExistAndAreInThePublicDomain(t *testing.T) {
	t.Parallel()

	for _, book := range sample(t) {
		parts := publishedAt.FindStringSubmatch(book.PublishedAt)
		require.NotNil(t, parts, "published_at %q of %q", book.PublishedAt, book.Title)

		year, err := strconv.Atoi(parts[1])
		require.NoError(t, err)
		require.LessOrEqual(t, year, 1929, "published_at of %q", book.Title)

		// time.Parse reads no sign; a month and a day are none the less checked,
		// against the same year after Christ.
		layout := time.DateOnly[:len("2006")+len(parts[2])]
		_, err = time.Parse(layout, strings.TrimPrefix(book.PublishedAt, "-"))
		require.NoError(t, err, "published_at of %q", book.Title)
	}
}

func TestSampleBelongsToTheCaller(t *testing.T) {
	t.Parallel()

	first := sample(t)
	want := first[0]
	first[0].Title = "overwritten"

	require.Equal(t, want, sample(t)[0])
}

func sample(t *testing.T) []catalogue.Book {
	t.Helper()

	books, err := catalogue.Sample()
	require.NoError(t, err)
	return books
}
