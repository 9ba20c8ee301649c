package playground

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
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
		fmt.Println(o)
		select {}
	}
	return 64
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

// newSpaces makes a network for a test, and takes it away.
func newSpaces(t *testing.T, n, bmcs int) (owner, *network) {
	t.Helper()
	if why := NetnsMissing(); why != "" {
		skip(t, why)
	}
	o, err := newOwner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sweep(o); err != nil {
			t.Error(err)
		}
		if left := spacesOf(o); len(left) > 0 {
			t.Errorf("namespaces left: %v", left)
		}
	})
	s, err := buildSpaces(o, n, bmcs)
	if err != nil {
		t.Fatal(err)
	}
	return o, &network{spaces: &s}
}

func TestCutIsRealAndLeavesTheBMCs(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) }) // runs last
	_, w := newSpaces(t, 2, 1)
	peer := listenIn(t, w.spaces.node(2), w.nodeAddress(2))
	bmc := listenIn(t, w.spaces.name(mgmtPlane.suffix), w.controlAddress(0))
	reach := func(address string) error {
		conn, err := dialFrom(w.spaces.node(1), address, patience(700*time.Millisecond))
		if err == nil {
			conn.Close()
		}
		return err
	}
	want := func(when string, cluster, mgmt bool) {
		t.Helper()
		if err := reach(peer); (err == nil) != cluster {
			t.Errorf("%s: node 1 reaches node 2: %v, want %v (%v)", when, err == nil, cluster, err)
		}
		if err := reach(bmc); (err == nil) != mgmt {
			t.Errorf("%s: node 1 reaches the BMC: %v, want %v (%v)", when, err == nil, mgmt, err)
		}
	}
	want("whole", true, true)
	must(t, w.cut(1, clusterPlane, true))
	want("cluster network cut", false, true)
	must(t, w.cut(1, clusterPlane, false))
	want("healed", true, true)
	must(t, w.cut(1, mgmtPlane, true))
	want("management network cut", true, false)
	must(t, w.cut(1, mgmtPlane, false))
	ctx, cancel := context.WithTimeout(context.Background(), patience(2*time.Second))
	defer cancel()
	conn, err := w.dialMgmt(ctx, "tcp", bmc)
	must(t, err)
	if got := greetingOf(conn); got != bmc {
		t.Errorf("dialMgmt reached %q, want the BMC", got)
	}
	// A gateway of the machine may accept any connection, so what answers must be looked at.
	if conn, err := net.DialTimeout("tcp", bmc, 200*time.Millisecond); err == nil && greetingOf(conn) == bmc {
		t.Error("the BMC is reachable from this process's own namespace: dialMgmt did not come back, or the network leaks")
	}
}

func TestCutOnLoopbackSaysWhatItNeeds(t *testing.T) {
	w, err := loopback(3, 3)
	must(t, err)
	if err := w.cut(1, clusterPlane, true); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("cut on loopback gives %v", err)
	}
	seen := map[string]bool{}
	for i := range 3 {
		for _, a := range []string{w.nodeAddress(i + 1), w.bmcAddress(i), w.controlAddress(i)} {
			if seen[a] {
				t.Errorf("address %s is given twice", a)
			}
			seen[a] = true
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inSpace runs f on a thread that is in the namespace and ends with it.
func inSpace(ns string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocks
		fd, err := unix.Open(filepath.Join(spaceDir, ns), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			_ = unix.Close(fd)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

func listenIn(t *testing.T, ns, address string) string {
	t.Helper()
	var l net.Listener
	must(t, inSpace(ns, func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	}))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, address)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return address
}

// greetingOf reads what a listener of listenIn says: its address.
func greetingOf(conn net.Conn) string {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience(200 * time.Millisecond)))
	b, _ := io.ReadAll(conn)
	return string(b)
}

func dialFrom(ns, address string, within time.Duration) (conn net.Conn, err error) {
	err = inSpace(ns, func() (err error) {
		conn, err = net.DialTimeout("tcp", address, within)
		return err
	})
	return conn, err
}
