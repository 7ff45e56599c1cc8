package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
)

// Writes that take long are not lost sight of: the page waits for them, and then shows
// what came of each.
func TestWaitingForAWriteInABrowser(t *testing.T) {
	t.Parallel()
	s := openShopWith(t, func(cfg *config.Config, _ *app.Options) { cfg.App.CommandWait = 100 * time.Millisecond })
	_, ann, ben := s.bothEdit(t, "Clay's Ark")
	cleo := s.visitor(t).Open("/books/new")
	release := s.holdDecisions(t)

	ann.Clear("#title").Type("#title", "Ark").Loads(func() { ann.Press("Enter") })
	ann.WaitText("#pending", "will be carried out").WaitURL("/commands/")
	ben.Clear("#title").Type("#title", "Clay").Loads(func() { ben.Press("Enter") })
	ben.WaitText("#pending", "will be carried out")
	cleo.Type("#title", "Survivor").Type("#author", "Octavia E. Butler").Loads(func() { cleo.Press("Enter") })
	cleo.WaitText("#pending", "will be carried out").RequireAccessible()

	release()
	ann.WaitText("#message", "Saved").WaitText("#book h1", "Ark")
	cleo.WaitText("#message", "Added").WaitText("#book h1", "Survivor")
	ben.WaitText("#rejected", "Somebody else has changed the book before you").RequireAccessible()
	ben.Loads(func() { ben.Click(`//a[.="See the book"]`) })
	ben.WaitText("#book h1", "Ark")
}

// holdDecisions keeps the write side from deciding anything for as long as a test wants.
func (s shop) holdDecisions(t *testing.T) (release func()) {
	t.Helper()
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	held, err := tx.Exec(t.Context(), `SELECT FROM checkpoints WHERE consumer = 'commands' FOR UPDATE`)
	require.NoError(t, err)
	require.NotZero(t, held.RowsAffected())
	release = func() { _ = tx.Rollback(context.Background()) } // a second time is no harm
	t.Cleanup(release)
	return release
}
