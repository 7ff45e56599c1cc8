// Command bookstore is the service and its tools, one file for each subcommand.
//
// In come arguments, the environment and config.yml. Out go, on standard output,
// what was asked for; on standard error, progress, logs and, once, on one line,
// why it failed and what helps. It exits with 0 where all is well, 1 where it
// failed or found what should not be, and 2 where it was called or configured in
// a way that can't be meant.
//
// Ctrl-C and SIGTERM let a command bring to an end what it has begun. A second
// one ends it at once, which loses nothing either: see the packages that do the
// work.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // from the first signal on, the next one kills
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// run is the program: what main does, in a world that a test can give it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, environ: environ}
	root := newRootCommand(p)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return p.exitCode(root.ExecuteContext(ctx))
}
