package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// screen shows a text that changes: in one place on a terminal, one after the
// other elsewhere.
type screen struct {
	out      io.Writer
	terminal bool
	last     []byte // what was shown; stays when the screen is given back
}

// watchInterval is the time between two looks of somebody who watches a terminal.
const watchInterval = time.Second

// Control sequences (ECMA-48, and xterm's private modes).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // another screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	eraseLine   = "\x1b[K" // what is right of the cursor
	eraseBelow  = "\x1b[J"
)

func newScreen(out io.Writer) *screen {
	s := &screen{out: out, terminal: isTerminal(out)}
	s.open()
	return s
}

// isTerminal says whether a stream is one that a person looks at.
func isTerminal(stream any) bool {
	file, isFile := stream.(*os.File)
	return isFile && term.IsTerminal(int(file.Fd()))
}

func (s *screen) open() {
	if s.terminal {
		fmt.Fprint(s.out, enterScreen)
	}
}

func (s *screen) interval() time.Duration {
	if s.terminal {
		return watchInterval
	}
	return lineInterval
}

// show writes over what is there, line by line: a screen that is cleared first
// flickers.
func (s *screen) show(text []byte) {
	s.last = text
	if !s.terminal {
		_, _ = s.out.Write(text) // to a reader that may be gone; there is nothing to lose
		return
	}
	frame := bytes.ReplaceAll(text, []byte("\n"), []byte(eraseLine+"\r\n"))
	fmt.Fprintf(s.out, "%s%s%s", home, frame, eraseBelow)
}

// trouble says why there is nothing new, below what there was.
func (s *screen) trouble(stderr io.Writer, why error) {
	message := printable(fmt.Sprintf("%s: %v", moment(time.Now()), why)) + "\n"
	if !s.terminal {
		fmt.Fprint(stderr, message)
		return
	}
	before := s.last
	s.show(append(bytes.Clone(before), "\n"+message...))
	s.last = before
}

// close gives the terminal back as it was, with what was shown last.
func (s *screen) close() {
	if s.terminal {
		fmt.Fprint(s.out, leaveScreen)
		_, _ = s.out.Write(s.last)
	}
}
