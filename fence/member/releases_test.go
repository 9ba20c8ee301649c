package member

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// fenced lets a node die and be fenced.
func (c *cluster) fenced(id fence.NodeID) {
	c.kill(id)
	c.run(2000)
	c.install()
	c.run(1500)
}

// TestFrozenAndThawed: R13, R14, R20. Who holds a grant hears that nothing is released or granted, and that it is over, each once.
func TestFrozenAndThawed(t *testing.T) {
	for _, x := range []struct {
		name        string
		spoil, heal func(*cluster)
		words       string
	}{
		{"no quorum", func(c *cluster) { c.give(c.n(2), QuorumLost{Why: "test"}) }, func(c *cluster) { c.give(c.n(2), QuorumHeld{}) }, "no quorate view"},
		{"no lease", func(c *cluster) { c.noLease[2] = true; c.run(6000) }, func(c *cluster) { c.noLease[2] = false }, "lease"},
		{"stopped", func(c *cluster) { c.stop(2, 1500) }, func(*cluster) {}, "stood still"},
		{"disarmed", func(c *cluster) { c.arm(false) }, func(c *cluster) { c.arm(true) }, "not armed"},
		{"a snapshot", func(c *cluster) {
			c.noLease[2] = true
			s, err := domain.Restore(snapshotOf(c, 1))
			if err != nil {
				t.Fatal(err)
			}
			c.give(c.n(2), SnapshotInstalled{State: s})
		}, func(c *cluster) { c.noLease[2] = false }, "lease"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t, 3, true)
			c.noLease = map[fence.NodeID]bool{}
			s := c.register(2, "db", RoleWatch)
			c.run(500)
			want(t, s, "state granted")
			x.spoil(c)
			c.run(50)
			want(t, s, "state granted frozen")
			if f := s.last(TellFrozen); !strings.Contains(f.Why, x.words) {
				t.Fatalf("frozen because %q, want %q", f.Why, x.words)
			}
			waits := c.register(2, "late", RoleWatch)
			if !waits.tells[0].State.Frozen {
				t.Fatalf("%+v", waits.tells)
			}
			x.heal(c)
			c.run(6000)
			want(t, s, "state granted frozen thawed")
			if got := strings.ReplaceAll(waits.kinds(), "grant-refused grant-refused", "grant-refused"); got != "state grant-refused granted" { // each reason once
				t.Fatalf("who waits was told %q", got)
			}
		})
	}
}

// TestContactAloneThawsNothing: R14, R13. A node that was cut off is back in contact before it hears that it is a victim, and the lease of before
// still runs: its client stays frozen until a ping sent since is acknowledged, which a victim's never is.
func TestContactAloneThawsNothing(t *testing.T) {
	c := newCluster(t, 3, true)
	c.noLease = map[fence.NodeID]bool{}
	s := c.register(2, "db", RoleWatch)
	c.run(500)
	c.noLease[2] = true
	c.give(c.n(2), QuorumLost{Why: "test"})
	c.run(200)
	c.give(c.n(2), QuorumHeld{})
	c.run(1000)
	want(t, s, "state granted frozen")
	if why := c.n(2).m.shut(); !strings.Contains(why, "lease") {
		t.Fatalf("shut because %q", why)
	}
	c.noLease[2] = false
	c.run(1000)
	want(t, s, "state granted frozen thawed")
}

func snapshotOf(c *cluster, id fence.NodeID) []byte {
	b, err := c.dom(id).Snapshot()
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// TestNothingOutOfAQueueAfterAStop: S5.16, S1.9, R13. A node stopped for a minute wakes with a verdict and the word of an old ping in its queues:
// its client hears that it is frozen, and nothing else before a lease renewed by a ping that was sent afterwards.
func TestNothingOutOfAQueueAfterAStop(t *testing.T) {
	for _, first := range []string{"entry", "ping", "tick"} {
		t.Run(first, func(t *testing.T) {
			c := newCluster(t, 3, true)
			s := c.register(2, "db", RoleWatch)
			c.run(500)
			waits := c.registerWith(2, ClientRegistered{Name: "waits", Role: RoleWatch, After: 1})
			c.run(100)
			want(t, waits, "state granted")
			c.noLease = map[fence.NodeID]bool{2: true}
			sent := c.now
			c.frozen = map[fence.NodeID]bool{2: true}
			c.fenced(3)
			x := c.n(2)
			c.frozen[2], x.lag = false, true
			switch first {
			case "entry":
				x.lag = false
				c.deliver(x)
			case "ping":
				c.give(x, LeaseRenewed{SentMS: sent})
				x.lag = false
			case "tick":
				c.give(x, Tick{})
				x.lag = false
			}
			want(t, s, "state granted frozen")
			c.give(x, LeaseRenewed{SentMS: sent})
			c.run(1000)
			want(t, s, "state granted frozen")
			if c.dom(2).Node(3).Last == nil || len(x.released) != 0 {
				t.Fatal("the story is wrong")
			}
			c.noLease[2] = false
			c.run(1000)
			want(t, s, "state granted frozen") // one lease has not passed (R20)
			c.run(5000)
			want(t, s, "state granted frozen thawed released")
			want(t, waits, "state granted frozen thawed released")
		})
	}
}

// TestAStoppedVictimsClientHearsFrozenThenFailed: S5.16.
func TestAStoppedVictimsClientHearsFrozenThenFailed(t *testing.T) {
	c := newCluster(t, 3, true)
	s := c.register(3, "db", RoleWatch)
	c.run(500)
	c.frozen = map[fence.NodeID]bool{3: true}
	c.dead[3] = true
	c.append(record{view: []domain.Origin{c.n(1).self(), c.n(2).self()}, quorate: true})
	c.run(60_000)
	c.frozen[3] = false
	c.give(c.n(3), Tick{})
	want(t, s, "state granted frozen")
	c.run(50)
	want(t, s, "state granted frozen you-are-failed")
	if s.dropped == "" {
		t.Fatal("its stream goes on")
	}
}

// TestAClientResumes: it names the newest release that it has handled, and is told the newest of every node that came later.
func TestAClientResumes(t *testing.T) {
	c := newCluster(t, 5, true)
	c.fenced(5)
	first := c.dom(1).Node(5).Last.Index
	c.run(20_000)
	c.fenced(4)
	second := c.dom(1).Node(4).Last.Index
	c.run(20_000)
	for after, lives := range map[uint64]string{0: "[]", 1: "[5/boot-5-1 4/boot-4-1]", first: "[4/boot-4-1]", second: "[]", 1 << 40: "[5/boot-5-1 4/boot-4-1]"} {
		s := c.registerWith(1, ClientRegistered{Name: fmt.Sprint("after ", after), Role: RoleWatch, After: after})
		c.run(500)
		if got := fmt.Sprint(s.lives); got != lives {
			t.Errorf("after %d: released %s, want %s", after, got, lives)
		}
		if !strings.HasSuffix(s.kinds(), "granted") {
			t.Errorf("after %d: %s", after, s.kinds())
		}
	}
}

// TestTwoReleasesOfOneIndexAreNotTakenForOne: a client that handled one of them and died does not lose the other.
func TestTwoReleasesOfOneIndexAreNotTakenForOne(t *testing.T) {
	c := newCluster(t, 3, true)
	at := c.dom(1).Index
	for _, id := range []fence.NodeID{2, 3} {
		life := fence.Incarnation{Node: id, Boot: fmt.Sprint("old-", id)}
		c.dom(1).Node(id).Last = &fence.Verdict{Incarnation: life, Kind: fence.VerdictReset, Index: at}
	}
	s := c.registerWith(1, ClientRegistered{Name: "db", Role: RoleWatch, After: at})
	c.run(500)
	if fmt.Sprint(s.lives) != "[2/old-2 3/old-3]" {
		t.Fatal(s.lives)
	}
}

// TestAClientThatIsThereBeforeTheLogLosesNothing: the daemon has just started and reads the log; what was committed before its client's index
// is not told again, what was committed after it is, by a lease of after all that.
func TestAClientThatIsThereBeforeTheLogLosesNothing(t *testing.T) {
	c := newCluster(t, 5, true)
	c.fenced(5)
	first := c.dom(1).Node(5).Last.Index
	c.run(20_000)
	c.left(2)
	c.fenced(4)
	c.run(20_000)
	c.start(2)
	old := c.registerWith(2, ClientRegistered{Name: "old", Role: RoleWatch, After: first})
	fresh := c.register(2, "new", RoleWatch)
	c.noLease = map[fence.NodeID]bool{2: true}
	c.install()
	c.run(2000)
	if len(old.lives)+len(fresh.lives) != 0 {
		t.Fatal("released without a lease (R13)")
	}
	c.noLease[2] = false
	c.run(2000)
	if fmt.Sprint(old.lives, fresh.lives) != "[4/boot-4-1] []" || !old.granted || !fresh.granted {
		t.Fatalf("%v %v, %s, %s", old.lives, fresh.lives, old.kinds(), fresh.kinds())
	}
}

// TestWhatTheStateNamedIsReleased: a program registers while the daemon reads its log, in the middle of a fence of long ago.
func TestWhatTheStateNamedIsReleased(t *testing.T) {
	c := newCluster(t, 5, true)
	c.fenced(5)
	c.run(20_000)
	c.kill(4)
	c.run(2000)
	c.install()
	open := len(c.log)
	c.run(20_000)
	c.left(2)
	c.start(2)
	x := c.n(2)
	for x.applied < open {
		x.applied++
		r := c.log[x.applied-1]
		if r.data == nil {
			c.give(x, ViewInstalled{Index: uint64(x.applied), Members: r.view, Quorate: r.quorate})
		} else {
			c.give(x, EntryCommitted{Index: uint64(x.applied), By: r.by, Number: r.number, Data: r.data})
		}
	}
	s := c.register(2, "db", RoleWatch)
	if u := s.tells[0].State.Unresolved; fmt.Sprint(u) != "[4/boot-4-1]" {
		t.Fatalf("the story is wrong: %v", u)
	}
	c.install()
	c.run(3000)
	if fmt.Sprint(s.lives) != "[4/boot-4-1]" || !s.granted {
		t.Fatalf("%v, %s", s.lives, s.kinds())
	}
}

// TestASnapshotLosesNoClientsRelease: two nodes were fenced, one of them twice, while this one was away.
func TestASnapshotLosesNoClientsRelease(t *testing.T) {
	c := newCluster(t, 5, true)
	two := c.n(2)
	s := c.register(2, "db", RoleWatch)
	c.run(500)
	two.cut = true
	view := func(ids ...fence.NodeID) {
		members := []domain.Origin{two.self()}
		for _, id := range ids {
			members = append(members, c.n(id).self())
		}
		c.append(record{view: members, quorate: true})
		c.view = members
		c.run(3000)
	}
	c.kill(5)
	view(1, 3, 4)
	view(1, 3, 4, 5)
	c.kill(5)
	view(1, 3, 4)
	c.kill(4)
	view(1, 3, 5)
	if c.dom(1).Node(5).Last.Boot != "boot-5-2" || c.dom(1).Node(4).Last == nil {
		t.Fatalf("the story is wrong: %+v", c.dom(1).Node(5))
	}
	state, err := domain.Restore(snapshotOf(c, 1))
	if err != nil {
		t.Fatal(err)
	}
	two.applied, two.cut = c.n(1).applied, false
	for index := range uint64(two.applied) {
		two.appliedAt[index+1] = c.now
	}
	c.give(two, SnapshotInstalled{State: state})
	if len(s.lives) != 0 {
		t.Fatal("released by a lease of before")
	}
	c.run(10_000)
	if got := fmt.Sprint(s.lives); got != "[5/boot-5-2 4/boot-4-1]" || s.kinds() != "state granted frozen thawed released released" {
		t.Fatalf("%s, told %s", got, s.kinds())
	}
	if got := fmt.Sprint(two.released); !strings.Contains(got, "5/boot-5-1") {
		t.Fatalf("the event of the older life is lost: %s", got)
	}
}

// TestAFullQueueLetsNothingPassTheGate: what is dropped from the queue is an event line of this node, never a client's release.
func TestAFullQueueLetsNothingPassTheGate(t *testing.T) {
	c := newCluster(t, 3, true)
	two := c.n(2)
	s := c.register(2, "db", RoleWatch)
	c.run(500)
	c.noLease = map[fence.NodeID]bool{2: true}
	c.fenced(3)
	v := *c.dom(2).Node(3).Last
	if len(two.m.releases) != 1 {
		t.Fatal("the story is wrong")
	}
	for range maxReleases + 10 {
		two.m.releases = append(two.m.releases, release{index: v.Index + 1, at: c.now + 100, verdict: fence.Verdict{Incarnation: fence.Incarnation{Node: 1, Boot: "x"}, Index: v.Index + 1}})
	}
	c.run(50)
	if len(two.m.releases) > maxReleases || two.m.proven() >= v.Index {
		t.Fatalf("%d wait, proven up to %d, the verdict is of %d", len(two.m.releases), two.m.proven(), v.Index)
	}
	two.m.releases = two.m.releases[:1]
	c.run(100)
	c.noLease[2] = false
	c.run(1000)
	if fmt.Sprint(s.lives) != "[3/boot-3-1]" {
		t.Fatalf("%v, %s", s.lives, s.kinds())
	}
}
