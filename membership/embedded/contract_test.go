package embedded

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a cluster of real providers over loopback, with faults.
type lab struct {
	t       testing.TB
	dir     string
	timeout time.Duration
	nodes   []NodeConfig
	faults  *Faults
	booted  bool
	tweak   func(*Config)

	mu      sync.Mutex
	running map[fence.NodeID]*Provider
}

func newLab(t testing.TB, n int) *lab {
	l := &lab{
		t: t, dir: t.TempDir(), timeout: membershiptest.Slow(time.Second), faults: NewFaults(),
		running: make(map[fence.NodeID]*Provider), tweak: func(*Config) {},
	}
	for i := 1; i <= n; i++ {
		l.nodes = append(l.nodes, NodeConfig{ID: fence.NodeID(i), Name: fmt.Sprintf("node-%d", i), Address: membershiptest.FreePort(t), Votes: 1})
	}
	return l
}

func (l *lab) config(self membership.Self) Config {
	n, _ := nodeOf(l.nodes, self.Node)
	c := Config{
		Self: self, Name: n.Name, Cluster: "lab", Authkey: []byte("0123456789abcdef0123456789abcdef"),
		StateDir: l.store(self.Node), Listen: n.Address, Nodes: l.nodes,
		FailureTimeout: l.timeout, Faults: l.faults, Version: "test",
		WriteDeadline: membershiptest.Slow(30 * time.Second), // a busy disk is not what most tests are about
	}
	if os.Getenv("FENCED_TEST_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", self.Node)
	}
	l.tweak(&c)
	return c
}

func (l *lab) store(id fence.NodeID) string { return filepath.Join(l.dir, fmt.Sprint(id)) }

// Start opens a node; the first one ever bootstraps.
func (l *lab) Start(self membership.Self) (membership.Provider, error) {
	p, err := l.open(self)
	if err != nil {
		return nil, err
	}
	if !l.booted {
		l.booted = true
		if err := p.Bootstrap(""); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (l *lab) open(self membership.Self) (*Provider, error) {
	p, err := Open(l.config(self))
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.running[self.Node] = p
	l.mu.Unlock()
	l.t.Cleanup(func() { _ = p.Close() })
	return p, nil
}

func (l *lab) node(id fence.NodeID) *Provider {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running[id]
}

func (l *lab) Kill(id fence.NodeID) {
	l.mu.Lock()
	p := l.running[id]
	delete(l.running, id)
	l.mu.Unlock()
	if p != nil {
		if err := p.Close(); err != nil {
			l.t.Errorf("close of node %d: %v", id, err)
		}
	}
}

func (l *lab) Cut(a, b fence.NodeID)         { l.faults.Cut(a, b) }
func (l *lab) Heal()                         { l.faults.Heal() }
func (l *lab) FailureTimeout() time.Duration { return l.timeout }

func (l *lab) Compact() error {
	for _, n := range l.nodes {
		if p := l.node(n.ID); p != nil {
			if err := p.running().Snapshot().Error(); err != nil {
				return fmt.Errorf("snapshot of node %d: %w", n.ID, err)
			}
		}
	}
	return nil
}

func (l *lab) Close() {
	for _, n := range l.nodes {
		l.Kill(n.ID)
	}
}

func TestContract(t *testing.T) {
	membershiptest.Run(t, func(t testing.TB, n int) membershiptest.Cluster {
		l := newLab(t, n)
		l.tweak = func(c *Config) { c.SnapshotEvery = 4 } // one entry stays behind a snapshot, so that joiners need it
		return l
	})
}
