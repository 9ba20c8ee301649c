package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Each calls fn with every whole entry, oldest first, until fn returns an error, which Each returns. The entry is valid during the call only. It
// may run beside Append and sees what was on disk when it came there. Damaged lines are skipped; Recovery counted them at opening.
func (h *History) Each(fn func(entry []byte) error) error {
	var r Recovery
	old, cur, err := h.files()
	if err != nil {
		return err
	}
	if _, err := scan(h.older(), old, &r, fn); err != nil {
		return errors.Join(err, closeIf(cur))
	}
	_, err = scan(h.path, cur, &r, fn)
	return err
}

// files opens the older and the newer file of one moment; nil for one that does not exist. Appends turn the files over rarely, so a few tries
// are enough; after them it gives up rather than show a history with a hole.
func (h *History) files() (old, cur io.ReadCloser, err error) {
	for range 100 {
		turn := h.turns.Load()
		if old, err = h.openOrNil(h.older()); err != nil {
			return nil, nil, err
		}
		if cur, err = h.openOrNil(h.path); err != nil {
			return nil, nil, errors.Join(err, closeIf(old))
		}
		if turn%2 == 0 && turn == h.turns.Load() {
			return old, cur, nil
		}
		_, _ = closeIf(old), closeIf(cur)
		time.Sleep(time.Millisecond) // a rename is under way; it is this short
	}
	return nil, nil, fmt.Errorf("cannot read %s: %w: it is being turned over", h.path, ErrSlow)
}

func (h *History) openOrNil(path string) (io.ReadCloser, error) {
	f, err := h.disk.open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return f, nil
}

func closeIf(f io.Closer) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// Last returns the newest n entries, oldest of them first; at most 2·keep are there.
func (h *History) Last(n int) ([][]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	var ring [][]byte
	next := 0
	err := h.Each(func(e []byte) error {
		e = bytes.Clone(e)
		if len(ring) < n {
			ring = append(ring, e)
			return nil
		}
		ring[next] = e
		next = (next + 1) % n
		return nil
	})
	return append(ring[next:len(ring):len(ring)], ring[:next]...), err
}
