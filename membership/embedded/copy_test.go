package embedded

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// clone starts a copy of a running node's store under that node's own id, at an address of its own, as when a virtual machine is cloned. The log
// stands still while that is done, so the copy shows nothing but one more start. It feels no faults.
func (p *party) clone(of fence.NodeID) *twin {
	p.t.Helper()
	dir := p.t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "raft"), 0o700); err != nil {
		p.t.Fatal(err)
	}
	err := p.node(of).store.db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(filepath.Join(dir, "raft", "log.db"), 0o600) })
	if err != nil {
		p.t.Fatal(err)
	}
	self := membership.Self{Node: of, Boot: "boot-of-the-clone", Instance: "clone"}
	c := p.config(self)
	c.StateDir, c.Listen, c.Faults = dir, membershiptest.FreePort(p.t), nil
	pr, err := Open(c)
	if err != nil {
		p.t.Fatal(err)
	}
	rd := membershiptest.NewReader(p.t, self, pr)
	p.t.Cleanup(func() {
		_ = pr.Close()
		rd.Wait()
	})
	return &twin{Provider: pr, reader: rd}
}

type twin struct {
	*Provider
	reader *membershiptest.Reader
}

// refusesCopy waits until a reader's node has refused a copy, or was refused as one.
func refusesCopy(rd *membershiptest.Reader, us bool) {
	rd.Event("refusal of a copy", 0, func(e membership.Event) bool {
		r, ok := e.(membership.Refused)
		return ok && r.Kind == membership.RefusedCopy && r.Us == us && strings.Contains(r.Reason, "from 127.0.0.1: store")
	})
}

// R3: a copy of a store is started beside its healthy original, which stays: the copy is refused by those who hear both, and told so.
func TestCloneIsRefusedAndItsOriginalStays(t *testing.T) {
	p := newParty(t, 3)
	p.timeout = membershiptest.Slow(3 * time.Second) // a stall of this machine must not look like the original's silence
	p.startAll()
	three := p.node(3).id
	for _, id := range []fence.NodeID{1, 2} {
		p.heardPosition(id, 3)
	}
	marks := make(map[fence.NodeID]int)
	for id, rd := range p.readers {
		marks[id] = rd.Mark()
	}
	twin := p.clone(3)
	told := twin.reader
	if twin.id.Store != three.Store || twin.id.Starts != three.Starts+1 {
		t.Fatalf("original %+v, copy %+v", three, twin.id)
	}
	refusesCopy(p.readers[1], false)
	refusesCopy(p.readers[2], false)
	refusesCopy(told, true)
	for i, id := range []fence.NodeID{3, 1, 2} {
		p.commits(id, uint64(100+i), "goes on")
	}
	for id, rd := range p.readers {
		if rd.Any(marks[id], func(e membership.Event) bool { _, ok := e.(membership.ViewInstalled); return ok }) {
			t.Errorf("node %d saw another view because of a copy", id)
		}
		if rd.Any(marks[id], func(e membership.Event) bool { r, ok := e.(membership.Refused); return ok && r.Us }) {
			t.Errorf("node %d was refused because of a copy", id)
		}
	}
	// The original's own restart is no copy.
	p.kill(3)
	p.start(3, 2)
	p.settle(1, 2, 3)
	if got := told.Copy().View; slices.Contains(got.Members, told.Member()) {
		t.Errorf("the copy is in a view: %+v", got)
	}
}

// A goodbye frees the store's place at once, and does nothing else to whoever hears it.
func TestGoodbyeFreesThePlace(t *testing.T) {
	p := newParty(t, 3)
	p.faults.Goodbyes()
	p.startAll()
	one, three := p.node(1), p.node(3).id
	p.kill(3)
	p.until("goodbye", func() bool {
		one.floors.mu.Lock()
		defer one.floors.mu.Unlock()
		return one.floors.known[three.Store].over
	})
	one.mu.Lock()
	healthy := one.pres.peers[3].ping.Healthy
	one.mu.Unlock()
	if !healthy {
		t.Error("a goodbye was taken for a ping")
	}
	p.start(3, 1)
	p.settle(1, 2, 3)
}
