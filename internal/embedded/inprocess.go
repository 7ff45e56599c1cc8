package embedded

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
)

// inProcessListener takes connections from its own process as socket pairs,
// beside those that come over TCP. On the way from a write to its reader there
// are ten messages to and from the broker, and each is spared the way through
// TCP.
type inProcessListener struct {
	tcp      net.Listener
	accepted chan net.Conn
	failed   chan error // what TCP's Accept failed with, once

	closing sync.Once
	closed  chan struct{}
}

func listenInProcess(network, address string) (*inProcessListener, error) {
	tcp, err := new(net.ListenConfig).Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	l := &inProcessListener{
		tcp: tcp, accepted: make(chan net.Conn), failed: make(chan error, 1), closed: make(chan struct{}),
	}
	go l.acceptTCP()
	return l, nil
}

func (l *inProcessListener) acceptTCP() {
	for {
		conn, err := l.tcp.Accept()
		if err != nil {
			l.failed <- err
			return
		}
		if !l.hand(conn) {
			_ = conn.Close()
			return
		}
	}
}

func (l *inProcessListener) hand(conn net.Conn) bool {
	select {
	case l.accepted <- conn:
		return true
	case <-l.closed:
		return false
	}
}

// Accept implements [net.Listener].
func (l *inProcessListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case err := <-l.failed:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// dial connects without TCP.
func (l *inProcessListener) dial() (net.Conn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	if !l.hand(theirs) {
		return nil, errors.Join(net.ErrClosed, ours.Close(), theirs.Close())
	}
	return ours, nil
}

// socketPair returns the two ends of a connection within the kernel.
func socketPair() (a, b net.Conn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ends := [2]net.Conn{}
	var faults [2]error
	for i, fd := range fds {
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "kafka in process")
		ends[i], faults[i] = net.FileConn(f) // a copy of the descriptor
		_ = f.Close()
	}
	if err := errors.Join(faults[:]...); err != nil {
		for _, end := range ends {
			if end != nil {
				_ = end.Close()
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}

// Close implements [net.Listener].
func (l *inProcessListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.tcp.Close()
}

// Addr implements [net.Listener].
func (l *inProcessListener) Addr() net.Addr { return l.tcp.Addr() }
