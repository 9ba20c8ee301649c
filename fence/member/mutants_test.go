package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// What test/mutants broke without anybody noticing.

// waitingRelease is a cluster whose node 2 knows of a verdict on node 3 and holds no lease.
func waitingRelease(t *testing.T) (*cluster, *node) {
	c := newCluster(t, 3, true)
	c.noLease = map[fence.NodeID]bool{2: true}
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(1500)
	two := c.n(2)
	if c.dom(2).Node(3).Last == nil || len(two.m.releases) != 1 || len(two.released) != 0 {
		t.Fatalf("the story is wrong: %d releases wait, %v released", len(two.m.releases), two.released)
	}
	return c, two
}

func TestReleasesWaitForContactAndALeaseThatRuns(t *testing.T) { // R13, S5.16
	c, two := waitingRelease(t)
	c.give(two, QuorumLost{Why: "test"})
	c.give(two, LeaseRenewed{SentMS: c.now})
	if len(two.released) != 0 {
		t.Fatal("released without contact to a quorate view")
	}
	c.run(testRoster(3).Timing.LeaseMS + 100)
	c.give(two, QuorumHeld{})
	if len(two.released) != 0 {
		t.Fatal("released by a lease that is over")
	}
	c.give(two, LeaseRenewed{SentMS: c.now})
	if len(two.released) != 1 {
		t.Fatal("not released")
	}
}

func TestADisarmedClusterReleasesNothingThatWaited(t *testing.T) { // R13
	c, two := waitingRelease(t)
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{By: "op"}})})
	c.run(300)
	c.give(two, LeaseRenewed{SentMS: c.now})
	if c.dom(2).Armed || len(two.released) != 0 {
		t.Fatalf("armed %v, released %v", c.dom(2).Armed, two.released)
	}
}

func TestAVictimsPingsAreDenied(t *testing.T) { // R14: from the local apply of the victim entry, or the snapshot that holds it
	c := newCluster(t, 3, true)
	c.dead[3] = true
	two := c.n(2)
	two.cut = true // it will get a snapshot
	c.kill(3)
	c.append(record{view: []domain.Origin{c.n(1).self(), two.self()}, quorate: true})
	life := c.n(3).self().Incarnation
	denies := func(x *node, in Input) bool {
		denied := false
		for _, e := range x.m.Step(c.now, in) {
			d, ok := e.(Deny)
			denied = denied || ok && d.Life == life
			c.perform(x, e)
		}
		return denied
	}
	one := c.n(1)
	r := c.log[one.applied]
	one.applied++
	if !denies(one, ViewInstalled{Index: uint64(one.applied), Members: r.view, Quorate: r.quorate}) {
		t.Fatal("who applied the victim entry goes on acknowledging that life's pings")
	}
	b, err := c.dom(1).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s, err := domain.Restore(b)
	if err != nil || s.Node(3).Victim == nil {
		t.Fatalf("no open victim in the snapshot: %v", err)
	}
	if !denies(two, SnapshotInstalled{State: s}) {
		t.Fatal("who got the victim by a snapshot goes on acknowledging that life's pings")
	}
}

func TestAFallenDaemonSaysNothing(t *testing.T) { // R22, R24: a victim's next daemon, whose self-fence was in vain
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.kill(3)
	c.start(3)
	c.install()
	c.run(500)
	three := c.n(3)
	if !three.fell {
		t.Fatal("the story is wrong: it did not end its life")
	}
	c.run(5000)
	if three.m.number != 0 {
		t.Fatalf("it proposed %d entries all the same", three.m.number)
	}
}

func TestNobodyEndsItsLifeWhileDisarmed(t *testing.T) { // R24: observe mode can hurt nobody
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.kill(3)
	c.install()
	c.run(500)
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{By: "op", Now: true}})})
	c.run(500)
	if c.dom(1).Node(3).Victim == nil || c.dom(1).Armed {
		t.Fatal("the story is wrong")
	}
	c.start(3)
	c.install()
	c.run(10_000)
	if c.n(3).fell {
		t.Fatal("a daemon ended its machine's life in a disarmed cluster")
	}
}

func TestADeadActorsEffectTimeIsWaitedFor(t *testing.T) { // R9, S5.9: its duration and its devices' longest effect time, not less
	c := newCluster(t, 5, true)
	c.dead[5] = true
	c.kill(5)
	c.run(2000)
	c.install()
	c.run(100)
	first := c.dom(2).Node(5).Victim.Claim
	if first == nil || first.Actor.Node != 1 || first.EffectMS <= 0 {
		t.Fatalf("claim %+v, want node 1's", first)
	}
	end := c.now + first.DurationMS + first.EffectMS - 200 // it was granted within the last 100 ms
	c.kill(1)
	c.dead[5] = false
	c.run(2000)
	c.install()
	c.run(end - c.now)
	if c.dom(2).Node(5).Last == nil {
		t.Fatal("no verdict")
	}
	if n := c.dom(2).Node(5); len(n.Unquiet) == 0 || c.n(5).up {
		t.Fatalf("nobody waits any more for the dead actor's off: %+v, up %v", n.Unquiet, c.n(5).up)
	}
}

// joining is a node alone in its view that has been asked for a scan.
func joining(t *testing.T) (*Member, domain.Origin) {
	self := domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "b"}, Instance: "i"}
	m := New(Config{Self: self, Machine: fence.Machine{UUID: uuid(1)}, RosterHash: testRoster(1).Hash()})
	m.Step(100, ViewInstalled{Index: 1, Members: []domain.Origin{self}, Quorate: true})
	out := m.Step(110, EntryCommitted{Index: 2, By: self, Data: encode(t, domain.Entry{Roster: &domain.Roster{Roster: testRoster(1), By: "t"}})})
	if kinds(out, "Scan") != 1 {
		t.Fatalf("%v", out)
	}
	return m, self
}

func TestAScanThatIsNotSureIsDirty(t *testing.T) { // V12: unknown is never good news
	m, _ := joining(t)
	out := m.Step(120, ResidualScanned{Session: Session{State: SessionNone, EverArmed: true}, Unsure: true, Why: "dlm: no answer"})
	for _, e := range out {
		if p, ok := e.(Propose); ok && p.Entry.Announce != nil && !p.Entry.Announce.Clean {
			return
		}
	}
	t.Fatalf("it does not say dirty: %v", out)
}

// part of: S2.16
func TestAScanBelongsToOneArrival(t *testing.T) { // S2.16: also where it is only milliseconds old, and the last thing before its word
	m, self := joining(t)
	m.Step(120, ResidualScanned{Session: Session{State: SessionNone}})
	m.Step(125, SessionWritten{})
	m.Step(130, ViewInstalled{Index: 3, Members: nil})
	out := m.Step(140, ViewInstalled{Index: 4, Members: []domain.Origin{self}, Quorate: true})
	out = append(out, m.Step(150, ResidualScanned{Session: Session{State: SessionStateless}})...)
	if kinds(out, "Scan") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("it announces by a scan from before its absence: %v", out)
	}
}
