package machine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slow multiplies the deadlines of tests.
func slow() time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(f * float64(time.Second))
	}
	return time.Second
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*slow())
	t.Cleanup(cancel)
	return ctx
}

// newMachine is a machine that runs a shell script; whatever the test leaves running is ended with it.
func newMachine(t *testing.T, script string) *Machine {
	t.Helper()
	m, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"run", "state", "root/sys/kernel/dlm/ls1", "root/sys/fs/gfs2/fs1"} {
		if err := os.MkdirAll(m.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.describe(t, Start{Argv: []string{"/bin/sh", "-c", script}, Env: []string{"WHO=test"}, Log: "log"})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*slow())
		defer cancel()
		if err := m.Off(ctx); err != nil {
			t.Errorf("left behind: %v", err)
		}
	})
	return m
}

func (m *Machine) describe(t *testing.T, s Start) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.path("start"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m *Machine) report(t *testing.T) Report {
	t.Helper()
	r, err := m.Status()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await waits until a file has some content and returns it.
func await(t *testing.T, path string) string {
	t.Helper()
	for end := time.Now().Add(5 * slow()); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			return strings.TrimSpace(string(b))
		}
	}
	t.Fatalf("%s stays empty", path)
	return ""
}

func gone(pid int) bool {
	p, err := readProcess(pid)
	return err != nil || p.dead()
}

func TestOnOff(t *testing.T) {
	m := newMachine(t, "echo $$ >run/pid; echo hello; exec sleep 300")
	m.describe(t, Start{Argv: []string{"/bin/sh", "-c", "echo $$ >run/pid; echo hello; exec sleep 300"}, Log: "log", Dir: m.dir})
	if r := m.report(t); r.Power != Off || r.Running {
		t.Fatalf("a machine that was never on reports %+v", r)
	}
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	first := m.report(t)
	if first.Power != On || !first.Running || len(first.BootID) != 36 {
		t.Fatalf("after on: %+v", first)
	}
	if pid := await(t, m.path("run/pid")); pid != strconv.Itoa(first.Pid) {
		t.Fatalf("pid file says %d, the program %s", first.Pid, pid)
	}
	for _, d := range kernelState {
		if e, err := os.ReadDir(m.path(d)); err != nil || len(e) != 0 {
			t.Fatalf("%s after on: %v, %v", d, e, err)
		}
	}
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if again := m.report(t); again != first {
		t.Fatalf("on of what is on changed %+v to %+v", first, again)
	}
	if err := os.WriteFile(m.path("state/kept"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // idempotent
		if err := m.Off(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if r := m.report(t); r.Power != Off || r.Running || !gone(first.Pid) {
			t.Fatalf("after off: %+v, program gone: %t", r, gone(first.Pid))
		}
	}
	if e, err := os.ReadDir(m.path("run")); err != nil || len(e) != 0 {
		t.Fatalf("run/ after off: %v, %v", e, err)
	}
	if _, err := os.Stat(m.path("state/kept")); err != nil {
		t.Fatalf("off took state/ away: %v", err)
	}
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if r := m.report(t); r.BootID == first.BootID || !r.Running {
		t.Fatalf("second boot: %+v, first was %+v", r, first)
	}
	if log := await(t, m.path("log")); !strings.Contains(log, "hello") {
		t.Fatalf("log: %q", log)
	}
}

// TestCrashIsNotPowerOff: a machine whose program was killed is still on, and its power button boots nothing.
func TestCrashIsNotPowerOff(t *testing.T) {
	m := newMachine(t, "exec sleep 300")
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	r := m.report(t)
	p, err := readProcess(r.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.kill(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * slow()); !gone(r.Pid); {
		if time.Now().After(end) {
			t.Fatal("SIGKILL did not end it")
		}
	}
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	crashed := m.report(t)
	if crashed.Power != On || crashed.Running || crashed.BootID != r.BootID {
		t.Fatalf("after a crash and on: %+v, before %+v", crashed, r)
	}
	if err := m.Restart(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if again := m.report(t); !again.Running || again.BootID != r.BootID {
		t.Fatalf("after restart: %+v, first boot %s", again, r.BootID)
	}
	if err := m.Off(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := m.Restart(bounded(t)); err == nil {
		t.Fatal("a machine without power restarted its program")
	}
}

// TestOffEndsAll: stopped processes, children in process groups of their own, children whose parent died.
func TestOffEndsAll(t *testing.T) {
	m := newMachine(t, "")
	m.describe(t, Start{Dir: m.dir, Env: []string{"PATH=" + defaultPath, "TMPDIR=" + m.path("run")}, Argv: []string{
		"/bin/sh", "-mc",
		"sleep 300 & env -i TMPDIR=" + m.path("run") + " sleep 300 & setsid sh -c 'echo $$ >run/far; exec sleep 300' & kill -STOP %1; wait",
	}})
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	far, err := strconv.Atoi(await(t, m.path("run/far"))) // a session of its own: only the marker tells whose it is
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if !gone(far) {
			t.Errorf("process %d in a session of its own survived power off", far)
			_ = syscall.Kill(far, syscall.SIGKILL)
		}
	}()
	r := m.report(t)
	rec, err := m.record()
	if err != nil {
		t.Fatal(err)
	}
	var all []process
	for end := time.Now().Add(5 * slow()); len(all) < 4 && time.Now().Before(end); {
		if all, err = m.members(rec); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 4 {
		t.Fatalf("members: %+v", all)
	}
	if err := syscall.Kill(r.Pid, syscall.SIGKILL); err != nil { // the leader dies first
		t.Fatal(err)
	}
	if err := m.Off(bounded(t)); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if !gone(p.pid) {
			t.Errorf("process %d survived power off", p.pid)
		}
	}
}

// TestOffOfStopped: SIGSTOP of the program does not keep it from dying.
func TestOffOfStopped(t *testing.T) {
	m := newMachine(t, "exec sleep 300")
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	pid := m.report(t).Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := m.Off(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if !gone(pid) {
		t.Fatal("a stopped program survived power off")
	}
}

// TestStrangerLives: a process that got the recorded number, or whose environment merely mentions another machine, is never killed.
func TestStrangerLives(t *testing.T) {
	m := newMachine(t, "exec sleep 300")
	stranger := exec.Command("/bin/sleep", "300")
	stranger.Env = []string{marker + "=" + m.dir + "-other", "TMPDIR=" + m.path("run")}
	stranger.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer stranger.Wait()
	defer stranger.Process.Kill()
	rec, err := newRecord(stranger.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	rec.StartTicks-- // the file speaks of an earlier process with that number
	b, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.write("pid", b), m.setPower(On)); err != nil {
		t.Fatal(err)
	}
	if r := m.report(t); r.Running {
		t.Fatalf("the stranger is taken for the program: %+v", r)
	}
	if err := m.Off(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if gone(stranger.Process.Pid) {
		t.Fatal("power off killed a stranger that got a recycled pid")
	}
}

// TestDescriptorsStayOut: what the caller of `on` has open, even without close-on-exec, is not open on the machine.
func TestDescriptorsStayOut(t *testing.T) {
	m := newMachine(t, "")
	m.describe(t, Start{Dir: m.dir, Argv: []string{"/bin/sh", "-c", "ls -l /proc/self/fd >run/fds.new; mv run/fds.new run/fds; exec sleep 300"}})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	leaky, err := syscall.Dup(int(w.Fd())) // dup has no close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := m.On(bounded(t)); err != nil {
		t.Fatal(err)
	}
	fds := await(t, m.path("run/fds"))
	if strings.Contains(fds, "pipe:") {
		t.Fatalf("the caller's pipe leaked:\n%s", fds)
	}
	syscall.Close(leaky)
	if err := r.SetReadDeadline(time.Now().Add(5 * slow())); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe has a writer left: %d, %v", n, err)
	}
}

func TestLock(t *testing.T) {
	m := newMachine(t, "exec sleep 300")
	held := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- m.locked(context.Background(), func(context.Context) error { held <- struct{}{}; <-held; return nil })
	}()
	<-held
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := m.On(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("on while somebody else switches: %v", err)
	}
	if r := m.report(t); r.Power != Off {
		t.Fatalf("switched without the lock: %+v", r)
	}
	held <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestBadMachine(t *testing.T) {
	if _, err := New(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a machine without a directory")
	}
	m := newMachine(t, "")
	for name, text := range map[string]string{"half": `{"argv":`, "empty": `{"argv":[]}`, "bad env": `{"argv":["/bin/true"],"env":["X"]}`, "no program": `{"argv":["/nonexistent"]}`} {
		if err := os.WriteFile(m.path("start"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := m.On(bounded(t)); err == nil {
			t.Errorf("%s: power came on", name)
		}
		if r := m.report(t); r.Power != Off {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if err := os.WriteFile(m.path("power"), []byte("perhaps"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Status(); err == nil {
		t.Error("a power file that says perhaps was believed")
	}
	if err := m.setPower(Off); err != nil {
		t.Fatal(err)
	}
}
