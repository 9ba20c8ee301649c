package residual

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// thread2 adds a thread to a process of a fake system, with one open file and a mount namespace.
func thread2(t *testing.T, root, pid, tid, target, space string) string {
	t.Helper()
	at := "proc/" + pid + "/task/" + tid
	symlink(t, root, at+"/ns/mnt", space)
	symlink(t, root, at+"/root", "/")
	symlink(t, root, at+"/fd/3", target)
	for _, d := range []string{"/fdinfo"} {
		if err := os.MkdirAll(root+"/"+at+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, root+"/"+at+"/fdinfo/3", "pos:\t0\nflags:\t0100002\n")
	write(t, root+"/"+at+"/mountinfo", "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
	return root + "/" + at
}

// A thread with open files or a mount namespace of its own holds what no entry of its process shows (S2.14 is not the whole story of a process).
func TestThreadsHoldWhatTheirProcessDoesNot(t *testing.T) {
	root := disk(t)
	process(t, root, "10", "/dev/null", "0100002")
	thread2(t, root, "10", "10", "/dev/null", "mnt:[1]")
	thread2(t, root, "10", "11", "/dev/sdb", "mnt:[1]")
	thread2(t, root, "10", "12", "/dev/null", "mnt:[2]")
	write(t, root+"/proc/10/task/12/mountinfo", "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 253:9 / /shared rw - gfs2 /dev/mapper/x rw,lockproto=lock_dlm\n")
	r := scanWith(t, Options{SystemRoot: root, Devices: []string{"/dev/disk/by-id/wwn-1"}})
	got := lines(r, root)
	for _, want := range []string{"open for writing|reset=true", "mounts|/shared|state|gfs2 mount of /dev/mapper/x"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	for _, f := range r.Findings {
		if len(f.Holders) != 1 || f.Holders[0].PID != 10 {
			t.Errorf("%s is held by %+v", f.What, f.Holders)
		}
	}
	write(t, root+"/proc/10/task/12/mountinfo", "nonsense\n")
	if r := scanWith(t, Options{SystemRoot: root}); !r.Unknown() {
		t.Errorf("a thread's table that is not understood is no finding:\n%s", lines(r, root))
	}
	if err := os.RemoveAll(root + "/proc/10/task"); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/proc/10/task", "no directory")
	if r := scanWith(t, Options{SystemRoot: root}); !r.Unknown() {
		t.Errorf("threads that cannot be listed are no finding:\n%s", lines(r, root))
	}
}

// This kernel says which threads share: of a process whose threads all do, one is looked at; one that has taken its files apart is looked at by itself.
func TestThreadsOfThisProcess(t *testing.T) {
	l := &look{o: Options{SystemRoot: "/"}}
	if f, ok := l.open("test"); !ok {
		t.Fatal(f)
	}
	defer l.close()
	dirs := func(what int) (out []string) {
		all, err := l.apart(os.Getpid(), what)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			out = append(out, one.dir)
		}
		return out
	}
	if _, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(os.Getpid()), sharesFiles, 0, 0, 0); errno != 0 {
		t.Skipf("SKIP %s: this kernel does not compare threads: %v", t.Name(), errno)
	}
	mine := "proc/" + strconv.Itoa(os.Getpid()) + "/"
	for end := time.Now().Add(10 * time.Second); !slices.Equal(dirs(sharesFiles), []string{mine}); { // the thread of a run before this one ends when the kernel gets to it
		if time.Now().After(end) {
			t.Fatalf("threads that share all: %q", dirs(sharesFiles))
		}
		runtime.Gosched()
	}
	tid, end, ended := make(chan int), make(chan struct{}), make(chan struct{})
	var apart func()
	apart = func() {
		runtime.LockOSThread()            // and not unlocked where it was unshared: the thread ends with its function
		if unix.Gettid() == os.Getpid() { // the first thread is what the others are compared with: it is held here, and another one gets it
			defer runtime.UnlockOSThread()
			done := make(chan struct{})
			go func() { defer close(done); apart() }()
			<-done
			return
		}
		if err := unix.Unshare(unix.CLONE_FILES); err != nil {
			t.Error(err)
		}
		tid <- unix.Gettid()
		<-end
	}
	go func() { defer close(ended); apart() }()
	want := []string{mine, mine + "task/" + strconv.Itoa(<-tid) + "/"}
	if got := dirs(sharesFiles); !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	if got := dirs(sharesPlace); !slices.Equal(got, want[:1]) {
		t.Errorf("its place is its process's: %q", got)
	}
	close(end)
	<-ended
}

// A process of one thread is not read for others, and a fake system's numbers are asked of no kernel.
func TestOneThreadIsAlone(t *testing.T) {
	l := &look{o: Options{SystemRoot: "/"}}
	if f, ok := l.open("test"); !ok {
		t.Fatal(f)
	}
	defer l.close()
	if l.alone("proc/" + strconv.Itoa(os.Getpid()) + "/task") {
		t.Error("this process has several threads")
	}
	l.o.SystemRoot = t.TempDir()
	if l.alone("proc/1/task") || l.share(1, 1, sharesFiles) {
		t.Error("the kernel was asked about a fake system")
	}
}
