package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// _IOWR('X', 119, int) and _IOWR('X', 120, int) of linux/fs.h.
const (
	ioctlFreeze = 0xc0045877
	ioctlThaw   = 0xc0045878
)

// errShared answers for a directory without a file system of its own: this host's is nobody's to freeze.
var errShared = errors.New("it has no file system of its own")

// Freeze makes every write to the file system that is mounted at dir hang, for real, until Thaw.
func Freeze(dir string) error { return frozen(dir, ioctlFreeze) }

// Thaw ends Freeze. It is an error where nothing was frozen.
func Thaw(dir string) error { return frozen(dir, ioctlThaw) }

func frozen(dir string, request uint) error {
	own, err := ownFS(dir)
	if err == nil && !own {
		err = errShared
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), request, 0); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// ownFS reports whether a directory is the root of a file system other than its parent's.
func ownFS(dir string) (bool, error) {
	var here, above unix.Stat_t
	if err := errors.Join(unix.Stat(dir, &here), unix.Stat(filepath.Dir(dir), &above)); err != nil {
		return false, err
	}
	return here.Dev != above.Dev, nil
}
