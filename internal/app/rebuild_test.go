package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/bench/books"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

const fewBooks = `title,authors,original_publication_year
"The Hollow Sea (The Tide Singers, #1)","M.R. Calloway, Ana Brühl",2008
The Theory of Small Rivers,Ötzi van der Meer,1999
Songs of the Marsh,Anonymous,-720
A Guide to the Sea,Joe Park,
The Long Winter Garden,Ines Adeyemi,1974
`

// unnoticed is how long a query may take at most while generations are switched, beside
// other packages' tests and with the race detector. BenchmarkRebuildUnderLoad measures it by
// itself.
const unnoticed = 3 * time.Second

// A rebuild, the switch and the way back, while clients read and write: none of them
// notices.
//
//nolint:paralleltest // what clients notice is measured, and other tests would be noticed too
func TestARebuildUnderLoadIsNotNoticed(t *testing.T) {
	source, err := books.ReadSource(strings.NewReader(fewBooks))
	require.NoError(t, err)
	catalogue := books.NewCatalogue(source, 1)
	b := newBookstore(t)
	const logged = 4000
	fillLog(t, b.kafka(), b.topics, catalogue, logged)
	// A busy machine makes writes late, which is no fault; what is lost or wrong is.
	service := b.start(t, func(cfg *config.Config, _ *app.Options) { cfg.App.CommandWait = attemptBound / 2 })
	pool := b.connect(t)
	clients := &traffic{client: newClient(t), url: service.URL(), catalogue: catalogue, books: logged / 2}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { clients.run(ctx, 40, 10) })
	more := func(searches int) {
		enough := clients.count() + searches
		await(t, caughtUpBound, "searches are not answered", func() bool { return clients.count() >= enough })
	}

	more(50)
	c := newCaller(t, service.URL())
	rebuilt := awaitOver(t, pool, startRebuild(c, "catalog", rebuild.Request{}), time.Minute)
	require.Equal(t, rebuild.Switched, rebuilt.Phase, "%+v", rebuilt)
	require.NotNil(t, rebuilt.Verification)
	require.Zero(t, rebuilt.Verification.Differences)
	more(100)
	back := time.Now()
	a := c.do(http.MethodPost, "/api/projections/catalog/rollback", nil, nil)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	took := time.Since(back)
	require.Equal(t, *rebuilt.Replaces, decode[operations.Projection](t, a).Active)
	more(100)
	stop()
	running.Wait()

	require.Empty(t, clients.failed())
	switched, returned := clients.around(*rebuilt.FinishedAt, time.Second), clients.around(back.Add(took), time.Second)
	t.Logf("%d searches and %d writes; longest search across the switch %s, across the way back %s, which took %s; phases %v",
		clients.count(), clients.written, switched, returned, took, rebuilt.Phases)
	require.Less(t, switched, unnoticed)
	require.Less(t, returned, unnoticed)

	b.awaitApplied(t, pool, caughtUpBound)
	report := b.requireVerified(t, pool)
	require.EqualValues(t, logged+clients.written+clients.written/4, report.Events, "a rebuild publishes nothing")
}

// A read model that another version of the program has made goes on answering, until
// somebody rebuilds it: the service itself where it is told to.
func TestANewVersionIsNoticedAtTheStart(t *testing.T) {
	t.Parallel()
	b, pool := stoppedBookstore(t)
	_, err := pool.Exec(t.Context(), `UPDATE generations SET version = 99 WHERE projection = 'catalog'`)
	require.NoError(t, err)

	service := b.start(t, nil)
	c := newCaller(t, service.URL())
	require.Len(t, decode[[]web.Book](t, c.get("/api/books?q=whale", nil)), 1)
	require.True(t, decode[operations.Projection](t, c.get("/api/projections/catalog", nil)).NeedsRebuild)
	require.Empty(t, decode[[]rebuild.Rebuild](t, c.get("/api/projections/catalog/rebuilds", nil)))
	stop(t, service)

	service = b.start(t, func(cfg *config.Config, _ *app.Options) { cfg.Projections.Rebuild = config.RebuildAuto })
	c = newCaller(t, service.URL())
	rebuilds := decode[[]rebuild.Rebuild](t, c.get("/api/projections/catalog/rebuilds", nil))
	require.Len(t, rebuilds, 1)
	require.Equal(t, rebuild.Switched, awaitOver(t, pool, rebuilds[0].ID, caughtUpBound).Phase)
	require.False(t, decode[operations.Projection](t, c.get("/api/projections/catalog", nil)).NeedsRebuild)
	book, created := c.create(events.Details{Title: "Omoo", Author: "Herman Melville", PublishedAt: "1847"})
	found := c.get("/api/books?q=omoo", headers{"Consistency-Token": created.header.Get("Consistency-Token")})
	require.Equal(t, []web.Book{book}, decode[[]web.Book](t, found))
	b.awaitApplied(t, pool, caughtUpBound)
	b.requireVerified(t, pool)
}

// One that queries can't read is built anew before anything is answered.
func TestAVersionThatCannotBeReadIsReplacedAtTheStart(t *testing.T) {
	t.Parallel()
	b, pool := stoppedBookstore(t)
	_, err := pool.Exec(t.Context(), `
		UPDATE generations SET version = 1 WHERE projection = 'catalog';
		DROP VIEW books, catalog_words, catalog_statistics;
		CREATE VIEW books AS SELECT id, title, title AS terms, author FROM catalog_books_g1`)
	require.NoError(t, err)

	service := b.start(t, nil)
	c := newCaller(t, service.URL())
	require.Len(t, decode[[]web.Book](t, c.get("/api/books?q=whale", nil)), 1)
	require.False(t, decode[operations.Projection](t, c.get("/api/projections/catalog", nil)).NeedsRebuild)
	b.requireVerified(t, pool)
}

// stoppedBookstore has run and has one book.
func stoppedBookstore(t *testing.T) (bookstore, *pgxpool.Pool) {
	t.Helper()
	b := newBookstore(t)
	service := b.start(t, nil)
	newCaller(t, service.URL()).create(mobyDick)
	pool := b.connect(t)
	b.awaitApplied(t, pool, caughtUpBound)
	stop(t, service)
	return b, pool
}

func stop(t *testing.T, service *app.App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownBound)
	defer cancel()
	require.NoError(t, service.Close(ctx))
}

// startRebuild begins one as operators do.
func startRebuild(c caller, name string, request rebuild.Request) (id int64) {
	c.t.Helper()
	a := c.do(http.MethodPost, "/api/projections/"+name+"/rebuilds", nil, request)
	require.Equal(c.t, http.StatusCreated, a.status, string(a.body))
	return decode[rebuild.Rebuild](c.t, a).ID
}

// awaitOver waits until a rebuild is over.
func awaitOver(t testing.TB, pool *pgxpool.Pool, id int64, within time.Duration) (b rebuild.Rebuild) {
	t.Helper()
	await(t, within, fmt.Sprintf("rebuild %d does not end", id), func() bool {
		var err error
		b, err = rebuild.Get(t.Context(), pool, id)
		return err == nil && b.Phase.Over()
	})
	return b
}

// fillLog writes a history to the events topic of a service that was never started.
// On an empty database it begins as if these events had always been its own.
func fillLog(t testing.TB, kafka messaging.Config, topics events.Topics, catalogue *books.Catalogue, n int) {
	t.Helper()
	ctx, partitions := t.Context(), config.Default().MQ.Partitions
	require.NoError(t, messaging.EnsureTopics(ctx, kafka, topics.Specs(), partitions))
	publisher, err := messaging.NewPublisher(kafka)
	require.NoError(t, err)
	defer publisher.Close()

	// All of them name the same command, which is the only one that the log has.
	partitionOf := messaging.PartitionOfBook(partitions)
	id := int64(1)
	for partitionOf(id) != 0 {
		id++
	}
	_, err = messaging.Writer{Publisher: publisher, Topic: topics.Commands}.Append(ctx, []events.Encoded{{Key: events.BookKey(id), Value: []byte("{}")}})
	require.NoError(t, err)

	log := messaging.Writer{Publisher: publisher, Topic: topics.Events}
	batch := make([]events.Encoded, 0, 5000)
	flush := func() {
		_, err := log.Append(ctx, batch)
		require.NoError(t, err)
		batch = batch[:0]
	}
	for entry, err := range catalogue.History(n, books.Mix{Updated: 0.08, Deleted: 0.01}) {
		require.NoError(t, err)
		headers := slices.Clone(entry.Message.Headers)
		at := slices.IndexFunc(headers, func(h events.Header) bool { return h.Key == events.HeaderCommandOffset })
		headers[at].Value = "0"
		entry.Message.Headers = headers
		if batch = append(batch, entry.Message); len(batch) == cap(batch) {
			flush()
		}
	}
	flush()
}

// wordsOf is what somebody types who looks for a book: the most telling word of its
// title, which is mostly the longest.
func wordsOf(book events.Details) string {
	longest := slices.MaxFunc(strings.Fields(book.Title), func(a, b string) int { return len(a) - len(b) })
	return url.QueryEscape(longest)
}
