package host

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/test/harness"
)

// pids are the live processes of this host.
func (b *bench) pids() map[string]int {
	out := map[string]int{}
	for _, p := range b.Processes() {
		if !p.Draining {
			out[p.Plugin+"/"+p.Lane] = p.PID
		}
	}
	return out
}

// eventually waits until done, by looking every few milliseconds: for things that give no event, such as another process's end.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(harness.Slow(10 * time.Second)); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came true that %s", what)
		}
	}
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	return !strings.HasPrefix(string(b[strings.LastIndexByte(string(b), ')')+1:]), " Z")
}

func TestEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "hunter2hunter2")
	b := newBench(t, Config{})
	b.put("n1", "on")
	b.configure(DeviceConfig{Name: "d", Plugin: "bad", Options: map[string]string{"status": "environment"}})
	r, err := b.Status(b.within(10*time.Second), "d", "n1")
	must(t, err)
	pid := b.pids()["bad/main"]
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	must(t, err)
	names := map[string]bool{}
	for _, kv := range strings.Split(string(raw), "\x00") {
		names[strings.SplitN(kv, "=", 2)[0]] = true
	}
	if names["SECRET_TOKEN"] || names["GOCACHE"] || names["USER"] || strings.Contains(r.Detail, "hunter2") {
		t.Errorf("the plugin inherited the environment: %v", names)
	}
	if !names["PATH"] || !names["HOME"] || !names["TMPDIR"] {
		t.Errorf("the plugin lacks what it needs: %v", names)
	}
	limits, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	must(t, err)
	for _, want := range []string{"Max data size 536870912 536870912", "Max open files 4096 4096", "Max core file size 0 0"} {
		if !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), want) {
			t.Errorf("the plugin's limits lack %q:\n%s", want, limits)
		}
	}
	if pgid, err := syscall.Getpgid(pid); err != nil || pgid != pid {
		t.Errorf("the plugin's process group is %d, %v; its pid %d", pgid, err, pid)
	}
	if stdin, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/0"); stdin != "/dev/null" {
		t.Errorf("the plugin's stdin is %s", stdin)
	}
}

// A plugin whose limits cannot be set does not run, and that is said at once.
func TestLimitsThatCannotBeSet(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{FileLimit: 1 << 40}) // more than any kernel allows, whoever asks
	b.put("n1", "on")
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	_, err := b.Status(b.within(10*time.Second), "d", "n1")
	wantClass(t, err, ClassPluginDied)
	if !strings.Contains(err.Error(), "cannot limit open files") {
		t.Errorf("the error is %q", err)
	}
	if _, err := b.Describe(b.within(10*time.Second), "dummy"); err == nil {
		t.Error("it ran without its limits")
	}
}

// orphan is the host, with a plugin that does not watch its parent itself, that TestPluginsDieWithTheHost kills.
func orphan(run string) {
	h, err := New(Config{Dir: os.Getenv("HOST_TEST_PLUGINS"), RunDir: run})
	if err == nil {
		err = h.Configure([]DeviceConfig{{Name: "d", Plugin: "bad-wire", Options: map[string]string{"dir": run}}})
	}
	if err == nil {
		err = h.Warm(context.Background())
	}
	if err != nil {
		panic(err)
	}
	b := &bench{Host: h}
	os.Stdout.WriteString(strconv.Itoa(b.pids()["bad-wire/main"]) + "\n")
	select {}
}

// A host that is killed leaves no plugin behind, and the next one clears its sockets (V15).
func TestPluginsDieWithTheHost(t *testing.T) {
	run, err := os.MkdirTemp("", "fr")
	must(t, err)
	defer os.RemoveAll(run)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HOST_TEST_ORPHAN="+run, "HOST_TEST_PLUGINS="+plugins)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Process.Kill()
	text, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	must(t, err)
	if !alive(pid) {
		t.Fatal("the plugin does not run")
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	eventually(t, "the plugin is gone", func() bool { return !alive(pid) })
	if left, _ := filepath.Glob(run + "/h-*"); len(left) != 1 {
		t.Fatalf("left in the run directory: %v", left)
	}
	h, err := New(Config{Dir: plugins, RunDir: run})
	must(t, err)
	if left, _ := filepath.Glob(run + "/h-*"); len(left) != 1 || left[0] != h.dir {
		t.Errorf("in the run directory after a new start: %v", left)
	}
	must(t, h.Close())
	if left, _ := filepath.Glob(run + "/h-*"); len(left) != 0 {
		t.Errorf("left after Close: %v", left)
	}
}

// The kernel's parent-death signal follows a thread: threads of the caller may come and go without costing a plugin.
func TestPluginsSurviveThreads(t *testing.T) {
	b := newBench(t, Config{})
	b.put("n1", "on")
	done := make(chan struct{})
	var tid int
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		tid = syscall.Gettid()
		b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
		if err := b.Warm(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	<-done
	eventually(t, "the thread is gone", func() bool {
		_, err := os.Stat("/proc/self/task/" + strconv.Itoa(tid))
		return os.IsNotExist(err) || tid == os.Getpid()
	})
	before := b.pids()
	b.wantState("d", "n1", fence.PowerOn)
	if after := b.pids(); after["dummy/main"] != before["dummy/main"] || after["dummy/main"] == 0 {
		t.Errorf("the plugin was restarted: %v, %v", before, after)
	}
}

func TestForkerKeepsItsThread(t *testing.T) {
	f := newForker()
	ended := make(chan struct{})
	go func() { f.run(); close(ended) }()
	stop := make(chan struct{})
	for range 4 * runtime.GOMAXPROCS(0) { // without its lock the goroutine would wander over threads
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = syscall.Nanosleep(&syscall.Timespec{Nsec: 50_000}, nil)
				}
			}
		}()
	}
	seen := map[int]bool{}
	for range 300 {
		must(t, f.do(context.Background(), func() error {
			seen[syscall.Gettid()] = true
			return syscall.Nanosleep(&syscall.Timespec{Nsec: 100_000}, nil)
		}))
	}
	close(stop)
	if len(seen) != 1 {
		t.Errorf("forks come from %d threads", len(seen))
	}
	close(f.done)
	<-ended
	if err := f.do(context.Background(), func() error { return nil }); err == nil {
		t.Error("a closed forker forks")
	}
}

func TestRunDirTooLong(t *testing.T) {
	if _, err := New(Config{RunDir: "/tmp/" + strings.Repeat("x", 60)}); err == nil {
		t.Fatal("sockets would be longer than the kernel allows")
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
