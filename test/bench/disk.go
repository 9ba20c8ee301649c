package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// fsync is what one durable write costs on this disk: a page written in place and synced, as the log's store does twice for each commit.
// It has no aim; it is what the operation's figures are to be read against.
func fsync(_ context.Context, r *run) error {
	dir, err := os.MkdirTemp("", "fenced-bench-disk-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	f, err := os.Create(filepath.Join(dir, "page"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var samples []float64
	page := make([]byte, 4096)
	for i := range 10 * r.n() {
		page[0] = byte(i)
		began := time.Now()
		if _, err := f.WriteAt(page, 0); err != nil {
			return err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return err
		}
		samples = append(samples, msSince(began))
	}
	r.add(line(nameFsync, "ms", "one page and fdatasync, for comparison", samples[1:]))
	return nil
}

// msSince is the time since, in milliseconds.
func msSince(t time.Time) float64 { return float64(time.Since(t).Nanoseconds()) / 1e6 }
