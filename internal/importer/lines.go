package importer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync/atomic"
)

// maxRecordBytes is how long a row may be: what the service takes in a request.
// It bounds the memory, and how far a quote that is never closed is followed.
const maxRecordBytes = 1 << 20

// textLine is a line of the file with its end, "\n" or "\r\n".
type textLine struct {
	number  int // from 1
	text    []byte
	tooLong bool // text is cut at maxRecordBytes
}

func (l textLine) blank() bool { return len(bytes.TrimSpace(l.text)) == 0 }

// lineReader reads lines, and can take back those that were read too far.
type lineReader struct {
	r        *bufio.Reader
	number   int
	returned []textLine    // to be read again, first first
	bytes    *atomic.Int64 // read so far
}

// next returns io.EOF at the end.
func (l *lineReader) next() (textLine, error) {
	if len(l.returned) > 0 {
		line := l.returned[0]
		l.returned = l.returned[1:]
		return line, nil
	}
	line := textLine{number: l.number + 1}
	for {
		part, err := l.r.ReadSlice('\n')
		l.bytes.Add(int64(len(part)))
		room := maxRecordBytes - len(line.text)
		line.tooLong = line.tooLong || len(part) > room
		line.text = append(line.text, part[:min(len(part), room)]...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line.text) > 0:
		case err != nil:
			return textLine{}, err
		}
		l.number++
		return line, nil
	}
}

// takeBack makes lines the next ones to be read.
func (l *lineReader) takeBack(lines []textLine) {
	l.returned = append(lines, l.returned...)
}
