// Package trust says whether a program may be run by who is root: it, every directory on the way to it and every link on that way belong to
// root, or to the user of this process, and nobody else can write them. Otherwise what it is could change under us (V15).
//
// plugins/host asks it of plugins before each start and every few seconds, plugins/agent of fence agents, plugins/pdu of the tables that say
// what a command means. It runs nothing and decides nothing about what a program does.
package trust

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// mostLinks bounds the links that are followed, as the kernel does.
const mostLinks = 40

// Program returns the path of a program without symbolic links, or says why it must not be run. An error of the file system is wrapped
// (os.ErrNotExist).
func Program(path string) (string, error) { return follow(path, program) }

// File is the same of a file that is not run, but obeyed: it need not be executable.
func File(path string) (string, error) { return follow(path, file) }

// Directory is the same of a directory, in which nobody else can put a file, take one away or put another in its place, unless it is sticky.
func Directory(path string) (string, error) { return follow(path, directory) }

func follow(path string, judge func(string, os.FileInfo) error) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for range mostLinks {
		// Who can change a directory or a link on the way can change what is run, wherever it lies.
		if err := way(filepath.Dir(path)); err != nil {
			return "", err
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		if err := way(dir); err != nil {
			return "", err
		}
		path = filepath.Join(dir, filepath.Base(path))
		info, err := os.Lstat(path)
		if err != nil {
			return "", err
		}
		if info.Mode()&os.ModeSymlink == 0 {
			return path, judge(path, info)
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		path = filepath.Clean(to)
	}
	return "", fmt.Errorf("%s is behind more than %d links", path, mostLinks)
}

// program judges the file itself.
func program(path string, info os.FileInfo) error {
	switch {
	case info.Mode().IsRegular() && info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s is not executable", path)
	case info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0:
		return fmt.Errorf("%s is setuid or setgid, which would outlive its parent", path)
	}
	return file(path, info)
}

func file(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	return ours(path, info)
}

func directory(path string, info os.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", path)
	}
	return ours(path, info)
}

// way judges a directory and every one above it.
func way(dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := ours(dir, info); err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// ours reports whether nobody but root and this user can change path. A sticky directory (/tmp) may be open to all: in it nobody can replace
// what is not his.
func ours(path string, info os.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("cannot read the owner of %s", path)
	}
	if owner := int(st.Uid); owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to uid %d, it must belong to root", path, owner)
	}
	if info.Mode().Perm()&0o022 != 0 && (!info.IsDir() || info.Mode()&os.ModeSticky == 0) {
		return fmt.Errorf("%s has mode %04o, others than its owner can write it", path, info.Mode().Perm())
	}
	return nil
}
