package host

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// stamp tells one content of a plugin's file from another.
type stamp struct {
	dev, ino uint64
	size     int64
	written  time.Time
}

func stampOf(path string) (stamp, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return stamp{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}, fmt.Errorf("cannot read the inode of %s", path)
	}
	return stamp{dev: uint64(st.Dev), ino: st.Ino, size: info.Size(), written: info.ModTime()}, nil //nolint:unconvert // not uint64 everywhere
}

// inspect says why the process must not go on with the file that it was started from: it is gone, or not to be trusted any more (V15), or
// another one. What runs is what was verified, so this ends it with its last call and not in the middle of it; then the new file is verified,
// its checksum included, and started, or the plugin is out. That is known now, and not when the process is needed next.
func (p *process) inspect() error {
	path, err := Verify(p.path, "") // a checksum takes longer than what is done every few seconds may
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("its file is gone")
	}
	if err != nil {
		return fmt.Errorf("its file cannot be trusted any more: %w", err)
	}
	now, err := stampOf(path)
	switch {
	case err != nil:
		return fmt.Errorf("its file cannot be read: %w", err)
	case now != p.file:
		return errReplaced
	}
	return nil
}

var errReplaced = errors.New("its file was replaced")
