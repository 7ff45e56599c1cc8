package insights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"bookstore/internal/runfile"
)

// Service is one of every role, with its broker and its PostgreSQL, in a process of its
// own.
type Service struct {
	runfile.Info
	cmd   *exec.Cmd
	stdin io.Closer
}

// InProcess returns what starts a service in a process of its own, in which [Serve] is
// called. command prepares such a process for a data directory.
func InProcess(command func(dataDir string) *exec.Cmd) func(dataDir string) (*Service, error) {
	return func(dataDir string) (*Service, error) {
		cmd := command(dataDir)
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("start a process for the service: %w", err)
		}
		s := &Service{cmd: cmd, stdin: stdin}
		if err := json.NewDecoder(stdout).Decode(&s.Info); err != nil {
			return nil, fmt.Errorf("start the service in a process of its own: %w", errors.Join(err, s.Close()))
		}
		return s, nil
	}
}

// Serve is the other side of [InProcess]: it says where a service that runs is, and
// returns when it is to be taken down: in ends, also when there is nobody any more to
// end it in good order, or ctx does.
func Serve(ctx context.Context, where runfile.Info, in io.Reader, out io.Writer) error {
	if err := json.NewEncoder(out).Encode(where); err != nil {
		return fmt.Errorf("say where the service is: %w", err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process
		defer close(ended)
		_, _ = io.Copy(io.Discard, in)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return nil
}

// Close takes the service down in good order.
func (s *Service) Close() error {
	if err := errors.Join(s.stdin.Close(), s.cmd.Wait()); err != nil {
		return fmt.Errorf("stop the service: %w", err)
	}
	return nil
}

// Kill ends the service's process with SIGKILL, whatever it is doing.
func (s *Service) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the service: %w", err)
	}
	_ = s.cmd.Wait() // it was killed, which is what it says
	return nil
}
