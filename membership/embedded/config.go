package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Protocol is the version of handshakes, pings and log entries. Two daemons with different protocols refuse each other. 2: pings are no JSON.
const Protocol = 2

// otherProtocol is set by the linker, and only in a build that is to stand for a version of another protocol: test/e2e shows with it what two
// such versions say to each other. Whatever is no number means Protocol.
var otherProtocol string

// protocol is what this build speaks.
var protocol = sync.OnceValue(func() int {
	if n, err := strconv.Atoi(otherProtocol); err == nil {
		return n
	}
	return Protocol
})

// Key is the shared key; it never prints.
type Key []byte

// String hides the key.
func (Key) String() string { return "***" }

// GoString hides the key.
func (Key) GoString() string { return "***" }

// MarshalText hides the key.
func (Key) MarshalText() ([]byte, error) { return []byte("***"), nil }

// NodeConfig is one node of the roster, as far as membership needs it.
type NodeConfig struct {
	ID      fence.NodeID
	Name    string
	Address string // host:port, TCP and UDP
	Votes   int
	Witness bool
	// Uncounted: it was added to a running cluster and has not come yet, or it was given up and has not been admitted again (R4). It is let in,
	// its votes do not count, and its store has no vote in the log either: it cannot stop those who work without it.
	Uncounted bool
	// former is where it was before its address changed, "" once it was reached at the new one. Until then it is asked at both: it learns of
	// its new address by the very log that the others would otherwise have stopped to bring it.
	former string
}

// addresses are where a node is asked, the newest first.
func (n NodeConfig) addresses() []string {
	if n.former == "" {
		return []string{n.Address}
	}
	return []string{n.Address, n.former}
}

// counted are the votes that count now.
func (n NodeConfig) counted() int {
	if n.Uncounted {
		return 0
	}
	return n.Votes
}

// Config of a provider.
type Config struct {
	Self    membership.Self
	Name    string // this node's name
	Cluster string
	Authkey Key // 32 bytes
	// StateDir holds the log, its snapshots and the identity of this store, in raft/.
	StateDir string
	Listen   string // host:port for TCP and UDP
	Nodes    []NodeConfig
	// FailureTimeout is how long silence lasts until a member leaves the view; default 2 s. Ping is the interval of the mesh; default a tenth.
	FailureTimeout time.Duration
	Ping           time.Duration
	// Lease is how long nothing is proposed after this process was stopped (R20); default FailureTimeout.
	Lease time.Duration
	// Outcome is how long a proposal is tried before its outcome is unknown; default the larger of 5 s and five failure timeouts.
	Outcome time.Duration
	// WriteDeadline is how long a write of the log may take until this node goes out of service (R20); default the larger of 3 s and two
	// failure timeouts.
	WriteDeadline time.Duration
	// SnapshotEvery is the number of entries between two snapshots of the log; default 4096.
	SnapshotEvery uint64
	Logger        *slog.Logger
	Version       string // of the software; shown, not compared
	// Faults is for tests only: it drops traffic and stalls disks. Production leaves it nil.
	Faults *Faults
	// Network and Clock are for tests only, which may have no sockets and another time: what this node listens on and dials, and the milliseconds that
	// leases and silences are counted in. Production leaves them nil: TCP and UDP of this machine, and CLOCK_BOOTTIME.
	Network Network
	Clock   func() int64
}

func (c *Config) fill() {
	if c.FailureTimeout == 0 {
		c.FailureTimeout = 2 * time.Second
	}
	if c.Ping == 0 {
		c.Ping = c.FailureTimeout / 10
	}
	if c.Lease == 0 {
		c.Lease = c.FailureTimeout
	}
	if c.Outcome == 0 {
		c.Outcome = max(5*time.Second, 5*c.FailureTimeout)
	}
	if c.WriteDeadline == 0 {
		c.WriteDeadline = max(3*time.Second, 2*c.FailureTimeout)
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 4096
	}
	if c.Network == nil {
		c.Network = sockets{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Nodes = sorted(c.Nodes)
}

func sorted(nodes []NodeConfig) []NodeConfig {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b NodeConfig) int { return int(a.ID) - int(b.ID) })
	return nodes
}

func (c *Config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Authkey) != 32 {
		bad("authkey has %d bytes, it must have 32", len(c.Authkey))
	}
	if c.Cluster == "" {
		bad("cluster has no name")
	}
	if c.StateDir == "" || c.Listen == "" {
		bad("state directory and listen address must be set")
	}
	if c.Self.Boot == "" || c.Self.Instance == "" {
		bad("boot id and instance must be set")
	}
	if c.FailureTimeout < 4*c.Ping {
		bad("failure timeout (%v) must be at least four times the ping interval (%v)", c.FailureTimeout, c.Ping)
	}
	errs = append(errs, checkNodes(c.Nodes, c.Self.Node)...)
	return errors.Join(errs...)
}

// checkNodes: three or more voters, or two and a witness (R23); ids, names and addresses once each.
func checkNodes(nodes []NodeConfig, self fence.NodeID) []error {
	var errs []error
	voters, me := 0, false
	for i, n := range nodes {
		if n.Votes > 0 {
			voters++
		}
		me = me || n.ID == self
		if n.ID == 0 || n.Name == "" || n.Address == "" || n.Votes < 0 {
			errs = append(errs, fmt.Errorf("node %d %q: id, name and address must be set, votes must not be negative", n.ID, n.Name))
		}
		for _, o := range nodes[:i] {
			if o.ID == n.ID || o.Name == n.Name || o.Address == n.Address {
				errs = append(errs, fmt.Errorf("nodes %q and %q share an id, a name or an address", o.Name, n.Name))
			}
		}
	}
	if voters < 3 {
		errs = append(errs, fmt.Errorf("embedded membership needs three voters, or two and a witness; there are %d", voters))
	}
	if len(nodes) > membership.MaxNodes {
		errs = append(errs, fmt.Errorf("%d nodes, at most %d", len(nodes), membership.MaxNodes))
	}
	if !me {
		errs = append(errs, fmt.Errorf("this node's id %d is not among the nodes", self))
	}
	return errs
}

func voters(nodes []NodeConfig) []membership.Voter {
	var out []membership.Voter
	for _, n := range nodes {
		out = append(out, membership.Voter{ID: n.ID, Votes: n.counted()})
	}
	return out
}

func nodeOf(nodes []NodeConfig, id fence.NodeID) (NodeConfig, bool) {
	for _, n := range nodes {
		if n.ID == id {
			return n, true
		}
	}
	return NodeConfig{}, false
}
