package playground

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sweepTime bounds how long one sweep waits for killed processes to be gone.
const sweepTime = 15 * time.Second

// sweep takes away whatever a cluster left: processes (by tag and by namespace), namespaces, its directory if it was a temporary one.
// It may be called at any time by anybody who has the right, again and again.
func sweep(o owner) error {
	name := o.String()
	spaces := spacesOf(o)
	find := func() []process {
		inside := map[int]bool{}
		for _, ns := range spaces {
			for _, pid := range pidsIn(ns) {
				inside[pid] = true
			}
		}
		return family(processes(), func(p process) bool { return p.tag == name || inside[p.pid] })
	}
	errs := []error{thawDisks(o), killAll(find, sweepTime)} // who hangs on a disk cannot be killed
	for _, ns := range spaces {
		errs = append(errs, deleteSpace(ns))
	}
	if err := dropDisks(o); err != nil {
		return errors.Join(append(errs, err)...) // nothing is removed through a mount
	}
	return errors.Join(append(errs, os.RemoveAll(tempDir(o)), os.RemoveAll(shortDir(o)))...)
}

// sweepStale sweeps the clusters of owners that are dead; every start calls it.
func sweepStale() error {
	var errs []error
	seen := map[owner]bool{}
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), namePrefix+"*"))
	spaces, _ := filepath.Glob(filepath.Join(spaceDir, namePrefix+"*"))
	var names []string
	for _, path := range append(dirs, spaces...) {
		if mine(path) {
			names = append(names, filepath.Base(path))
		}
	}
	for _, p := range processes() { // with --dir neither a temporary directory nor a namespace need be there
		names = append(names, p.tag)
	}
	for _, name := range names {
		o, ok := parseOwner(name)
		if !ok || seen[o] || o.alive() {
			continue
		}
		seen[o] = true
		errs = append(errs, sweep(o))
	}
	return errors.Join(errs...)
}

// mine reports whether we own a leftover; another user's is that user's to sweep.
func mine(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && ownerOf(st) == os.Getuid()
}

// tempDir is where a cluster without --dir lives.
func tempDir(o owner) string { return filepath.Join(os.TempDir(), o.String()) }

// shortDir holds the run directories of a cluster. A unix socket's path has at most 107 bytes, and the plugin host's take 89 below the run
// directory; what is left is this. The name follows from the owner, so that whoever sweeps finds it.
func shortDir(o owner) string {
	sum := sha256.Sum256([]byte(o.String()))
	return "/tmp/f" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:7])
}

// Leftovers names what is still there of this process's clusters: processes, namespaces, temporary directories. Tests demand that it is
// empty after Stop.
func Leftovers() []string {
	pid := os.Getpid()
	return leftovers(func(o owner) bool { return o.pid == pid })
}

// Leftovers names what is still there of this cluster.
func (c *Cluster) Leftovers() []string {
	return leftovers(func(o owner) bool { return o == c.owner })
}

func leftovers(whose func(owner) bool) []string {
	pid := os.Getpid()
	var out []string
	ours := func(name string) bool {
		o, ok := parseOwner(name)
		return ok && whose(o)
	}
	for _, p := range family(processes(), func(p process) bool { return ours(p.tag) }) {
		out = append(out, fmt.Sprintf("process %d (%s)", p.pid, p.cmdline))
	}
	if start, err := startTime(pid); err == nil {
		for seq := int64(1); seq <= clusters.Load(); seq++ {
			o := owner{pid: pid, start: start, seq: seq}
			dir := shortDir(o)
			if _, err := os.Lstat(dir); err == nil && whose(o) {
				out = append(out, dir)
			}
		}
	}
	if all, err := mounts(); err == nil {
		for _, at := range all {
			if dir, _, ok := strings.Cut(strings.TrimPrefix(at, os.TempDir()+"/"), "/"); ok && ours(dir) {
				out = append(out, "mount "+at)
			}
		}
	}
	for _, pattern := range []string{filepath.Join(spaceDir, namePrefix+"*"), filepath.Join(os.TempDir(), namePrefix+"*")} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if ours(filepath.Base(path)) {
				out = append(out, path)
			}
		}
	}
	return out
}
