package testenv_test

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/proxy"

	"bookstore/internal/testenv"
)

var _ proxy.Dialer = (*testenv.FaultyNet)(nil)

// echoServer sends back what it gets and tells on the channel what that was.
func echoServer(t *testing.T) (addr string, got <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	seen := make(chan string, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 64)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					seen <- string(buf[:n])
					if _, err := conn.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })

	return listener.Addr().String(), seen
}

func TestFaultyNetFreezes(t *testing.T) {
	t.Parallel()
	addr, got := echoServer(t)
	var faulty testenv.FaultyNet
	conn, err := faulty.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()

	answer := make([]byte, 2)
	_, err = conn.Write([]byte("a1"))
	require.NoError(t, err)
	require.Equal(t, "a1", <-got)
	faulty.Freeze()

	// What is on its way does not arrive, and deadlines hold.
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = io.ReadFull(conn, answer)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = conn.Write([]byte("a2"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	// A hanging write goes out when the net thaws, and nothing was lost.
	require.NoError(t, conn.SetDeadline(time.Time{}))
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write([]byte("a3"))
		written <- err
	}()
	faulty.Heal()
	require.NoError(t, <-written)
	require.Equal(t, "a3", <-got)
	for _, want := range []string{"a1", "a3"} {
		_, err = io.ReadFull(conn, answer)
		require.NoError(t, err)
		require.Equal(t, want, string(answer))
	}
}

func TestFaultyNetFreezesAReadUnderWay(t *testing.T) {
	t.Parallel()
	addr, got := echoServer(t)
	var faulty testenv.FaultyNet
	conn, err := faulty.Dial("tcp", addr)
	require.NoError(t, err)

	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(conn, make([]byte, 2))
		read <- err
	}()
	_, err = conn.Write([]byte("b1"))
	require.NoError(t, err)
	require.Equal(t, "b1", <-got)
	require.NoError(t, <-read)

	faulty.Freeze()
	go func() {
		_, err := conn.Read(make([]byte, 2))
		read <- err
	}()
	require.NoError(t, conn.Close(), "closing ends a frozen read")
	require.ErrorIs(t, <-read, net.ErrClosed)

	// A frozen peer still accepts connections.
	second, err := faulty.Dial("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestFaultyNetCuts(t *testing.T) {
	t.Parallel()
	addr, _ := echoServer(t)
	var faulty testenv.FaultyNet
	conn, err := faulty.Dial("tcp", addr)
	require.NoError(t, err)

	read := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		read <- err
	}()
	faulty.Cut()
	require.ErrorIs(t, <-read, net.ErrClosed)
	_, err = faulty.Dial("tcp", addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	faulty.Heal()
	again, err := faulty.Dial("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, again.Close())
	_, err = conn.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed, "what was cut stays closed")
}
