package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// directory is where distributions put fence agents.
const directory = "/usr/sbin"

// locate returns the path of an agent that may be run: it and every directory on its way belong to root (or to the user of this process)
// and nobody else can write them, or what it is could change under us (V15). The path keeps its name: what an agent does may depend on it.
func locate(name string) (string, error) {
	path := name
	if !strings.ContainsRune(name, filepath.Separator) {
		path = filepath.Join(directory, name)
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%q is no absolute path", name)
	}
	path = filepath.Clean(path)
	if !strings.HasPrefix(filepath.Base(path), "fence_") {
		return "", fmt.Errorf("%q is no fence agent: its name does not begin with fence_", name)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("cannot find agent %s: %w", name, err)
	}
	info, err := os.Lstat(real)
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot find agent %s: %w", name, err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return "", fmt.Errorf("%s is no program", real)
	}
	for _, start := range []string{filepath.Dir(path), real} { // who can change the link can change what it points to
		for p := start; ; p = filepath.Dir(p) {
			if err := trusted(p); err != nil {
				return "", err
			}
			if p == filepath.Dir(p) {
				break
			}
		}
	}
	return path, nil
}

func trusted(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
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
