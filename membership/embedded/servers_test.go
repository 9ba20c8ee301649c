package embedded

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
)

// R3: who looked at Raft's servers before another change of them changes nothing by what he saw.
func TestAChangeOfServersIsRefusedAfterAnother(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	l := p.leader()
	pr := p.node(l)
	gone := fence.NodeID(1)
	if gone == l {
		gone = 2
	}
	r := pr.running()
	c, at := pr.servers(r)
	var id raft.ServerID
	for _, s := range c.Servers {
		if node, _, _ := parseServerID(string(s.ID)); node == gone {
			id = s.ID
		}
	}
	if at == 0 || id == "" {
		t.Fatalf("index %d of %v", at, c.Servers)
	}
	p.kill(gone)
	if err := r.DemoteVoter(id, at, pr.cfg.FailureTimeout).Error(); err != nil {
		t.Fatalf("nothing had changed: %v", err)
	}
	if err := r.RemoveServer(id, at, pr.cfg.FailureTimeout).Error(); err == nil || !strings.Contains(err.Error(), "changed since") {
		t.Fatalf("another change came in between: %v", err)
	}
	// What was committed is read a moment later, and the provider itself may have changed something meanwhile: who looks again gets through.
	for until := time.Now().Add(10 * time.Second); ; {
		_, now := pr.servers(r)
		err := r.RemoveServer(id, now, pr.cfg.FailureTimeout).Error()
		if err == nil && now > at {
			return
		}
		if err == nil || !strings.Contains(err.Error(), "changed since") || time.Now().After(until) {
			t.Fatalf("who looks again, by index %d after %d: %v", now, at, err)
		}
	}
}

// R3: the index is in a snapshot too, where the log has none of it any more.
func TestServersOfASnapshotHaveTheirIndex(t *testing.T) {
	f, s := newFSM(), &snapshots{serversAt: 7}
	f.changed = func() {}
	p := &Provider{fsm: f, snaps: s}
	r := &raft.Raft{}
	if _, at := p.servers(r); at != 7 {
		t.Errorf("index %d", at)
	}
	f.StoreConfiguration(9, raft.Configuration{})
	if _, at := p.servers(r); at != 9 {
		t.Errorf("index %d", at)
	}
}
