package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"bookstore/internal/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errReported says that a command failed and has told the user why.
var errReported = errors.New("reported")

// usageError says that a command was called in a way that can't be meant.
type usageError struct {
	command string // with its parents: "bookstore import"
	err     error
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%v; see '%s --help'", e.err, e.command)
}

func (e *usageError) Unwrap() error { return e.err }

// usage is the error of a command whose flags don't fit together.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd.CommandPath(), fmt.Errorf(format, args...)}
}

// usageErrors marks what check refuses as a usage error.
func usageErrors(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return &usageError{cmd.CommandPath(), err}
		}
		return nil
	}
}

// exitCode says why a command failed, if it did, and returns what to exit with.
func (p *program) exitCode(err error) int {
	var faults *config.Faults
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &faults):
		fmt.Fprintln(p.stderr, "bookstore: the configuration can't be used:")
		for _, fault := range faults.List {
			fmt.Fprintln(p.stderr, "  "+printable(fault.String()))
		}
		return exitUsage
	case errors.As(err, &usage):
		p.complain(err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(p.stderr, "bookstore: stopped")
		return exitFailed
	default:
		p.complain(err)
		return exitFailed
	}
}

// complain prints an error on one line.
func (p *program) complain(err error) {
	fmt.Fprintln(p.stderr, "bookstore: "+printable(strings.ReplaceAll(err.Error(), "\n", "; ")))
}
