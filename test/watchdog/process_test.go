package watchdog

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	dev "github.com/fenced-project/fenced/cmd/fenced-dev/watchdog"
	lease "github.com/fenced-project/fenced/internal/watchdog"
	"github.com/fenced-project/fenced/test/harness"
	"github.com/fenced-project/fenced/test/product"
)

// machine is a simulated machine with one watchdog and the holder that owns it.
type machine struct {
	t     *testing.T
	root  string
	run   string
	dog   *dev.Watchdog
	fired chan struct{}
	cmd   *exec.Cmd
	ended chan error
	mu    sync.Mutex
	log   bytes.Buffer
}

func newMachine(t *testing.T, o dev.Options) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "wd") // short: the paths of sockets are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &machine{t: t, root: filepath.Join(dir, "root"), run: filepath.Join(dir, "run"), fired: make(chan struct{}, 1)}
	if err := os.MkdirAll(m.run, 0o755); err != nil {
		t.Fatal(err)
	}
	if o.Identity == "" {
		o.Identity = "iTCO_wdt"
	}
	o.Fire = func() { m.fired <- struct{}{} }
	if m.dog, err = dev.Listen(m.root, "watchdog0", o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.dog.Close)
	m.start()
	return m
}

// start runs a holder and waits until it answers.
func (m *machine) start() {
	m.t.Helper()
	m.spawn()
	m.until("the holder answers", func() bool {
		_, err := lease.Status(m.t.Context(), m.socket())
		return err == nil
	})
}

func (m *machine) spawn() {
	m.t.Helper()
	dir, err := product.Dir()
	if err != nil {
		m.t.Fatal(err)
	}
	m.cmd = exec.Command(filepath.Join(dir, "fenced-watchdog"), "--system-root", m.root, "--run-dir", m.run)
	m.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	m.cmd.Stderr = m
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended, cmd := make(chan error, 1), m.cmd
	m.ended = ended
	go func() { ended <- cmd.Wait() }()
	m.t.Cleanup(func() { _ = cmd.Process.Kill() })
}

// Write takes what the holder says.
func (m *machine) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.Write(b)
}

func (m *machine) said() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

func (m *machine) socket() string { return filepath.Join(m.run, "watchdog.sock") }

func (m *machine) client(instance string) *lease.Client {
	c := lease.New(m.socket(), instance, lease.Settings{Devices: []string{"/dev/watchdog0"}, TimeoutMS: 2000}, 60_000)
	m.t.Cleanup(c.Close)
	return c
}

func (m *machine) until(what string, done func() bool) {
	m.t.Helper()
	for end := time.Now().Add(harness.Slow(20 * time.Second)); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("not in time: %s\n%s", what, m.said())
		}
	}
}

func (m *machine) wait(what string, ch <-chan struct{}) {
	m.t.Helper()
	select {
	case <-ch:
	case <-time.After(harness.Slow(30 * time.Second)):
		m.t.Fatalf("not in time: %s\n%s", what, m.said())
	}
}

func (m *machine) exit() error {
	m.t.Helper()
	select {
	case err := <-m.ended:
		return err
	case <-time.After(harness.Slow(20 * time.Second)):
		m.t.Fatalf("the holder does not end\n%s", m.said())
		return nil
	}
}

func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(err)
	}
	return ts.Nano() / int64(time.Millisecond)
}

func code(err error) string {
	var r *lease.Refused
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// S4.1, R14: the daemon dies; its lease is fed to its end, and then the machine is reset.
// part of: S4.1
func TestTheDaemonDiesAndTheMachineIsReset(t *testing.T) {
	m := newMachine(t, dev.Options{})
	c := m.client("a")
	s, err := c.Hello(t.Context())
	if err != nil || s.Phase != lease.PhaseClosed || len(s.Devices) != 1 || s.Devices[0].Kind != "itco_wdt" || !s.Simulated || m.dog.Counts().Opens != 0 {
		t.Fatalf("%+v %v, opened %d times", s, err, m.dog.Counts().Opens)
	}
	until := now() + 3000
	if s, err = c.Renew(t.Context(), until); err != nil || s.Phase != lease.PhaseOpen || s.Kind() != "itco_wdt" || s.LimitMS() != 2000 || s.UntilMS != until {
		t.Fatalf("%+v %v", s, err)
	}
	c.Close()
	m.wait("the machine is reset", m.fired)
	if at := now(); at < until {
		t.Errorf("reset %d ms before the end of the lease", until-at)
	}
	if n := m.dog.Counts(); n.Stops != 0 || n.Feeds < 2 {
		t.Errorf("%+v", n)
	}
	next := m.client("b")
	m.until("nobody has a lease after the end of the lease", func() bool {
		_, err := next.Renew(t.Context(), now()+3000)
		return code(err) == lease.CodeExpired
	})
	if !strings.Contains(m.said(), "the lease ended") {
		t.Errorf("it did not say so: %s", m.said())
	}
}

// R14: feeding stops at the end of the lease; the thread that feeds is not the one that answers.
func TestFedOnlyWhileTheLeaseRuns(t *testing.T) {
	m := newMachine(t, dev.Options{})
	c := m.client("a")
	until := now() + 2500
	if _, err := c.Renew(t.Context(), until); err != nil {
		t.Fatal(err)
	}
	m.until("it expires", func() bool {
		s, err := lease.Status(t.Context(), m.socket())
		return err == nil && s.Phase == lease.PhaseExpired
	})
	fed := m.dog.Counts().Feeds
	m.wait("the machine is reset", m.fired)
	if n := m.dog.Counts(); n.Feeds != fed {
		t.Errorf("fed %d times after the end", n.Feeds-fed)
	}
	if _, err := c.Release(t.Context()); code(err) != lease.CodeExpired || m.dog.Counts().Stops != 0 {
		t.Errorf("closed after the end: %v", err)
	}
}

// V14: a holder that is told to end does not while a lease runs, and does once it is released, with the device stopped.
func TestToldToEnd(t *testing.T) {
	m := newMachine(t, dev.Options{Timeout: 60})
	c := m.client("a")
	if _, err := c.Renew(t.Context(), now()+50_000); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.until("it says that it stays", func() bool { return strings.Contains(m.said(), "this process stays until") })
	if s, err := c.Renew(t.Context(), now()+55_000); err != nil || s.Phase != lease.PhaseOpen {
		t.Fatalf("%+v %v", s, err)
	}
	if s, err := c.Release(t.Context()); err != nil || s.Phase != lease.PhaseClosed {
		t.Fatalf("%+v %v", s, err)
	}
	if err := m.exit(); err != nil {
		t.Errorf("%v: %s", err, m.said())
	}
	m.until("the device is stopped", func() bool { n := m.dog.Counts(); return n.Stops == 1 && !n.Running })
}

// A holder that is killed leaves the device running; the next one does not open it, and says what that means.
func TestTheHolderDies(t *testing.T) {
	m := newMachine(t, dev.Options{})
	if _, err := m.client("a").Renew(t.Context(), now()+50_000); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = m.exit()
	m.start()
	s, err := m.client("a").Renew(t.Context(), now()+50_000)
	if code(err) != lease.CodeUnclean || s.Phase != lease.PhaseOrphan || s.Kind() != "" {
		t.Errorf("%+v %v", s, err)
	}
	m.wait("the machine is reset", m.fired)
	if n := m.dog.Counts(); n.Opens != 1 {
		t.Errorf("%+v", n)
	}
}

// There is one holder: a second one ends, and takes nothing from the first.
func TestASecondHolder(t *testing.T) {
	m := newMachine(t, dev.Options{Timeout: 60})
	first := m.ended
	m.spawn()
	var exit *exec.ExitError
	if err := m.exit(); !errors.As(err, &exit) || exit.ExitCode() != 78 || !strings.Contains(m.said(), "another holder answers") {
		t.Fatalf("%v: %s", err, m.said())
	}
	select {
	case err := <-first:
		t.Fatalf("the first ended: %v", err)
	default:
	}
	if s, err := m.client("a").Renew(t.Context(), now()+50_000); err != nil || s.Phase != lease.PhaseOpen {
		t.Fatalf("%+v %v", s, err)
	}
}

// A device that somebody else has open, or that runs with nobody behind it, is not used, and it is said why.
func TestSomebodyElses(t *testing.T) {
	m := newMachine(t, dev.Options{Timeout: 60})
	other := lease.Settings{Devices: []string{"/dev/watchdog0"}, TimeoutMS: 2000}
	fd := filepath.Join(m.root, "proc/1/fd")
	for _, err := range []error{os.MkdirAll(fd, 0o755), os.Symlink("/dev/watchdog0", filepath.Join(fd, "9")), os.WriteFile(filepath.Join(m.root, "proc/1/comm"), []byte("systemd\n"), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := lease.New(m.socket(), "a", other, 60_000)
	defer c.Close()
	s, err := c.Hello(t.Context())
	if err != nil || s.Devices[0].Code != lease.CodeOwned || !strings.Contains(s.Why(), "systemd's RuntimeWatchdogSec= (pid 1)") {
		t.Fatalf("%+v %v", s, err)
	}
	if _, err := c.Renew(t.Context(), now()+5000); code(err) != lease.CodeOwned || m.dog.Counts().Opens != 0 {
		t.Fatalf("%v, opened %d times", err, m.dog.Counts().Opens)
	}
}

// nowayout: released, it is fed without a lease; that is shown.
func TestNoWayOut(t *testing.T) {
	m := newMachine(t, dev.Options{NoWayOut: true})
	c := m.client("a")
	if _, err := c.Renew(t.Context(), now()+5000); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Release(t.Context()); err != nil || s.Phase != lease.PhaseCustody || s.Kind() != "" {
		t.Fatalf("%+v %v", s, err)
	}
	fed := m.dog.Counts().Feeds
	m.until("it is fed", func() bool { return m.dog.Counts().Feeds > fed+2 })
}

// A test of the watchdog is a reset that nobody stops.
func TestTheTestResets(t *testing.T) {
	m := newMachine(t, dev.Options{})
	c := m.client("test")
	if s, err := c.Test(t.Context()); err != nil || s.Phase != lease.PhaseTesting {
		t.Fatalf("%+v %v", s, err)
	}
	c.Close()
	next := m.client("a")
	m.until("nobody renews", func() bool {
		_, err := next.Renew(t.Context(), now()+5000)
		return code(err) == lease.CodeExpired
	})
	m.wait("the machine is reset", m.fired)
}

// What is no request costs its own connection at most, and the holder stays small.
func TestNonsenseAndMemory(t *testing.T) {
	m := newMachine(t, dev.Options{Timeout: 60})
	if _, err := m.client("a").Renew(t.Context(), now()+50_000); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\n", "{}\n", "[1,2\n", strings.Repeat("x", 100_000) + "\n", `{"v":1,"op":"release"}` + "\n", `{"v":1,"op":"renew","until_ms":9223372036854775807}` + "\n"} {
		m.send(line)
	}
	s, err := lease.Status(t.Context(), m.socket())
	if err != nil || s.Phase != lease.PhaseOpen {
		t.Fatalf("%+v %v", s, err)
	}
	if s.LockedKiB == 0 {
		t.Skipf("memory cannot be locked here: %v", s.Warnings)
	}
	if t.Logf("locked: %d KiB", s.LockedKiB); s.LockedKiB > 20<<10 {
		t.Errorf("%d KiB are locked, 20 MiB is the aim", s.LockedKiB)
	}
}

func (m *machine) send(line string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), harness.Slow(10*time.Second))
	defer cancel()
	if err := talk(ctx, m.socket(), line); err != nil {
		m.t.Fatal(err)
	}
}
