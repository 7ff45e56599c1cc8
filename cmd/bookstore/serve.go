package main

import (
	"io"

	"github.com/spf13/cobra"

	"bookstore/internal/app"
	"bookstore/internal/config"
)

func newServeCommand(configPath *string, environ []string, out io.Writer) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service (what bookstore does when told nothing)",
		Long: `Run the service until Ctrl-C or SIGTERM, which answers what has been taken first.

With db.host and mq.brokers empty, a PostgreSQL and a Kafka broker of its own run
with it, with their data in app.data_dir, and this process plays every role.
Filled in, one process plays all roles or some of them, and as many processes may
play the same role as there are partitions.`,
		Example: `  bookstore serve
  BOOKSTORE_APP_PORT=9000 BOOKSTORE_APP_DATA_DIR=/var/lib/bookstore bookstore serve
  BOOKSTORE_DB_HOST=db BOOKSTORE_MQ_BROKERS=k1:9092,k2:9092 bookstore serve --role commands,projector,insights`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if role != "" {
				environ = append(environ, "BOOKSTORE_APP_ROLE="+role)
			}
			cfg, err := config.Load(*configPath, environ)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), cfg, out, app.Options{})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "what this process does: all, or some of api, commands, projector, insights (overrides app.role)")
	return cmd
}
