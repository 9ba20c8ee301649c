package product

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// keepUnused is how long a build stays that nobody asked for.
const keepUnused = 24 * time.Hour

// Source says of what a product is built.
type Source struct {
	// Root is the directory of a go.mod of fenced.
	Root string
	// Vars are variables that the linker sets, PACKAGE.NAME to value; the sources are the same and the build is another.
	Vars map[string]string
}

// Daemon puts a copy of the product into dir in which the daemon, and it alone, is of this source: seconds where Build takes a minute.
func (s Source) Daemon(dir string) error {
	if err := Copy(dir); err != nil {
		return err
	}
	return s.goBuildOne(filepath.Join(dir, "fenced"), "./cmd/fenced")
}

// Build builds and returns the directory of the result. Two processes that build at the same time wait for each other.
func (s Source) Build() (string, error) {
	cache, err := s.cache()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	staging := filepath.Join(cache, "staging-"+s.flagsKey())
	if err := s.goBuild(staging); err != nil {
		return "", err
	}
	dir, err := keep(cache, staging)
	if err != nil {
		return "", fmt.Errorf("cannot keep the product that was built: %w", err)
	}
	return dir, forget(cache, dir)
}

// cache is where the builds of a source tree are, in the tree itself: `make clean` removes them.
func (s Source) cache() (string, error) {
	if _, err := os.Stat(filepath.Join(s.Root, "go.mod")); err != nil {
		return "", fmt.Errorf("cannot build the product in %s: %w", s.Root, err)
	}
	dir := filepath.Join(s.Root, "build", "product")
	return dir, os.MkdirAll(dir, 0o755)
}

// goBuild makes or refreshes staging. go build itself knows what is current, and leaves that as it is.
func (s Source) goBuild(staging string) error {
	plugins, err := s.plugins()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(staging, "plugins"), 0o755); err != nil {
		return err
	}
	targets := [][]string{{staging + "/", "./cmd/fenced", "./cmd/fenced-watchdog", "./cmd/fenced-dev"}}
	for _, p := range plugins {
		targets = append(targets, []string{filepath.Join(staging, "plugins", "fenced-plugin-"+p), "./plugins/" + p})
	}
	for _, t := range targets {
		if err := s.goBuildOne(t[0], t[1:]...); err != nil {
			return err
		}
	}
	return nil
}

func (s Source) goBuildOne(out string, packages ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", s.ldflags(), "-o", out}, packages...)...)
	cmd.Dir, cmd.Env = s.Root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %v in %s: %w: %s", packages, s.Root, err, out)
	}
	return nil
}

// plugins are the bundled ones: each folder of plugins/ that is a program.
func (s Source) plugins() ([]string, error) {
	cmd := exec.Command("go", "list", "-f", `{{if eq .Name "main"}}{{.Dir}}{{end}}`, "./plugins/...")
	cmd.Dir = s.Root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the plugins in %s: %w", s.Root, err)
	}
	var names []string
	for _, dir := range strings.Fields(string(out)) {
		if filepath.Base(filepath.Dir(dir)) == "plugins" {
			names = append(names, filepath.Base(dir))
		}
	}
	return names, nil
}

func (s Source) ldflags() string {
	var flags []string
	for _, name := range slices.Sorted(maps.Keys(s.Vars)) {
		flags = append(flags, "-X", "'"+name+"="+s.Vars[name]+"'")
	}
	return strings.Join(flags, " ")
}

func (s Source) flagsKey() string {
	sum := sha256.Sum256([]byte(s.ldflags()))
	return hex.EncodeToString(sum[:4])
}

// keep gives what is in staging a directory of its own, named after its content.
func keep(cache, staging string) (string, error) {
	names, err := files(staging)
	if err != nil {
		return "", err
	}
	all := sha256.New()
	for _, f := range names {
		b, err := os.ReadFile(filepath.Join(staging, f))
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(b)
		fmt.Fprintf(all, "%s %x\n", f, sum)
	}
	dir := filepath.Join(cache, hex.EncodeToString(all.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		now := time.Now()
		return dir, os.Chtimes(dir, now, now)
	}
	fresh, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	if err := copyTo(staging, fresh, names); err != nil {
		return "", err
	}
	return dir, os.Rename(fresh, dir)
}

// forget removes builds that nobody asked for during a day; never this one.
func forget(cache, this string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(cache, e.Name())
		var st fs.FileInfo
		if st, err = e.Info(); err != nil || !e.IsDir() || path == this || time.Since(st.ModTime()) < keepUnused {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// lock waits for a file's lock. Whoever holds it builds, which ends.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil // closing drops the lock
}
