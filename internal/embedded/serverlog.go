package embedded

import (
	"os"
	"sync"
)

const (
	// serverLogLimit bounds one log file; with the one before it a server
	// takes twice that on disk.
	serverLogLimit = 8 << 20

	// serverLogTail is how much of the log's end is kept in memory for the
	// error message of a start that failed.
	serverLogTail = 2 << 10
)

// serverLog is PostgreSQL's log file. When it is full it becomes path.1 and a
// new one begins. PostgreSQL can't do that itself without a file name that
// changes.
type serverLog struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
	tail []byte
}

func openServerLog(path string) (*serverLog, error) {
	l := &serverLog{path: path}

	return l, l.open()
}

func (l *serverLog) open() error {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	l.file, l.size = file, info.Size()

	return nil
}

// Write never fails: an error would break the pipe that PostgreSQL writes its
// log to, and a log that can't be written (a full disk) is no reason to do
// that.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.tail = append(l.tail, p...)
	if over := len(l.tail) - serverLogTail; over > 0 {
		l.tail = append(l.tail[:0], l.tail[over:]...)
	}

	if l.size > serverLogLimit {
		l.rotate()
	}
	n, _ := l.file.Write(p)
	l.size += int64(n)

	return len(p), nil
}

func (l *serverLog) rotate() {
	if os.Rename(l.path, l.path+".1") != nil {
		return
	}
	full := l.file
	if l.open() != nil {
		return // keeps writing to the renamed file
	}
	_ = full.Close()
}

// lastLines returns the end of what was logged since the last call.
func (l *serverLog) lastLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := string(l.tail)
	l.tail = nil

	return lines
}

func (l *serverLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.file.Close()
}
