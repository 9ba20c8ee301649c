package residual

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxValue bounds a small file of sysfs, maxTable a table of procfs. A larger one was not read whole, which is an error.
const (
	maxValue = 4096
	maxTable = 16 << 20
)

// look is what one run of a probe reads with: under the system root, which no symbolic link leaves, and bounded.
type look struct {
	o       Options
	root    *os.Root
	at      *os.File // the root's directory, which openat2 begins in
	class   Class    // of what this probe cannot look at; empty is state
	entries int
	session SessionState
}

// open opens the system root; the finding says why it could not.
func (l *look) open(probe string) (Finding, bool) {
	root, err := os.OpenRoot(l.o.SystemRoot)
	if err != nil {
		return l.unreadable(probe, "", err), false
	}
	if l.at, err = root.Open("."); err != nil {
		_ = root.Close()
		return l.unreadable(probe, "", err), false
	}
	l.root = root
	return Finding{}, true
}

func (l *look) close() { _, _ = l.at.Close(), l.root.Close() }

func (l *look) path(p string) string { return filepath.Join(l.o.SystemRoot, p) }

var (
	errBound = fmt.Errorf("more than %d entries", MaxEntries)
	errLong  = errors.New("it is longer than may be read")
)

// list returns the entries of a directory by name, nil where it does not exist. The error says that it could not be read whole.
func (l *look) list(path string) ([]fs.DirEntry, error) {
	d, err := l.directory(path)
	if errors.Is(err, fs.ErrNotExist) {
		if l.dangling(path) { // a link that leads nowhere is something, not nothing
			return nil, err
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	var all []fs.DirEntry
	for {
		some, err := d.ReadDir(1000)
		all = append(all, some...)
		l.entries += len(some)
		if l.entries > MaxEntries {
			return all, errBound
		}
		if errors.Is(err, io.EOF) {
			slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// value reads one small file of sysfs, without the white space around it. It opens what it finds and may hang; the scan's deadline bounds it.
func (l *look) value(path string) (string, error) {
	b, err := l.read(path, maxValue)
	return strings.TrimSpace(string(b)), err
}

// read reads a file of at most most bytes; of a longer one it returns the beginning and errLong.
func (l *look) read(path string, most int64) ([]byte, error) {
	f, err := l.file(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		return b[:most], errLong
	}
	return b, err
}

// gone reports an error that says: it does not exist, or does not any more. A process or a device may vanish while it is looked at, and what has
// vanished holds nothing. It is never asked about the directory in which a probe begins.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.ENODEV)
}

// absent reports an error that says that nothing stands at a path: it, or a directory on the way, is not there or no directory.
func absent(err error) bool { return gone(err) || errors.Is(err, syscall.ENOTDIR) }

// unknown is the finding of a probe that could not look (V12). Of a probe that can only find access it is access too: what it might have found
// would not have counted either.
func (l *look) unknown(probe, path, why string, reset bool) Finding {
	class := l.class
	if class == "" {
		class = ClassState
	}
	return Finding{Probe: probe, Path: printable(path), Class: class, What: WhatUnknown, Why: why, Reset: reset}
}

// unreadable is unknown with the error's reason. Missing permission, a file in a directory's place or a link that leads in a circle are none of
// the kernel's state, and a reset would bring them back: they block, and a human repairs them (R25). Whatever else fails, a reset may clear.
func (l *look) unreadable(probe, path string, err error) Finding {
	standing := errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, errBound) || errors.Is(err, errLong) || errors.Is(err, errDepth)
	var pe *fs.PathError
	reason := err.Error()
	if errors.As(err, &pe) {
		reason = pe.Err.Error()
		var errno syscall.Errno
		if !errors.As(pe.Err, &errno) {
			standing = true // os.Root's own refusal: the path leaves the system root
		}
	}
	return l.unknown(probe, l.path(path), "cannot read it: "+printable(reason), !standing)
}
