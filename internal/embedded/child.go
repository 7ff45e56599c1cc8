package embedded

import (
	"os/exec"
	"runtime"
)

// child is a started process.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed once the process is gone and reaped
	err    error         // what Wait said; valid after exited
}

// startChild starts cmd on an operating system thread that lives as long as
// the process. Linux sends a child its parent-death signal (childAttr) when
// the thread that made it ends, not when our process does: started from an
// ordinary goroutine, PostgreSQL would be shut down whenever the Go runtime
// retires a thread.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)

	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()

		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.exited)
	}()

	if err := <-started; err != nil {
		return nil, err
	}

	return c, nil
}

// runChild runs cmd to its end.
func runChild(cmd *exec.Cmd) error {
	c, err := startChild(cmd)
	if err != nil {
		return err
	}
	<-c.exited

	return c.err
}
