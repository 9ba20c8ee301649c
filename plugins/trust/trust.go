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
	"strings"
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

// follow goes to a path as the kernel does, step by step: each directory that it goes through is judged before what is in it, and each link. It
// returns the path without links.
func follow(path string, judge func(string, os.FileInfo) error) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	at, steps := "/", strings.Split(path, "/")
	for links := 0; ; {
		info, err := os.Lstat(at) // no link: those were followed
		if err != nil {
			return "", err
		}
		if len(steps) == 0 {
			return at, judge(at, info)
		}
		// Who can change a directory or a link on the way can change what is run, wherever it lies.
		if err := directory(at, info); err != nil {
			return "", err
		}
		next := filepath.Join(at, steps[0]) // also of "..", "." and ""
		steps = steps[1:]
		to, err := link(next, open(info))
		switch {
		case err != nil:
			return "", err
		case to == "":
			at = next
			continue
		case links == mostLinks:
			return "", fmt.Errorf("%s is behind more than %d links", path, mostLinks)
		case filepath.IsAbs(to):
			at = "/"
		}
		links++
		steps = append(strings.Split(to, "/"), steps...)
	}
}

// link is where a link leads, "" for what is none. In a directory that is open to others who owns it can put another in its place.
func link(path string, inOpen bool) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		return "", err
	}
	if inOpen {
		if err := owned(path, info); err != nil {
			return "", err
		}
	}
	return os.Readlink(path)
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

// ours reports whether nobody but root and this user can change path. A sticky directory (/tmp) may be open to all: in it nobody can replace
// what is not his.
func ours(path string, info os.FileInfo) error {
	if err := owned(path, info); err != nil {
		return err
	}
	if open(info) && (!info.IsDir() || info.Mode()&os.ModeSticky == 0) {
		return fmt.Errorf("%s has mode %04o, others than its owner can write it", path, info.Mode().Perm())
	}
	return nil
}

// open reports whether others than the owner can write.
func open(info os.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

func owned(path string, info os.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("cannot read the owner of %s", path)
	}
	if owner := int(st.Uid); owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to uid %d, it must belong to root", path, owner)
	}
	return nil
}
