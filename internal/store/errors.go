package store

import "errors"

var (
	// ErrCorrupt: something is there and its checksum, length or form is wrong. It is never treated as absent (R26: unreadable is dirty).
	ErrCorrupt = errors.New("damaged record")
	// ErrSlow: the write did not return within its deadline, or an earlier one has not returned yet. Its outcome is unknown: old or new.
	ErrSlow = errors.New("disk is too slow")
	// ErrTooLarge: the record is larger than its bound; nothing was written.
	ErrTooLarge = errors.New("record is too large")
	// ErrClosed: the history was closed.
	ErrClosed = errors.New("history is closed")
)
