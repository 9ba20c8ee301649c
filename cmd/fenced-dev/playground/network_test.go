package playground

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

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

func TestMuteDropsOneWayOnly(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) }) // runs last
	_, w := newSpaces(t, 3, 0)
	ends := map[int]net.PacketConn{}
	for i := 1; i <= 3; i++ {
		must(t, inSpace(w.spaces.node(i), func() (err error) {
			ends[i], err = net.ListenPacket("udp4", w.nodeAddress(i))
			return err
		}))
		defer ends[i].Close()
	}
	arrives := func(from, to int) bool {
		t.Helper()
		peer, err := net.ResolveUDPAddr("udp4", w.nodeAddress(to))
		must(t, err)
		_, err = ends[from].WriteTo([]byte{byte(from)}, peer)
		must(t, err) // the sender never learns of it
		_ = ends[to].SetReadDeadline(time.Now().Add(patience(500 * time.Millisecond)))
		b := make([]byte, 1)
		n, _, err := ends[to].ReadFrom(b)
		return err == nil && n == 1 && b[0] == byte(from)
	}
	want := func(when string, muted bool) {
		t.Helper()
		for _, way := range [][2]int{{1, 2}, {2, 1}, {1, 3}, {3, 1}} {
			if got, open := arrives(way[0], way[1]), !(muted && way == [2]int{1, 2}); got != open {
				t.Errorf("%s: from %d to %d arrives: %v, want %v", when, way[0], way[1], got, open)
			}
		}
	}
	want("whole", false)
	must(t, w.mute(1, 2, true))
	want("muted", true)
	must(t, w.mute(1, 2, false))
	want("healed", false)
}

func TestCutOnLoopbackSaysWhatItNeeds(t *testing.T) {
	w, err := loopback(3, 3)
	must(t, err)
	if err := w.cut(1, clusterPlane, true); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("cut on loopback gives %v", err)
	}
	if err := w.mute(1, 2, true); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("mute on loopback gives %v", err)
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
