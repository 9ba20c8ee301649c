package systemd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine is a booted systemd.
type machine struct {
	t      *testing.T
	pid    int // of its process 1, as the host counts
	dir    string
	cgroup string
	guard  *guard
	ended  chan error
	output *os.File
}

var machines atomic.Int64

// boot boots a systemd with the given files laid over the root.
func boot(t *testing.T, files map[string]file) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "fenced-systemd-")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: dir, cgroup: fmt.Sprintf("fenced-systemd-%d-%d", os.Getpid(), machines.Add(1)), ended: make(chan error, 1)}
	if m.guard, err = startGuard(dir, m.cgroup); err != nil {
		_ = os.RemoveAll(dir)
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	for _, d := range []string{"mnt", "cgroup", "files"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeTree(filepath.Join(dir, "files"), files); err != nil {
		t.Fatal(err)
	}
	if m.output, err = os.Create(filepath.Join(dir, "output")); err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go m.run(started)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	m.until("systemd is up", patience(10*time.Second), func() string {
		out, err := m.try("systemctl", "show", "--property=ActiveState", "test.target")
		if err == nil && strings.TrimSpace(out) == "ActiveState=active" {
			return ""
		}
		return fmt.Sprintf("%v: %s", err, out)
	})
	return m
}

// run starts process 1 and waits for it on one thread: the kernel sends the death signal when the thread that started it ends.
func (m *machine) run(started chan<- error) {
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{
		roleEnv + "=init", "FENCED_TEST_SYSTEMD_DIR=" + m.dir, "FENCED_TEST_SYSTEMD_CGROUP=" + m.cgroup, "FENCED_TEST_SYSTEMD_FILES=" + filepath.Join(m.dir, "files"),
	}
	cmd.Stdout, cmd.Stderr = m.output, m.output
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Pdeathsig: unix.SIGKILL,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
	}
	err := cmd.Start()
	if err == nil {
		m.pid = cmd.Process.Pid
	}
	started <- err
	if err == nil {
		m.ended <- cmd.Wait()
	}
}

// stop ends process 1 and with it all that runs inside, then lets the guard sweep.
func (m *machine) stop() {
	if m.t.Failed() {
		m.t.Log(m.trouble())
	}
	if m.pid != 0 {
		_ = unix.Kill(m.pid, unix.SIGKILL)
		select {
		case <-m.ended:
		case <-time.After(patience(10 * time.Second)):
			m.t.Error("process 1 of the machine does not end")
		}
	}
	if m.output != nil {
		_ = m.output.Close()
	}
	if err := m.guard.stop(); err != nil {
		m.t.Error(err)
	}
}

// trouble is what there is to read after a failure.
func (m *machine) trouble() string {
	said, _ := os.ReadFile(filepath.Join(m.dir, "output"))
	if m.pid == 0 {
		return string(said)
	}
	log, _ := m.try("journalctl", "--no-pager", "--lines=200", "--priority=info", "--output=short-monotonic")
	return string(said) + log
}

// callTime bounds one command inside the machine.
const callTime = 15 * time.Second

// try runs a command inside, as root.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience(callTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target", strconv.Itoa(m.pid), "--all", "--root", "--wd", "--"}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS=0", "LC_ALL=C"}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.String(), err
}

func (m *machine) do(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// until polls until why returns "", and fails with what why said last.
func (m *machine) until(what string, within time.Duration, why func() string) {
	m.t.Helper()
	said, deadline := "", time.Now().Add(within)
	for time.Now().Before(deadline) {
		if said = why(); said == "" {
			return
		}
		select {
		case err := <-m.ended:
			m.ended <- err
			m.t.Fatalf("the machine ended while waiting for: %s: %v", what, err)
		case <-time.After(30 * time.Millisecond):
		}
	}
	m.t.Fatalf("not within %v: %s: %s", within, what, said)
}

// show reads properties of a unit.
func (m *machine) show(unit string, properties ...string) map[string]string {
	m.t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(m.do("systemctl", "show", "--property="+strings.Join(properties, ","), unit)) {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			out[k] = v
		}
	}
	return out
}

// journal reads the entries of a unit; a field that is no text is left out.
func (m *machine) journal(args ...string) []map[string]string {
	m.t.Helper()
	var out []map[string]string
	for line := range strings.Lines(m.do(append([]string{"journalctl", "--no-pager", "--output=json"}, args...)...)) {
		raw, entry := map[string]any{}, map[string]string{}
		if err := json.Unmarshal([]byte(line), &raw); err != nil {
			m.t.Fatalf("journalctl says %q: %v", line, err)
		}
		for k, v := range raw {
			if s, ok := v.(string); ok {
				entry[k] = s
			}
		}
		out = append(out, entry)
	}
	return out
}

// file is one file of a machine: text, or a copy of an executable. A path that ends in a slash is a directory.
type file struct{ text, from string }

// writeTree makes the files below root. Keys are for root alone, as fenced demands; everything else may be read.
func writeTree(root string, files map[string]file) error {
	var errs []error
	for path, f := range files {
		to, mode := filepath.Join(root, path), os.FileMode(0o644)
		if strings.HasSuffix(path, "/") {
			errs = append(errs, os.MkdirAll(to, 0o755)) // #nosec G301: as in a real root
			continue
		}
		errs = append(errs, os.MkdirAll(filepath.Dir(to), 0o755)) // #nosec G301: as in a real root
		if f.from != "" {
			errs = append(errs, copyFile(f.from, to, 0o755))
			continue
		}
		if filepath.Base(path) == "authkey" {
			mode = 0o600
		}
		errs = append(errs, os.WriteFile(to, []byte(f.text), mode))
	}
	return errors.Join(errs...)
}
