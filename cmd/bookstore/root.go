package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"bookstore/internal/config"
)

// program is what commands share.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	configPath     string
}

// config returns the configuration, or a [*config.Faults].
func (p *program) config() (config.Config, error) {
	return config.Load(p.configPath, p.environ)
}

func newRootCommand(p *program) *cobra.Command {
	serve := newServeCommand(&p.configPath, p.environ, p.stdout)
	root := &cobra.Command{
		Use:   "bookstore [command]",
		Short: "An event-sourced bookstore",
		Long: `An event-sourced bookstore: commands go in over HTTP, every change is an event in
Kafka, and searches are answered from PostgreSQL. Told nothing, it runs the
service; the other commands work with one that runs.

It exits with 0 where all is well, 1 where it failed or found differences or bad
rows, and 2 where it was called or configured in a way that can't be meant.`,
		Example: `  bookstore                          run the service
  bookstore import books.csv         add the books of a file
  bookstore events --follow          watch what happens
  bookstore verify                   compare the log with the database
  bookstore projections --watch      see how far the read models are
  bookstore rebuild catalog          build one anew while it answers
  bookstore parked list              see what could not be applied`,
		Args:          unknownCommand,
		RunE:          serve.RunE,
		SilenceUsage:  true, // after a failure that is not about usage it hides the reason
		SilenceErrors: true, // program.exitCode prints them
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&p.configPath, "config", "", `configuration file (default "./config.yml", if there is one)`)
	root.Flags().AddFlagSet(serve.Flags())
	root.AddCommand(
		serve,
		newImportCommand(p),
		newEventsCommand(p),
		newVerifyCommand(p),
		newProjectionsCommand(p),
		newRebuildCommand(p),
		newParkedCommand(p),
		newMigrateCommand(p),
		newBenchCommand(p),
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), err} })
	markUsageErrors(root)
	return root
}

// markUsageErrors has a command, and all below it, refuse arguments as usage errors.
func markUsageErrors(cmd *cobra.Command) {
	cmd.Args = usageErrors(cmd.Args)
	for _, below := range cmd.Commands() {
		markUsageErrors(below)
	}
}

// unknownCommand refuses arguments of the program itself.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("there is no command %q (did you mean %s?)", args[0], near[0])
	}
	return fmt.Errorf("there is no command %q", args[0])
}
