package residual

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// os.Root opens every directory on the way to a file, one after the other, and looks at every entry of a directory that it lists: a scan was four
// fifths of that. The kernel opens a path below a directory with one call (openat2), and says by itself that no link was on the way. What it
// opens so, and what it says does not exist, is what os.Root would have come to; in everything else, a kernel without that call too, os.Root decides
// as ever.

// unlinked has the kernel refuse whatever leads over a link, or out of the root.
const unlinked = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// direct opens a path on which no link is. The error wraps fs.ErrNotExist where there is nothing, not even a link; every other one is no answer.
func (l *look) direct(path string, flags uint64) (int, error) {
	if path == "" {
		return -1, unix.EINVAL // which the kernel would call missing
	}
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unlinked}
	for {
		fd, err := unix.Openat2(int(l.at.Fd()), path, &how) // #nosec G115: a descriptor
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// opened is what may be read of a file that was opened directly.
type opened struct {
	fd   int
	path string
}

func (o opened) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(o.fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, &fs.PathError{Op: "read", Path: o.path, Err: err}
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (o opened) Close() error { return unix.Close(o.fd) }

// file opens a file for reading; the caller closes what it is given.
func (l *look) file(path string) (io.ReadCloser, error) {
	fd, err := l.direct(path, unix.O_RDONLY)
	switch {
	case err == nil:
		return opened{fd, path}, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	}
	return l.root.Open(path)
}

// directory opens a directory. Its entries are taken as the kernel lists them: os.Root looks at each of them too, and one may be a mount that hangs.
// It is named in full: where a file system does not say what an entry is, Go before 1.26.1 looks by that name, and leaves out what is not there.
func (l *look) directory(path string) (*os.File, error) {
	fd, err := l.direct(path, unix.O_RDONLY|unix.O_DIRECTORY)
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), l.path(path)), nil // #nosec G115: a descriptor
	case errors.Is(err, fs.ErrNotExist):
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	}
	rooted, err := l.root.OpenFile(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rooted.Close() }()
	if fd, err = unix.FcntlInt(rooted.Fd(), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return nil, &fs.PathError{Op: "dup", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), l.path(path)), nil // #nosec G115: a descriptor
}

// link reads a symbolic link, and one of procfs that is none, without following it.
func (l *look) link(path string) (string, error) {
	fd, err := l.direct(path, unix.O_PATH|unix.O_NOFOLLOW)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: syscall.ENOENT}
	}
	if err == nil {
		defer func() { _ = unix.Close(fd) }()
		var b [unix.PathMax]byte
		if n, err := unix.Readlinkat(fd, "", b[:]); err == nil && n < len(b) {
			return string(b[:n]), nil
		}
	}
	return l.root.Readlink(path)
}

// dangling reports whether something stands at the path although it cannot be followed, or opened. What cannot be looked at may stand there (V12).
func (l *look) dangling(path string) bool {
	fd, err := l.direct(path, unix.O_PATH|unix.O_NOFOLLOW)
	switch {
	case err == nil:
		_ = unix.Close(fd)
		return true
	case errors.Is(err, fs.ErrNotExist):
		return false
	}
	_, err = l.root.Lstat(path)
	return !absent(err)
}
