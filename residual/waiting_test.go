package residual

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// keep keeps a process of a kind for a test, and closes it when the test ends.
func keep(t *testing.T, kind string) *Waiting {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := Keep([]string{self, helperWord + kind})
	t.Cleanup(w.Close)
	return w
}

// pid is the process that waits, as soon as there is one; it need not have said so.
func (w *Waiting) pid(t *testing.T) int { return w.kept(t).cmd.Process.Pid }

func (w *Waiting) kept(t *testing.T) *helper {
	t.Helper()
	for end := time.Now().Add(slow(20 * time.Second)); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		h := w.spare
		w.mu.Unlock()
		if h != nil {
			return h
		}
	}
	t.Fatal("no process was started")
	return nil
}

func (w *Waiting) ready(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), slow(20*time.Second))
	defer cancel()
	if err := w.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return w.pid(t)
}

// isGone waits until a process is gone, or is a zombie of somebody else's.
func isGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(slow(20 * time.Second)); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(b), ") Z ") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is still there: %s", pid, b)
		}
	}
}

// grown is a system that holds something of everything, and what a scan without a helper finds there.
func grown(t *testing.T) (root, want string) {
	t.Helper()
	root = t.TempDir()
	grow(t, filepath.Join("testdata", "shared"), root)
	return root, lines(scan(t, root), root)
}

// The process that waits sees what a scan in this process sees, for whoever asks: each scan is one process's only one, another waits after it, and what
// is looked at comes with the word.
func TestWaitingHelperSeesTheSame(t *testing.T) {
	w := keep(t, "serve")
	root, want := grown(t)
	mine := tree(t, "srv/mine/left")
	last := 0
	for range 2 {
		for _, c := range []struct {
			o    Options
			want string
		}{
			{Options{SystemRoot: root}, want},
			{Options{SystemRoot: mine}, ""},
			{Options{SystemRoot: mine, Directories: []string{"/srv/mine"}}, "directories|srv/mine/left|state|left in /srv/mine|reset=false|the configuration says that whatever is there is left over\n"},
		} {
			pid := w.ready(t)
			if pid == last {
				t.Error("the same process is used twice")
			}
			o := c.o
			o.Boot, o.Session, o.Probe, o.Total, o.Waiting = boot, noSession, slow(20*time.Second), slow(20*time.Second), w
			o.Helper = []string{"/nowhere/fenced"} // no other can be started
			r := Scan(context.Background(), o)
			if got := lines(r, o.SystemRoot); got != c.want || !r.Complete() {
				t.Errorf("%s\nwant\n%s", got, c.want)
			}
			last = pid
			isGone(t, pid)
		}
	}
}

// V12: a process that died, hangs, or fails while it waits or when it is asked costs no certainty: another is started, and nothing is unknown.
// part of: S2.13
func TestWaitingHelperThatFailsIsReplaced(t *testing.T) {
	root, want := grown(t)
	kill := func(t *testing.T, w *Waiting) { _ = syscall.Kill(w.ready(t), syscall.SIGKILL) }
	stop := func(t *testing.T, w *Waiting) {
		pid := w.ready(t)
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		for end := time.Now().Add(slow(20 * time.Second)); !stopped(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it does not stop")
			}
		}
	}
	for _, c := range []struct {
		name, kind string
		before     func(*testing.T, *Waiting)
	}{
		{"ends by itself", "says-nothing", nil},
		{"dies", "dies", nil},
		{"hangs", "deaf", nil},
		{"speaks unasked", "invents", nil},
		{"babbles", "babbles", nil},
		{"is late", "late", nil},
		{"has no memory", "serve-tight", nil},
		{"dies when asked", "asked-dies", nil},
		{"dies in the middle", "asked-dies-late", nil},
		{"hangs when asked", "asked-deaf", nil},
		{"is killed", "serve", kill},
		{"is stopped", "serve", stop},
	} {
		w := keep(t, c.kind)
		pid := w.pid(t)
		if c.before != nil {
			c.before(t, w)
		}
		s := helped(t, root, "serve")
		s.o.Waiting = w
		r := s.Scan(context.Background())
		if got := lines(r, root); got != want || !r.Complete() || r.Took > s.o.Total/2 {
			t.Fatalf("one that %s, after %s:\n%s\nwant\n%s", c.name, r.Took, got, want)
		}
		settled(t, s)
		isGone(t, pid)
		w.Close()
	}
}

// stopped reports whether all threads of a process are.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, p := range threads {
		if b, _ := os.ReadFile(p); !strings.Contains(string(b), ") T ") {
			return false
		}
	}
	return len(threads) > 0
}

// V12: where the other one fails as well, what was not answered is unknown, and no third is started.
func TestNoThirdHelper(t *testing.T) {
	for _, c := range [][2]string{{"dies", "dies"}, {"asked-dies", "says-nothing"}, {"asked-dies-late", "dies"}, {"asked-deaf", "babbles"}} {
		w := keep(t, c[0])
		if h := w.kept(t); c[0] == "dies" {
			<-h.gone
		}
		s := helped(t, tree(t), c[1])
		s.o.Waiting, s.o.Total = w, slow(4*time.Second)
		r := s.Scan(context.Background())
		if late := r.Took > s.o.Total/2; !r.Unknown() || len(r.Residue()) == 0 || late != (c[0] == "asked-deaf") {
			t.Errorf("%v, after %s:\n%s", c, r.Took, lines(r, ""))
		}
		settled(t, s)
	}
}

// S2.13: the deadlines count from the word, whoever is asked: two that hang end at the scan's, and are no clean answer.
// part of: S2.13
func TestWaitingHelpersDeadline(t *testing.T) {
	w := keep(t, "asked-deaf")
	w.ready(t)
	s := helped(t, tree(t), "deaf")
	s.o.Waiting, s.o.Probe, s.o.Total = w, slow(200*time.Millisecond), slow(800*time.Millisecond)
	r := s.Scan(context.Background())
	if !r.Unknown() || !r.NoAnswer() || r.Took < s.o.Total || r.Took > slow(10*time.Second) {
		t.Errorf("%s\n%s", r.Took, lines(r, ""))
	}
	settled(t, s)
}

// S2.13: a read that hangs in the process that waited costs its own probe, after the probe's time, and starts nobody else.
// part of: S2.13
func TestHungReadInTheWaitingHelper(t *testing.T) {
	root := tree(t, "sys/kernel/dlm/ls")
	pipe(t, root+"/sys/fs/gfs2/c:f/lock_module/proto_name")
	w := keep(t, "serve")
	w.ready(t)
	s := helped(t, root, "serve")
	s.o.Helper, s.o.Waiting, s.o.Probe = []string{"/nowhere/fenced"}, w, slow(2*time.Second)
	r := s.Scan(context.Background())
	got := lines(r, root)
	if !strings.Contains(got, "dlm lockspace ls") || !strings.Contains(got, "gfs2|"+root+"|state|unknown|reset=true|no answer within") || strings.Count(got, "unknown") != 1 {
		t.Error(got)
	}
	settled(t, s)
}

// The process that waits has nothing of ours, so it holds nothing that is looked for: no file, no socket, no environment, and / to work in.
func TestWaitingHelperHoldsNothing(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	socket, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	before := targets(t, "/proc/self/fd") // with what this process was started with, which is not ours to close
	sockets := 0
	for to := range before {
		if strings.HasPrefix(to, "socket:") {
			sockets++
		}
	}
	if !before[file.Name()] || sockets == 0 {
		t.Fatalf("the look finds nothing: %v", before)
	}
	proc := fmt.Sprintf("/proc/%d/", keep(t, "serve").ready(t))
	for to := range targets(t, proc+"fd") {
		if to == file.Name() || strings.HasPrefix(to, "socket:") && before[to] {
			t.Error(to)
		}
	}
	if b, err := os.ReadFile(proc + "environ"); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	if at, err := os.Readlink(proc + "cwd"); at != "/" {
		t.Errorf("%s, %v", at, err)
	}
}

// targets is what the descriptors of a process lead to.
func targets(t *testing.T, dir string) map[string]bool {
	t.Helper()
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil {
			all[to] = true
		}
	}
	return all
}

// Close leaves nothing, a second one does nothing, and a scan after it starts its own.
func TestWaitingEndsWithItsOwner(t *testing.T) {
	w := keep(t, "serve")
	pid := w.ready(t)
	w.Close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is there after Close: %v", pid, err)
	}
	w.Close()
	root, want := grown(t)
	s := helped(t, root, "serve")
	s.o.Waiting = w
	if got := lines(s.Scan(context.Background()), root); got != want {
		t.Error(got)
	}
	settled(t, s)
	if w.take() != nil {
		t.Error("one was started for the next scan")
	}
}

// keeps is a program that keeps one that reads nothing; it says which, and waits, or closes it and has another program take its place.
func keeps(closes bool) {
	w := Keep([]string{os.Args[0], helperWord + "asked-deaf"})
	if w.Ready(context.Background()) != nil {
		os.Exit(1)
	}
	_, _ = fmt.Println(w.spare.cmd.Process.Pid)
	if !closes {
		_ = syscall.Pause()
	}
	w.Close()
	_ = syscall.Exec(os.Args[0], []string{os.Args[0], helperWord + "next"}, nil)
}

// children lists the processes whose parent a process is, zombies too.
func children(of int) []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, p := range all {
		b, _ := os.ReadFile(p)
		if s, ok := parseStat(b); ok && s.parent == of {
			found = append(found, strings.TrimSpace(string(b)))
		}
	}
	return found
}

// kept starts a program of a kind and returns it, what it says, and which process it keeps.
func kept(t *testing.T, kind string) (*exec.Cmd, *bufio.Reader, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], helperWord+kind)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	said, _ := lines.ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(said))
	if err != nil {
		t.Fatal(said, err)
	}
	return cmd, lines, pid
}

// The process that waits ends with a daemon that is killed, also when it reads nothing.
func TestWaitingHelperEndsWithAKilledDaemon(t *testing.T) {
	cmd, _, pid := kept(t, "keeper")
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	isGone(t, pid)
}

// R26: a program that takes the daemon's place finds no child, neither a process nor a zombie.
func TestTheNextProgramHasNoHelper(t *testing.T) {
	cmd, lines, pid := kept(t, "closer")
	if said, err := lines.ReadString('\n'); said != "next \n" {
		t.Errorf("%q %v", said, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	isGone(t, pid)
}
