package playground

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// errLoopback answers cut and heal without namespaces.
var errLoopback = errors.New("cutting a network needs network namespaces, and those need root: all nodes share this machine's loopback (try kill or freeze, or start the playground as root)")

// Ports inside namespaces, where nothing else listens.
const (
	memberPort  = 7400
	ipmiPort    = 623
	controlPort = 8623
)

// network says where everything listens: on free ports of the loopback, or each in a namespace of its own.
type network struct {
	spaces *spaces // nil on loopback
	member []int   // loopback only: port of node i+1
	ipmi   []int   // loopback only: port of BMC k
	ctrl   []int   // loopback only: control port of BMC k
}

// loopback finds free ports for n nodes and bmcs BMCs. Another process may take one before we use it: then the start fails and says so.
func loopback(n, bmcs int) (*network, error) {
	ports, err := freePorts(n + 2*bmcs)
	if err != nil {
		return nil, err
	}
	return &network{member: ports[:n], ipmi: ports[n : n+bmcs], ctrl: ports[n+bmcs:]}, nil
}

// The ports of the loopback's clusters.
const firstPort, endPort = 15000, 32000

func anyPort() int {
	b := make([]byte, 2)
	_, _ = rand.Read(b) // never fails
	return int(binary.BigEndian.Uint16(b)) % (endPort - firstPort)
}

// freePorts returns loopback ports that are free for TCP and UDP both, all held open until the last is found so that none comes twice. None is of
// those that the kernel gives to whoever asks for any port (Linux: from 32768 on): a daemon that is killed and started again must find its own free.
func freePorts(n int) ([]int, error) {
	var ports []int
	var held []io.Closer
	defer func() {
		for _, h := range held {
			_ = h.Close()
		}
	}()
	for tries := 0; len(ports) < n; tries++ {
		if tries > 10*n+100 {
			return nil, fmt.Errorf("cannot find %d free ports on the loopback", n)
		}
		port := firstPort + anyPort()
		l, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		held = append(held, l)
		u, err := net.ListenPacket("udp4", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		held = append(held, u)
		ports = append(ports, port)
	}
	return ports, nil
}

// nodeAddress is host:port of the membership transport of node i (from 1).
func (w *network) nodeAddress(i int) string {
	if w.spaces == nil {
		return "127.0.0.1:" + strconv.Itoa(w.member[i-1])
	}
	return fmt.Sprintf("%s.%d:%d", clusterPlane.net, i, memberPort)
}

// bmcAddress is host:port where BMC k (from 0) speaks IPMI; controlAddress where its counts and knobs are.
func (w *network) bmcAddress(k int) string {
	if w.spaces == nil {
		return "127.0.0.1:" + strconv.Itoa(w.ipmi[k])
	}
	return bmcHost(k) + ":" + strconv.Itoa(ipmiPort)
}

func (w *network) controlAddress(k int) string {
	if w.spaces == nil {
		return "127.0.0.1:" + strconv.Itoa(w.ctrl[k])
	}
	return bmcHost(k) + ":" + strconv.Itoa(controlPort)
}

// onMgmt is what goes before a command line so that it runs where the BMCs are.
func (w *network) onMgmt() []string {
	if w.spaces == nil {
		return nil
	}
	return []string{"ip", "netns", "exec", w.spaces.name(mgmtPlane.suffix)}
}

// cut pulls the cable of node i on one plane, or puts it back.
func (w *network) cut(i int, p plane, down bool) error {
	if w.spaces == nil {
		return errLoopback
	}
	return w.spaces.cut(i, p, down)
}

// mute drops what node i sends to node to on the cluster network, or lets it through again.
func (w *network) mute(i, to int, on bool) error {
	if w.spaces == nil {
		return errLoopback
	}
	return w.spaces.mute(i, to, on)
}

// dialMgmt connects to an address of the management network from this process: a socket belongs to the namespace that its thread was in
// when it was made, so the thread goes there and comes back. A thread that cannot come back ends with its goroutine.
func (w *network) dialMgmt(ctx context.Context, proto, address string) (net.Conn, error) {
	var d net.Dialer
	if w.spaces == nil {
		return d.DialContext(ctx, proto, address)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		conn, err := dialIn(ctx, filepath.Join(spaceDir, w.spaces.name(mgmtPlane.suffix)), d, proto, address)
		done <- result{conn, err}
	}() // no unlock: the thread ends with the goroutine, wherever it is
	r := <-done
	return r.conn, r.err
}

func dialIn(ctx context.Context, space string, d net.Dialer, proto, address string) (net.Conn, error) {
	f, err := os.Open(space)
	if err != nil {
		return nil, fmt.Errorf("cannot open the namespace: %w", err)
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("cannot enter the namespace %s: %w", space, err)
	}
	return d.DialContext(ctx, proto, address)
}
