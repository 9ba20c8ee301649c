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

const maxValue = 4096

// look is what one run of a probe reads with: under the system root, which no symbolic link leaves, and bounded.
type look struct {
	o       Options
	root    *os.Root
	entries int
	session SessionState
}

// open opens the system root. A root without a mounted /sys shows nothing and so proves nothing: a container that hides it is not clean.
func (l *look) open(probe string) (Finding, bool) {
	root, err := os.OpenRoot(l.o.SystemRoot)
	if err != nil {
		return l.unreadable(probe, "", err), false
	}
	l.root = root
	d, err := root.Open("sys")
	if err == nil {
		_, err = d.ReadDir(1)
		_ = d.Close()
	}
	switch {
	case err == nil:
		return Finding{}, true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.EOF):
		f := l.unknown(probe, l.path("sys"), "there is no sysfs here, so the kernel's state cannot be seen; mount it", false)
		_ = root.Close()
		return f, false
	}
	_ = root.Close()
	return l.unreadable(probe, "sys", err), false
}

func (l *look) path(p string) string { return filepath.Join(l.o.SystemRoot, p) }

var errBound = fmt.Errorf("more than %d entries", MaxEntries)

// list returns the entries of a directory by name, nil where it does not exist. The error says that it could not be read whole.
func (l *look) list(path string) ([]fs.DirEntry, error) {
	d, err := l.root.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if dangling(l.root, path) { // a link that leads nowhere is something, not nothing
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

// dangling reports whether something stands at the path although it cannot be followed.
func dangling(r *os.Root, path string) bool {
	_, err := r.Lstat(path)
	return err == nil
}

// value reads one small file of sysfs, without the white space around it. It opens what it finds and may hang; the scan's deadline bounds it.
func (l *look) value(path string) (string, error) {
	f, err := l.root.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxValue))
	return strings.TrimSpace(string(b)), err
}

// unknown is the finding of a probe that could not look (V12).
func (l *look) unknown(probe, path, why string, reset bool) Finding {
	return Finding{Probe: probe, Path: printable(path), Class: ClassState, What: WhatUnknown, Why: why, Reset: reset}
}

// unreadable is unknown with the error's reason. Missing permission, a file in a directory's place or a link that leads in a circle are none of
// the kernel's state, and a reset would bring them back: they block, and a human repairs them (R25). Whatever else fails, a reset may clear.
func (l *look) unreadable(probe, path string, err error) Finding {
	standing := errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, errBound)
	var pe *fs.PathError
	reason := err.Error()
	if errors.As(err, &pe) {
		reason = pe.Err.Error()
		var errno syscall.Errno
		if !errors.As(pe.Err, &errno) {
			standing = true // os.Root's own refusal: the path leaves the system root
		}
	}
	return l.unknown(probe, l.path(path), "cannot read it: "+reason, !standing)
}
