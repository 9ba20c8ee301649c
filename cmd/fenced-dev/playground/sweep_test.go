package playground

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// standIn is what this test binary does as another process.
func standIn(role string) int {
	switch role {
	case "owner": // makes a cluster's remains, says their name, and waits to be killed
		o, err := newOwner()
		if err != nil {
			return 1
		}
		if err := os.Mkdir(tempDir(o), 0o700); err != nil {
			return 1
		}
		if err := os.Mkdir(shortDir(o), 0o700); err != nil {
			return 1
		}
		self, _ := selfBinary()
		if os.Getenv("FENCED_TEST_UNGUARDED") == "" {
			if _, err := startGuard(self, o); err != nil {
				return 1
			}
		}
		child := exec.Command("sh", "-c", "sleep 1000 & sleep 1000")
		child.Env = []string{tagEnv + "=" + o.String(), "PATH=" + os.Getenv("PATH")}
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return 1
		}
		if NetnsMissing() == "" {
			if _, err := buildSpaces(o, 1, 1); err != nil {
				fmt.Println("error", err)
				return 1
			}
		}
		if DisksMissing() == "" {
			if err := hungDisk(o); err != nil {
				fmt.Println("error", err)
				return 1
			}
		}
		fmt.Println(o)
		select {}
	}
	return 64
}

// hungDisk is a disk that is frozen, with a process that writes to it and cannot be killed.
func hungDisk(o owner) error {
	c := &Cluster{owner: o, dir: tempDir(o)}
	n := &Node{cluster: c, Index: 1, Name: "node-1"}
	if err := os.MkdirAll(n.path("state"), 0o700); err != nil {
		return err
	}
	if err := errors.Join(n.makeDisk(DiskSpec{}), n.FreezeDisk()); err != nil {
		return err
	}
	writer := exec.Command("sh", "-c", "echo x > "+n.path("state", "x"))
	writer.Env = []string{tagEnv + "=" + o.String(), "PATH=" + os.Getenv("PATH")}
	writer.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return writer.Start()
}

func startOwner(t *testing.T, env ...string) (owner, *exec.Cmd) {
	t.Helper()
	self, err := selfBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), "FENCED_TEST_ROLE=owner"), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	o, ok := parseOwner(strings.TrimSpace(line))
	if err != nil || !ok {
		t.Fatalf("the owner said %q (%v)", line, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = sweep(o)
	})
	return o, cmd
}

// remains lists what is left of a cluster.
func remains(o owner) []string {
	var out []string
	for _, p := range family(processes(), func(p process) bool { return p.tag == o.String() }) {
		out = append(out, describe([]process{p}))
	}
	out = append(out, spacesOf(o)...)
	disks, err := disksOf(o)
	if err != nil {
		out = append(out, err.Error())
	}
	out = append(out, disks...)
	for _, dir := range []string{tempDir(o), shortDir(o)} {
		if _, err := os.Stat(dir); err == nil {
			out = append(out, dir)
		}
	}
	return out
}

func TestGuardSweepsAfterKill(t *testing.T) {
	o, cmd := startOwner(t)
	if len(remains(o)) < 3 { // a shell, its sleeps, a directory
		t.Fatalf("the owner made only %v", remains(o))
	}
	for _, p := range processes() { // a guard outlives what ends others
		if isGuard(p) && strings.HasSuffix(p.cmdline, o.String()) {
			must(t, unix.Kill(p.pid, unix.SIGTERM))
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	deadline := time.Now().Add(patience(10 * time.Second))
	for len(remains(o)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("the guard left %v", remains(o))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestStaleSweepTakesDeadOwnersOnly(t *testing.T) {
	live, _ := startOwner(t, "FENCED_TEST_UNGUARDED=1")
	dead, cmd := startOwner(t, "FENCED_TEST_UNGUARDED=1")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	before := remains(live)
	if len(remains(dead)) < 3 {
		t.Fatalf("nothing is left of the killed owner, the test proves nothing: %v", remains(dead))
	}
	if err := sweepStale(); err != nil {
		t.Fatal(err)
	}
	if left := remains(dead); len(left) > 0 {
		t.Errorf("the dead owner still has %v", left)
	}
	if after := remains(live); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the living owner had %v and has %v", before, after)
	}
}

func TestReusedPidIsNotAlive(t *testing.T) {
	o, err := newOwner()
	if err != nil {
		t.Fatal(err)
	}
	if !o.alive() {
		t.Error("this process is not alive")
	}
	o.start++
	if o.alive() {
		t.Error("another process with this pid is taken for the owner")
	}
	if p, ok := parseOwner(o.String() + "-n1"); !ok || p != o {
		t.Errorf("%s-n1 reads as %v %v", o, p, ok)
	}
	for _, bad := range []string{"fenced-", "fenced-1", "fenced-1-2", "fenced-x-2-3", "fenced-0-2-3", "other-1-2-3", "fenced-dev"} {
		if p, ok := parseOwner(bad); ok {
			t.Errorf("%q reads as %v", bad, p)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
