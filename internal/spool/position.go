package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// position is where the first unpublished frame lies, or will lie.
type position struct {
	segment  uint64 // sequence of the segment's first frame, which is its name
	offset   int64  // in bytes, into that segment
	sequence uint64 // of that frame
}

// positionFile holds a position in two slots that are written by turns, so that
// the write being interrupted leaves the one before it. Replacing a whole file by
// rename(2) would do the same, but needs free space, and the drain that gives a
// full disk its space back must not depend on any.
type positionFile struct {
	file *os.File
	turn uint64 // of the newest slot
}

const (
	slotSize    = 512 // a sector, which disks write whole
	slotContent = 4*8 + 4
)

// openPositionFile opens or creates the file. found says whether it holds a
// position; a file with bytes but no sound slot holds none.
func openPositionFile(path string) (f *positionFile, p position, found bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, position{}, false, fmt.Errorf("open position of the spool: %w", err)
	}
	f = &positionFile{file: file}

	content := make([]byte, 2*slotSize)
	if _, err := file.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, position{}, false, errors.Join(fmt.Errorf("read position of the spool: %w", err), file.Close())
	}
	for _, slot := range [][]byte{content[:slotSize], content[slotSize:]} {
		if turn, inSlot, ok := parseSlot(slot); ok && turn >= f.turn {
			f.turn, p, found = turn, inSlot, true
		}
	}
	if found {
		return f, p, true, nil
	}
	// Both slots get their disk space now, while there is some.
	if _, err := file.WriteAt(make([]byte, 2*slotSize), 0); err != nil {
		return nil, position{}, false, errors.Join(fmt.Errorf("create position of the spool: %w", err), file.Close())
	}
	return f, position{}, false, nil
}

func parseSlot(slot []byte) (turn uint64, p position, ok bool) {
	sum := binary.BigEndian.Uint32(slot[32:])
	if crc32.Checksum(slot[:32], castagnoli) != sum {
		return 0, position{}, false
	}
	return binary.BigEndian.Uint64(slot), position{
		segment:  binary.BigEndian.Uint64(slot[8:]),
		offset:   int64(binary.BigEndian.Uint64(slot[16:])),
		sequence: binary.BigEndian.Uint64(slot[24:]),
	}, true
}

// write makes p outlive the process, though not the machine: see sync.
func (f *positionFile) write(p position) error {
	turn := f.turn + 1
	slot := make([]byte, slotContent)
	binary.BigEndian.PutUint64(slot, turn)
	binary.BigEndian.PutUint64(slot[8:], p.segment)
	binary.BigEndian.PutUint64(slot[16:], uint64(p.offset))
	binary.BigEndian.PutUint64(slot[24:], p.sequence)
	binary.BigEndian.PutUint32(slot[32:], crc32.Checksum(slot[:32], castagnoli))
	if _, err := f.file.WriteAt(slot, int64(turn%2)*slotSize); err != nil {
		return fmt.Errorf("write position of the spool: %w", err)
	}
	f.turn = turn
	return nil
}

// sync makes what was written outlive the machine.
func (f *positionFile) sync() error {
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("sync position of the spool: %w", err)
	}
	return nil
}

func (f *positionFile) close() error { return f.file.Close() }
