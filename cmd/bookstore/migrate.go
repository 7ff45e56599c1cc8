package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"bookstore/internal/postgres"
)

func newMigrateCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's tables up to date",
		Long: `Bring the tables of the database at db.host up to date and print which steps that
took. Run again it does nothing; run by several processes at once, one works and
the others wait.

The service does the same at its start. This is for those who want it done
before, or by a user with more rights.`,
		Example: `  bookstore migrate
  BOOKSTORE_DB_HOST=db BOOKSTORE_DB_PASSWORD=... bookstore migrate`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			if cfg.EmbeddedPostgres() {
				return usage(cmd, "db.host is empty, and the embedded database is brought up to date by the service at each start: set db.host to migrate another")
			}
			pool, err := openDatabase(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer pool.Close()
			if err := postgres.CheckVersion(cmd.Context(), pool); err != nil {
				return err
			}
			// Its log lines would say what is printed here.
			applied, err := postgres.Migrate(cmd.Context(), pool, slog.New(slog.DiscardHandler))
			for _, m := range applied {
				fmt.Fprintf(p.stdout, "applied %s in %s\n", m.File, m.Took.Round(time.Millisecond))
			}
			if err == nil && len(applied) == 0 {
				fmt.Fprintln(p.stdout, "the database is up to date")
			}
			return err
		},
	}
}
