package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// network is an Ethernet switch between QEMU's datagram sockets: one datagram is one frame, so a machine may come and go at any time. A cut drops
// frames and says nothing; the guest's carrier stays.
type network struct {
	dir   string
	ports []*net.UnixConn // by node, 0 is unused

	mu      sync.Mutex
	learned map[[6]byte]int
	cut     map[[2]int]bool // from, to
}

// patience of the switch with a machine that does not read: the others must not wait for it.
const tardy = 5 * time.Millisecond

const longestFrame = 70_000

func newNetwork(dir string, nodes int) (*network, error) {
	n := &network{dir: dir, ports: make([]*net.UnixConn, nodes+1), learned: map[[6]byte]int{}, cut: map[[2]int]bool{}}
	for i := 1; i <= nodes; i++ {
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.ours(i), Net: "unixgram"})
		if err != nil {
			n.close()
			return nil, fmt.Errorf("cannot make the switch's port %d: %w", i, err)
		}
		n.ports[i] = c
	}
	for i := 1; i <= nodes; i++ {
		go n.forward(i)
	}
	return n, nil
}

func (n *network) ours(i int) string   { return filepath.Join(n.dir, fmt.Sprintf("switch-%d", i)) }
func (n *network) theirs(i int) string { return filepath.Join(n.dir, fmt.Sprintf("nic-%d", i)) }

// qemu is how QEMU is plugged in. It does not remove a socket that an earlier one left behind.
func (n *network) qemu(i int) string {
	_ = os.Remove(n.theirs(i)) // there is none at first
	return fmt.Sprintf("dgram,id=cluster,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", n.theirs(i), n.ours(i))
}

func (n *network) forward(from int) {
	b := make([]byte, longestFrame)
	for {
		k, err := n.ports[from].Read(b)
		if err != nil {
			return // closed
		}
		if k < 14 {
			continue
		}
		for _, to := range n.targets(from, b[:k]) {
			_ = n.ports[from].SetWriteDeadline(time.Now().Add(tardy))
			_, _ = n.ports[from].WriteToUnix(b[:k], &net.UnixAddr{Name: n.theirs(to), Net: "unixgram"}) // a frame may be lost
		}
	}
}

func (n *network) targets(from int, frame []byte) []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	to, known := n.learned[[6]byte(frame)]
	n.learned[[6]byte(frame[6:])] = from
	var out []int
	for i := 1; i < len(n.ports); i++ {
		unicast := known && frame[0]&1 == 0
		if i != from && (!unicast || i == to) && !n.cut[[2]int{from, i}] {
			out = append(out, i)
		}
	}
	return out
}

// set cuts or joins two ports, one way.
func (n *network) set(from, to int, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]int{from, to}] = cut
}

func (n *network) close() {
	for _, c := range n.ports {
		if c != nil {
			_ = c.Close()
		}
	}
}
