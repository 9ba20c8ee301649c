package systemd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guard is a child that reads a pipe from the test process. The pipe ends when the test process does, however it ended; then the guard ends what
// is left in the machine's cgroup, removes the cgroup and the machine's directory. Mounts and the network went with process 1.
type guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// guardTime bounds how long the guard waits for killed processes.
const guardTime = 5 * time.Second

func startGuard(dir, cgroup string) (*guard, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleEnv + "=guard", "FENCED_TEST_SYSTEMD_DIR=" + dir, "FENCED_TEST_SYSTEMD_CGROUP=" + cgroup}
	// Its own mounts: it needs the cgroup file system, wherever the host has that.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Unshareflags: unix.CLONE_NEWNS}
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the guard: %w", err)
	}
	return &guard{cmd: cmd, pipe: pipe}, nil
}

// stop lets it sweep and says what it could not.
func (g *guard) stop() error {
	_ = g.pipe.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("the guard could not sweep: %w", err)
	}
	return nil
}

func guardMain() int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	_, _ = io.Copy(io.Discard, os.Stdin)
	dir, cgroup := os.Getenv("FENCED_TEST_SYSTEMD_DIR"), os.Getenv("FENCED_TEST_SYSTEMD_CGROUP")
	if dir == "" || cgroup == "" {
		return 64
	}
	// Its output may be a pipe that has no reader any more.
	if err := errors.Join(sweepCgroup(filepath.Join(dir, "cgroup"), cgroup), os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		return 1
	}
	return 0
}

func sweepCgroup(at, name string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("cgroup2", at, 0, ""); err != nil {
		return err
	}
	defer func() { _ = unix.Unmount(at, unix.MNT_DETACH) }()
	top := filepath.Join(at, name)
	for deadline := time.Now().Add(guardTime); ; time.Sleep(10 * time.Millisecond) {
		_ = os.WriteFile(filepath.Join(top, "cgroup.kill"), []byte("1"), 0) // gone already, mostly
		left := groups(top)
		if len(left) == 0 {
			return nil
		}
		var errs []error
		for _, g := range left {
			errs = append(errs, os.Remove(g))
		}
		if err := errors.Join(errs...); err != nil && time.Now().After(deadline) {
			return err
		}
	}
}

// groups lists a cgroup and all below it, the deepest first.
func groups(top string) []string {
	var out []string
	_ = filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			out = append(out, path)
		}
		return nil // what goes while it is listed is what we want
	})
	slices.Reverse(out)
	return out
}
