package corosync

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	provider "github.com/fenced-project/fenced/membership/corosync"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// lab is a cluster of real providers, each on a real corosync of its own.
type lab struct {
	*Cluster
	t       testing.TB
	timeout time.Duration
	dir     string
	booted  bool
	every   int // entries between two snapshots

	mu      sync.Mutex
	running map[fence.NodeID]*provider.Provider
}

func newLab(t testing.TB, n int) *lab {
	l := &lab{Cluster: New(t, Options{Nodes: n}), t: t, timeout: Slow(time.Second), dir: t.TempDir(), running: map[fence.NodeID]*provider.Provider{}}
	l.Cluster.Start()
	return l
}

// providerOf is what a lab runs.
type providerOf = provider.Provider

func (l *lab) Start(self membership.Self) (membership.Provider, error) {
	p, err := l.openAs(self, int(self.Node))
	if err == nil && !l.booted {
		l.booted = true
		err = p.Bootstrap("lab")
	}
	return p, err
}

// openAs runs a daemon beside a node's corosync.
func (l *lab) openAs(self membership.Self, node int) (*providerOf, error) {
	c := provider.Config{
		Self: self, Cluster: "lab", StateDir: filepath.Join(l.dir, fmt.Sprint(self.Node)), FailureTimeout: l.timeout, SnapshotEvery: l.every,
		Enter: l.Node(node).Enter, Version: "test",
	}
	if os.Getenv("FENCED_TEST_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", self.Node)
	}
	p, err := provider.Open(c)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.running[self.Node] = p
	l.mu.Unlock()
	return p, nil
}

func (l *lab) provider(id fence.NodeID) *provider.Provider {
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
		if l.t.Failed() {
			l.t.Logf("node %d: %+v", id, p.Info())
		}
		if err := p.Close(); err != nil {
			l.t.Errorf("close of node %d: %v", id, err)
		}
	}
}

func (l *lab) Cut(a, b fence.NodeID)         { l.Cluster.Cut(int(a), int(b)) }
func (l *lab) FailureTimeout() time.Duration { return l.timeout }

func (l *lab) Compact() error {
	ctx, cancel := context.WithTimeout(l.t.Context(), Slow(10*time.Second))
	defer cancel()
	for _, n := range l.Nodes() {
		if p := l.provider(fence.NodeID(n.ID)); p != nil {
			if err := p.Compact(ctx); err != nil {
				return fmt.Errorf("snapshot of node %d: %w", n.ID, err)
			}
		}
	}
	return nil
}

func (l *lab) Close() {
	l.mu.Lock()
	ids := slices.Collect(maps.Keys(l.running))
	l.mu.Unlock()
	for _, id := range ids {
		l.Kill(id)
	}
}

// The contract of every provider, unchanged, on real rings.
func TestContract(t *testing.T) {
	membershiptest.Run(t, func(t testing.TB, n int) membershiptest.Cluster { return newLab(t, n) })
}
