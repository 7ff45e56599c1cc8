package testenv

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// FaultyNet makes TCP connections that a test can disturb, for playing "the
// broker is away" and "the broker is frozen" on any broker. It fits Sarama's
// Config.Net.Proxy.Dialer. The zero value works undisturbed. It is safe for
// concurrent use.
type FaultyNet struct {
	mu     sync.Mutex
	cut    bool
	thawed chan struct{} // nil unless frozen; closed by Heal
	conns  map[*faultyConn]struct{}
}

// Dial connects to addr. While the net is cut it is refused; while it is
// frozen it succeeds, as the kernel answers for a process that hangs.
func (n *FaultyNet) Dial(network, addr string) (net.Conn, error) {
	if n.isCut() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	inner, err := net.Dial(network, addr) //nolint:noctx // Sarama's interface for dialers has no context
	if err != nil {
		return nil, err
	}

	conn := &faultyConn{Conn: inner, net: n, closed: make(chan struct{}), read: newDeadline(), write: newDeadline()}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut { // meanwhile
		_ = conn.shut()
		return conn, nil
	}
	if n.conns == nil {
		n.conns = make(map[*faultyConn]struct{})
	}
	n.conns[conn] = struct{}{}

	return conn, nil
}

// Freeze lets nothing through in either direction, until Heal. Reads and
// writes hang, until they are past their deadline or the connection is closed.
// What the other side sent meanwhile arrives after Heal.
func (n *FaultyNet) Freeze() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.thawed == nil {
		n.thawed = make(chan struct{})
	}
}

// Cut closes all connections and has new ones refused, until Heal.
func (n *FaultyNet) Cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = true
	for conn := range n.conns {
		_ = conn.shut()
	}
	clear(n.conns)
}

// Heal ends Freeze and Cut. Connections that were cut stay closed.
func (n *FaultyNet) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = false
	if n.thawed != nil {
		close(n.thawed)
		n.thawed = nil
	}
}

func (n *FaultyNet) isCut() bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.cut
}

// frozen returns what is closed when the net thaws, nil if it isn't frozen.
func (n *FaultyNet) frozen() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.thawed
}

func (n *FaultyNet) forget(conn *faultyConn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, conn)
}

// faultyConn is a connection of a FaultyNet.
type faultyConn struct {
	net.Conn
	net         *FaultyNet
	closeOnce   sync.Once
	closed      chan struct{}
	read, write *deadline

	held []byte // received while frozen; used by Read alone, which is called by one goroutine at a time
}

func (c *faultyConn) Read(p []byte) (int, error) {
	if len(c.held) == 0 {
		if err := c.pass(c.read); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if err != nil {
			return n, err
		}
		c.held = append(c.held[:0], p[:n]...)
	}
	// The net may have frozen while this waited for data.
	if err := c.pass(c.read); err != nil {
		return 0, err
	}
	n := copy(p, c.held)
	c.held = c.held[n:]

	return n, nil
}

func (c *faultyConn) Write(p []byte) (int, error) {
	if err := c.pass(c.write); err != nil {
		return 0, err
	}

	return c.Conn.Write(p)
}

// pass waits until the net isn't frozen.
func (c *faultyConn) pass(limit *deadline) error {
	for {
		thawed := c.net.frozen()
		if thawed == nil {
			return nil
		}
		select {
		case <-thawed:
		case <-c.closed:
			return net.ErrClosed
		case <-limit.passed():
			return os.ErrDeadlineExceeded
		}
	}
}

func (c *faultyConn) Close() error {
	c.net.forget(c)

	return c.shut()
}

func (c *faultyConn) shut() error {
	c.closeOnce.Do(func() {
		close(c.closed)
		c.read.set(time.Time{})
		c.write.set(time.Time{})
	})

	return c.Conn.Close()
}

func (c *faultyConn) SetDeadline(at time.Time) error {
	c.read.set(at)
	c.write.set(at)

	return c.Conn.SetDeadline(at)
}

func (c *faultyConn) SetReadDeadline(at time.Time) error {
	c.read.set(at)

	return c.Conn.SetReadDeadline(at)
}

func (c *faultyConn) SetWriteDeadline(at time.Time) error {
	c.write.set(at)

	return c.Conn.SetWriteDeadline(at)
}

// deadline is a point in time that can be moved while somebody waits for it.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{}
}

func newDeadline() *deadline { return &deadline{over: make(chan struct{})} }

// passed returns a channel that is closed when the deadline, as it is at that
// time, has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()

	return d.over
}

// set moves the deadline; the zero time means never.
func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.timer != nil && !d.timer.Stop() {
		<-d.over // it fires right now: let it, before the channel is replaced
	}
	d.timer = nil

	select {
	case <-d.over:
		d.over = make(chan struct{})
	default:
	}
	switch left := time.Until(at); {
	case at.IsZero():
	case left <= 0:
		close(d.over)
	default:
		over := d.over
		d.timer = time.AfterFunc(left, func() { close(over) })
	}
}
