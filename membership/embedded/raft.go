package embedded

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
)

// raftConfig: elections are well below the failure timeout, so that the death of the leader costs the larger of the two and not their sum.
func (p *Provider) raftConfig(logger hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = p.mux.server
	c.HeartbeatTimeout = max(p.cfg.FailureTimeout/4, 50*time.Millisecond)
	c.ElectionTimeout = c.HeartbeatTimeout
	c.LeaderLeaseTimeout = c.HeartbeatTimeout
	c.CommitTimeout = c.HeartbeatTimeout // nudges are faster (nudge.go); this is for one that is lost
	c.ShutdownOnRemove = false
	c.SnapshotThreshold = p.cfg.SnapshotEvery
	c.TrailingLogs = p.cfg.SnapshotEvery / 4
	c.SnapshotInterval = 30 * time.Second
	c.NoLegacyTelemetry = true
	c.Logger = logger
	return c
}

// startRaft starts Raft on a store that has a domain.
func (p *Provider) startRaft() error {
	logger := hclog.New(&hclog.LoggerOptions{Name: "raft", Level: hclog.Debug, Output: &slogWriter{log: p.log}, DisableTime: true})
	dir := filepath.Join(p.cfg.StateDir, "raft")
	files, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, logger)
	if err != nil {
		return fmt.Errorf("cannot open snapshots: %w", err)
	}
	snaps, err := newSnapshots(files)
	if err != nil {
		return fmt.Errorf("cannot read snapshots: %w", err)
	}
	// One request in flight: raft v1.8.0's pipeline blocks for ever in AppendEntries when a peer's answer ends its decoder, and with it the
	// replication to that peer and Shutdown, while heartbeats go on.
	trans := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		MaxRPCsInFlight: 1,
		Stream:          p.mux, MaxPool: 3, Timeout: max(p.cfg.FailureTimeout, time.Second), Logger: logger, MsgpackUseNewTimeFormat: true,
	})
	c := p.raftConfig(logger)
	patient := newTransport(p.ctx, trans, c.HeartbeatTimeout, p.leadsIn, p.follows)
	p.fsm.committed = patient.nudges.committed
	r, err := raft.NewRaft(c, p.fsm, p.store, p.store, snaps, patient)
	if err != nil {
		_ = trans.Close()
		return fmt.Errorf("cannot start raft: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raft, p.trans, p.snaps = r, patient, snaps
	if p.closed {
		r.Shutdown()
		patient.nudges.stop()
		_ = trans.Close()
	}
	wake(p.work)
	return nil
}

// running is Raft once it runs.
func (p *Provider) running() *raft.Raft {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raft
}

// leadsIn reports whether this node leads in a term.
func (p *Provider) leadsIn(term uint64) bool {
	r := p.running()
	return r != nil && r.State() == raft.Leader && r.CurrentTerm() == term
}

// follows reports whether this node leads in a term and a server is to follow it.
func (p *Provider) follows(id raft.ServerID, term uint64) bool {
	return p.leadsIn(term) && slices.ContainsFunc(p.running().GetConfiguration().Configuration().Servers, func(s raft.Server) bool { return s.ID == id })
}

// leader is the node that leads as far as this one knows, 0 for none.
func leaderOf(r *raft.Raft) fence.NodeID {
	if r == nil {
		return 0
	}
	_, id := r.LeaderWithID()
	node, _, err := parseServerID(string(id))
	if err != nil {
		return 0
	}
	return node
}

// position is how far this store goes on disk, log and snapshots together.
func (p *Provider) position() position {
	p.mu.Lock()
	snaps := p.snaps
	p.mu.Unlock()
	end := p.store.end()
	if snaps != nil {
		if s := snaps.end(); end.less(s) {
			end = s
		}
	}
	return end
}

// us is what this node says of itself and judges others by.
func (p *Provider) us(stream, to string) us {
	k := p.fsm.known()
	pos := p.position()
	p.mu.Lock()
	defer p.mu.Unlock()
	return us{
		hello: hello{
			Protocol: protocol(), Version: p.cfg.Version, Cluster: p.cfg.Cluster, Domain: p.domain, Node: p.cfg.Self.Node, Boot: p.cfg.Self.Boot,
			Instance: p.cfg.Self.Instance, Store: p.id.Store, Starts: p.id.Starts, Position: pos, Stream: stream, To: to,
		},
		nodes: p.nodes, gone: k.gone,
		owner: func(store string, node fence.NodeID) fence.NodeID { return ownerOf(k, store, node) },
	}
}

// snapshots is Raft's store of snapshot files, and knows how far the newest goes.
type snapshots struct {
	raft.SnapshotStore
	mu  sync.Mutex
	top position
	// serversAt is the index of the newest change of Raft's servers that a snapshot holds.
	serversAt uint64
}

func newSnapshots(files *raft.FileSnapshotStore) (*snapshots, error) {
	list, err := files.List()
	if err != nil {
		return nil, err
	}
	s := &snapshots{SnapshotStore: files}
	if len(list) > 0 {
		s.top, s.serversAt = position{list[0].Term, list[0].Index}, list[0].ConfigurationIndex
	}
	return s, nil
}

func (s *snapshots) end() position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.top
}

// Create starts a snapshot; it counts when it is closed.
func (s *snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	meta := snapshotMeta{Index: index, Term: term, ConfigurationIndex: at, Servers: c.Servers}
	return &countedSink{SnapshotSink: sink, meta: meta, done: func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if p := (position{term, index}); s.top.less(p) {
			s.top = p
		}
		s.serversAt = max(s.serversAt, at)
	}}, nil
}

type countedSink struct {
	raft.SnapshotSink
	meta snapshotMeta
	done func()
}

// Close makes the snapshot durable.
func (s *countedSink) Close() error {
	err := s.SnapshotSink.Close()
	if err == nil {
		s.done()
	}
	return err
}

// slogWriter carries Raft's own lines into the daemon's log, for debugging.
type slogWriter struct{ log *slog.Logger }

func (w *slogWriter) Write(b []byte) (int, error) {
	if w.log.Enabled(context.Background(), slog.LevelDebug) {
		w.log.Debug("raft", "line", string(bytes.TrimSpace(b)))
	}
	return len(b), nil
}
