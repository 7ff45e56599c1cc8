package throughput

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// InProcess returns what does each task in a process of its own, in which [Serve]
// is called. command prepares such a process, which ends with ctx at the latest.
func InProcess(command func(ctx context.Context) *exec.Cmd) func(context.Context, Task) (Outcome, error) {
	return func(ctx context.Context, t Task) (Outcome, error) {
		cmd := command(ctx)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return Outcome{}, err
		}
		defer stdin.Close()
		var answer bytes.Buffer
		cmd.Stdout, cmd.Stderr = &answer, os.Stderr
		if err := cmd.Start(); err != nil {
			return Outcome{}, fmt.Errorf("start a process that measures %s: %w", t.Way, err)
		}
		// A process that ends early says why better than the broken pipe does.
		_ = json.NewEncoder(stdin).Encode(t)
		if err := cmd.Wait(); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err() // which is why it was killed
			}
			return Outcome{}, fmt.Errorf("measure %s in a process of its own: %w", t.Way, err)
		}
		var outcome Outcome
		if err := json.Unmarshal(answer.Bytes(), &outcome); err != nil {
			return Outcome{}, fmt.Errorf("read what the process that measures %s found: %w", t.Way, err)
		}
		return outcome, nil
	}
}

// Serve is the other side of [InProcess]: it reads a task, does it and writes the
// outcome. It gives up when in ends: then there is nobody who waits for it.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	tasks := json.NewDecoder(in)
	var t Task
	if err := tasks.Decode(&t); err != nil {
		return fmt.Errorf("read a task: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	outcome, err := Do(ctx, t)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(outcome)
}
