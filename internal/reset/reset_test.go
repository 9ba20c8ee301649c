package reset

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Nothing in this package's tests can reach the real machine: both calls are replaced here before any test runs, and the environment variable
// without which the real ones refuse is taken out of the process for good measure.
func TestMain(m *testing.M) {
	forbid := func() error { panic("a test reached a real reset") }
	kernel = calls{sysrq: forbid, reboot: forbid}
	if err := os.Unsetenv("FENCED_ALLOW_RESET"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// machine stands for the kernel and counts what it is asked.
type machine struct {
	mu    sync.Mutex
	calls []string
}

func (m *machine) did(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, what)
}

func (m *machine) list() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.calls, " ")
}

// with replaces the two calls for one test.
func with(t *testing.T, m *machine, sysrq, reboot func() error) {
	t.Helper()
	before := kernel
	t.Cleanup(func() { kernel = before })
	kernel = calls{
		sysrq:  func() error { m.did("sysrq"); return sysrq() },
		reboot: func() error { m.did("reboot"); return reboot() },
	}
}

// slow multiplies a test's deadline by FENCED_TEST_SLOW.
func slow(d time.Duration) time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(float64(d) * f)
	}
	return d
}

func ok() error { return nil }

func quick() Options {
	return Options{Stop: slow(500 * time.Millisecond), Call: slow(500 * time.Millisecond), Death: time.Millisecond, Watchdog: time.Millisecond, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// The guard: the real means are handed out for system root "/" with Allowed, and in no other case.
func TestGuard(t *testing.T) {
	m := &machine{}
	with(t, m, ok, ok)
	for _, g := range []Guard{
		{},
		{Allowed: true},
		{SystemRoot: "/"},
		{SystemRoot: ".", Allowed: true},
		{SystemRoot: "//", Allowed: true},
		{SystemRoot: "/.", Allowed: true},
		{SystemRoot: "/tmp/..", Allowed: true},
		{SystemRoot: "tmp", Allowed: true},
		{SystemRoot: "/tmp/", Allowed: true},
		{SystemRoot: "/x/../", Allowed: false},
	} {
		if r, err := New(g, quick()); !errors.Is(err, ErrForbidden) || r != nil {
			t.Errorf("%+v: %v", g, err)
		}
	}
	dir := t.TempDir()
	for _, allowed := range []bool{false, true} { // a fake system stays fake, whatever is allowed
		r, err := New(Guard{SystemRoot: dir, Allowed: allowed}, quick())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Now("test", nil); !errors.Is(err, ErrStillHere) {
			t.Error(err)
		}
	}
	if got := m.list(); got != "" {
		t.Fatalf("the machine was asked: %s", got)
	}
	r, err := New(Guard{SystemRoot: "/", Allowed: true}, quick())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Now("test", nil); !errors.Is(err, ErrStillHere) || m.list() != "sysrq reboot" {
		t.Errorf("behind the guard: %v, %s", err, m.list())
	}
}

// The second lock: even the real calls refuse in a process without FENCED_ALLOW_RESET=1.
func TestRealCallsRefuseWithoutTheVariable(t *testing.T) {
	for _, v := range []string{"", "0", "true", "1 "} {
		t.Setenv("FENCED_ALLOW_RESET", v)
		if allowed() == nil {
			t.Errorf("%q allows a reset", v)
		}
	}
}

// A fake system gets one byte in one file.
func TestFake(t *testing.T) {
	dir := t.TempDir()
	r, err := New(Guard{SystemRoot: dir}, quick())
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	if err := r.Now("test", func() { stopped = true }); !errors.Is(err, ErrStillHere) {
		t.Error(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "proc/sysrq-trigger"))
	if err != nil || string(b) != "b" || !stopped {
		t.Errorf("%q %v, feeding stopped: %t", b, err, stopped)
	}
	var files []string
	if err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		files = append(files, strings.TrimPrefix(p, dir))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(files, " "); got != " /proc /proc/sysrq-trigger" {
		t.Errorf("files: %s", got)
	}
}

// A fake system whose files lead out of it, or into the kernel's, is refused.
func TestFakeStaysInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, prepare := range map[string]func(dir string) error{
		"link to a file": func(d string) error {
			return errors.Join(os.Mkdir(d+"/proc", 0o755), os.Symlink(outside, d+"/proc/sysrq-trigger"))
		},
		"link by dots": func(d string) error {
			return errors.Join(os.Mkdir(d+"/proc", 0o755), os.Symlink("../../victim", d+"/proc/sysrq-trigger"))
		},
		"link to a directory": func(d string) error { return os.Symlink(filepath.Dir(outside), d+"/proc") },
		"pipe": func(d string) error {
			return errors.Join(os.Mkdir(d+"/proc", 0o755), syscall.Mkfifo(d+"/proc/sysrq-trigger", 0o600))
		},
		"directory": func(d string) error { return os.MkdirAll(d+"/proc/sysrq-trigger", 0o755) },
	} {
		dir := t.TempDir()
		if err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		if err := fakeSysrq(dir); err == nil {
			t.Errorf("%s: it was written", name)
		}
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "precious" {
		t.Errorf("outside: %q %v", b, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v %v", entries, err)
	}
	for _, path := range []string{"/proc/self/stat", "/sys/kernel/uevent_seqnum"} { // opened for reading only
		f, err := os.Open(path)
		if err != nil {
			continue // not mounted here
		}
		if err := plain(f); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", path, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What plain refuses is not written: it is asked first.
func TestFakeAsksBeforeItWrites(t *testing.T) {
	defer func() { inspect = plain }()
	inspect = func(*os.File) error { return ErrForbidden }
	dir := t.TempDir()
	if err := fakeSysrq(dir); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "proc/sysrq-trigger")); err != nil || len(b) != 0 {
		t.Errorf("%q %v", b, err)
	}
}

// S2.15: a step that fails, hangs, panics, or returns success while nothing happens is followed by the next within its deadline, and it is told.
// proves: S2.15
func TestEveryStepFailsOver(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	hang := func() error { <-gate; return nil }
	fail := func() error { return syscall.EIO }
	burst := func() error { panic("kernel") }
	for _, c := range []struct {
		name          string
		stop          func()
		sysrq, reboot func() error
		want          []string
	}{
		{"nothing happens", nil, ok, ok, []string{"sysrq: returned success, and the machine still runs", "reboot: returned success, and the machine still runs", "watchdog: did not end"}},
		{"errors", func() {}, fail, fail, []string{"sysrq: input/output error", "reboot: input/output error", "watchdog:"}},
		{"hangs", func() { <-gate }, hang, hang, []string{"stop feeding: no answer within", "sysrq: no answer within", "reboot: no answer within", "watchdog:"}},
		{"panics", func() { panic("feeder") }, burst, burst, []string{"stop feeding: panic: feeder", "sysrq: panic: kernel", "reboot: panic: kernel", "watchdog:"}},
	} {
		m := &machine{}
		with(t, m, c.sysrq, c.reboot)
		r, err := New(Guard{SystemRoot: "/", Allowed: true}, quick())
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		err = r.Now("residue", c.stop)
		if took := time.Since(begin); took > slow(10*time.Second) {
			t.Errorf("%s: took %s", c.name, took)
		}
		if !errors.Is(err, ErrStillHere) || m.list() != "sysrq reboot" {
			t.Errorf("%s: %v; asked: %s", c.name, err, m.list())
			continue
		}
		at := 0
		for _, w := range c.want {
			i := strings.Index(err.Error()[at:], w)
			if i < 0 {
				t.Errorf("%s: %q is missing, or in the wrong order, in: %s", c.name, w, err)
				break
			}
			at += i
		}
	}
}

// Feeding stops before anything else, so that a watchdog's time runs whatever becomes of the other means (R24).
func TestFeedingStopsFirst(t *testing.T) {
	m := &machine{}
	with(t, m, ok, ok)
	r, err := New(Guard{SystemRoot: "/", Allowed: true}, quick())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Now("x", func() { m.did("stop") }); !errors.Is(err, ErrStillHere) || m.list() != "stop sysrq reboot" {
		t.Errorf("%v: %s", err, m.list())
	}
}

// A log that hangs, as a full journal does, holds nothing up.
func TestHungLog(t *testing.T) {
	gate := make(chan struct{})
	m := &machine{}
	with(t, m, ok, ok)
	o := quick()
	o.Log = slog.New(slog.NewTextHandler(hung{gate}, nil))
	r, err := New(Guard{SystemRoot: "/", Allowed: true}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Now("x", nil); !errors.Is(err, ErrStillHere) || m.list() != "sysrq reboot" {
		t.Errorf("%v: %s", err, m.list())
	}
	close(gate)
}

type hung struct{ gate chan struct{} }

func (h hung) Write(b []byte) (int, error) { <-h.gate; return len(b), nil }
