package store

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"
)

// MaxEntry bounds one entry of a history.
const MaxEntry = 64 << 10

// History is a list of lines that only grows at its end and is bounded: when it holds keep lines it becomes PATH.1, the one before is dropped,
// and a new one begins. So between keep and 2·keep entries are on disk, and turning over costs two renames, however long it is. Its methods are
// safe for concurrent use. One process writes a History.
type History struct {
	path     string
	keep     int
	deadline time.Duration
	disk     disk
	lane     lane

	turns atomic.Uint64 // odd while the files change their names: readers open both again

	// What follows belongs to whoever holds the lane.
	h      handle // nil: to be opened
	lines  int
	doubt  bool // the last append failed or came late: look at the file again first
	closed bool
}

// Recovery says what opening a history found.
type Recovery struct {
	// Entries that are whole, over both files.
	Entries int
	// TornBytes were dropped from the end: the entry that a crash cut off, which nobody was told was written.
	TornBytes int64
	// Damaged lines are in the middle, where no crash of ours can leave one; they are skipped and stay in the file. First names the first one.
	Damaged int
	First   string
}

// Err wraps ErrCorrupt if lines in the middle are damaged; a torn end is no error.
func (r Recovery) Err() error {
	if r.Damaged == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d lines, the first is %s", ErrCorrupt, r.Damaged, r.First)
}

// OpenHistory opens or begins the history at path, keeping at least the last keep entries (at least 1). It drops a torn end. The deadline bounds
// this call's writes and each Append; zero means DefaultDeadline. An error means that the history cannot be used; damage in the middle is no
// error here but in Recovery.Err, and the caller decides.
func OpenHistory(path string, keep int, deadline time.Duration) (*History, Recovery, error) {
	return openHistory(osDisk{}, path, keep, deadline)
}

func openHistory(d disk, path string, keep int, deadline time.Duration) (*History, Recovery, error) {
	if deadline <= 0 {
		deadline = DefaultDeadline
	}
	h := &History{path: path, keep: max(keep, 1), deadline: deadline, disk: d}
	found := make(chan Recovery, 1) // not a variable: after ErrSlow the goroutine still runs
	err := h.lane.do(path, deadline, func() error {
		r, err := h.recover()
		found <- r
		return err
	})
	if err != nil {
		return nil, Recovery{}, err
	}
	return h, <-found, nil
}

// recover reads both files, drops a torn end of the newer one and makes ready to append.
func (h *History) recover() (Recovery, error) {
	var r Recovery
	if h.h != nil {
		_ = h.h.Close() // its error says nothing about what is on disk; the file is read now
		h.h = nil
	}
	old, cur, err := h.files()
	if err != nil {
		return r, err
	}
	s, err := scan(h.older(), old, &r, nil)
	if err != nil {
		return r, errors.Join(err, closeIf(cur))
	}
	if s.torn > 0 { // only the newer file can have a torn end
		r.damaged(h.older(), s.lines+1)
	}
	s, err = scan(h.path, cur, &r, nil)
	if err != nil {
		return r, err
	}
	if s.torn > 0 {
		if err := h.disk.truncate(h.path, s.good); err != nil {
			return r, fmt.Errorf("cannot drop the torn end of %s: %w", h.path, err)
		}
		r.TornBytes = s.torn
	}
	h.lines, h.doubt = s.lines, false
	return r, h.open()
}

func (h *History) open() error {
	f, err := h.disk.appendTo(h.path, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", h.path, err)
	}
	if err := h.disk.syncDir(filepath.Dir(h.path)); err != nil { // a new file's name must survive too
		return errors.Join(fmt.Errorf("cannot open %s: %w", h.path, err), f.Close())
	}
	h.h = f
	return nil
}

func (h *History) older() string { return h.path + ".1" }

// Append adds one entry: JSON without a line end in it, at most MaxEntry bytes. When it returns nil the entry survives a crash. After ErrSlow
// or another error it may or may not be there.
func (h *History) Append(entry []byte) error {
	if len(entry) > MaxEntry {
		return fmt.Errorf("cannot append to %s: %w: %d bytes", h.path, ErrTooLarge, len(entry))
	}
	if bytes.ContainsAny(entry, "\n\r") {
		return fmt.Errorf("cannot append to %s: the entry has a line end in it", h.path)
	}
	line := encodeLine(entry)
	return h.lane.do(h.path, h.deadline, func() error {
		if err := h.append(line); err != nil {
			h.doubt = true
			return fmt.Errorf("cannot append to %s: %w", h.path, err)
		}
		return nil
	})
}

func (h *History) append(line []byte) error {
	if h.closed {
		return ErrClosed
	}
	if h.doubt || h.h == nil {
		if _, err := h.recover(); err != nil {
			return err
		}
	}
	if h.lines >= h.keep {
		if err := h.turn(); err != nil {
			return err
		}
	}
	if _, err := h.h.Write(line); err != nil {
		return err
	}
	if err := h.h.Sync(); err != nil {
		return err
	}
	h.lines++
	return nil
}

// turn makes the full file the older one and begins a new one.
func (h *History) turn() error {
	err := h.h.Close()
	h.h = nil
	if err != nil {
		return err
	}
	h.turns.Add(1)
	err = h.disk.rename(h.path, h.older())
	h.turns.Add(1)
	if err != nil {
		return err
	}
	h.lines = 0
	return h.open()
}

// Close ends the history; later Appends return ErrClosed. If the disk hangs it returns ErrSlow and closes nothing.
func (h *History) Close() error {
	return h.lane.do(h.path, h.deadline, func() error {
		h.closed = true
		if h.h == nil {
			return nil
		}
		err := h.h.Close()
		h.h = nil
		return err
	})
}
