package member

import (
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Sequences that an attacker's reading of SAFETY.md found.

// victim3 makes node 3 a victim and returns with nobody having claimed.
func victim3(c *cluster) {
	c.dead[3] = true
	c.kill(3)
	c.run(2000)
	c.install()
}

func TestAClaimThatComesLateIsNotActedUpon(t *testing.T) { // R9, I5: a stopped actor wakes when the next life is a member
	c := newCluster(t, 3, true)
	c.kill(3)
	c.run(2000)
	c.install()
	one := c.n(1)
	c.give(one, ViewInstalled{Index: uint64(len(c.log)), Members: c.view, Quorate: true})
	one.applied = len(c.log) - 1 // the view; then it stops before it hears that it has the claim
	c.deliver(c.n(2))
	if claim := c.dom(2).Node(3).Victim.Claim; claim == nil || claim.Actor.Node != 1 {
		t.Fatalf("node 1 should have asked for the claim: %+v", claim)
	}
	one.applied++
	c.now += 300_000 // the others ended the claim, saw it quiet, and admitted the next life meanwhile
	c.deliver(one)
	c.give(one, Tick{})
	if len(one.ops) != 0 {
		t.Fatal("a claim of five minutes ago was acted upon: it may hit a life that was admitted since")
	}
}

func TestAStoppedProcessProposesNothingForOneLease(t *testing.T) { // R20, S1.9
	c := newCluster(t, 3, true)
	victim3(c)
	c.run(500)
	one := c.n(1)
	if len(one.ops) != 1 || one.ops[0].done {
		t.Fatal("node 1 should be acting")
	}
	at := len(c.log)
	c.now += 60_000
	for range 40 { // two seconds of the lease
		c.give(one, Tick{})
		c.now += 50
	}
	if len(c.log) != at {
		t.Fatalf("it proposed %d entries right after it stood still", len(c.log)-at)
	}
	if !one.ops[0].done {
		t.Fatal("its walk goes on under a claim that the others may have ended")
	}
	c.run(10_000)
	c.dead[3] = false
	c.run(60_000)
	if c.dom(2).Node(3).Victim != nil {
		t.Fatal("nobody went on after the lease")
	}
}

// part of: S2.16
func TestWhoReturnsFromAnAbsenceScansAnew(t *testing.T) { // S2.16, R10: a member of a generation ago is not clean by its first scan
	c := newCluster(t, 3, true)
	c.n(3).cut = true
	c.n(3).residue = true
	for _, id := range []fence.NodeID{1, 2} {
		c.powerOff(id)
		c.boot(id)
	}
	c.install() // nobody continues: cold start, 3 is unknown
	c.run(1000)
	c.n(3).cut = false
	c.install()
	c.run(300)
	if c.dom(1).Clean(3) {
		t.Fatal("it was admitted as clean by a scan from before it was a member, with state left over")
	}
	c.run(2000)
	if !c.n(3).fell {
		t.Fatal("it must end its life")
	}
}

func TestADeadLifeActsNoMore(t *testing.T) { // R22, R24: self-fenced in vain
	c := newCluster(t, 5, true)
	c.dead[5] = true
	c.kill(5)
	c.run(2000)
	c.install()
	c.run(500)
	one := c.n(1)
	if len(one.ops) != 1 {
		t.Fatal("node 1 should be acting")
	}
	c.dead[1] = true // nobody can end node 1 but itself
	c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 1, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})})
	c.run(200)
	if !one.fell || !one.ops[0].done {
		t.Fatalf("fell %v, its walk is cancelled: %v", one.fell, one.ops[0].done)
	}
	at := one.m.number
	c.run(20_000)
	if one.m.number != at || len(one.ops) != 1 {
		t.Fatal("it goes on proposing")
	}
	c.give(one, Requested{Reply: 9, Entry: domain.Entry{Arm: &domain.Arm{By: "op"}}})
	if as := one.answers; len(as) == 0 || as[len(as)-1].Err == nil {
		t.Fatal("a request there is refused, not left open")
	}
}

func TestOldEntriesDoNotEndALife(t *testing.T) { // a daemon that starts reads the log from its beginning; disarmed clusters fence nobody
	s := domain.New()
	m := New(Config{Self: domain.Origin{Incarnation: fence.Incarnation{Node: 3, Boot: "b"}, Instance: "new"}, Machine: fence.Machine{UUID: uuid(3)}})
	one := domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "a"}, Instance: "i"}
	two := domain.Origin{Incarnation: fence.Incarnation{Node: 2, Boot: "a"}, Instance: "i"}
	old := domain.Origin{Incarnation: fence.Incarnation{Node: 3, Boot: "b"}, Instance: "old"}
	index := uint64(0)
	var out []Effect
	view := func(ms ...domain.Origin) {
		index++
		out = append(out, m.Step(100, ViewInstalled{Index: index, Members: ms, Quorate: true})...)
		s.ApplyView(index, ms, true)
	}
	entry := func(by domain.Origin, e domain.Entry) {
		index++
		out = append(out, m.Step(100, EntryCommitted{Index: index, By: by, Data: encode(t, e)})...)
		if _, err := s.Apply(index, by, e); err != nil {
			t.Fatal(err)
		}
	}
	view(one, two, old)
	r := testRoster(3)
	entry(one, domain.Entry{Roster: &domain.Roster{Roster: r, By: "t"}})
	entry(old, domain.Entry{Announce: &domain.Announce{Clean: true, Machine: fence.Machine{UUID: uuid(3)}, Roster: r.Hash(), Since: s.Node(3).Arrived}})
	entry(one, domain.Entry{Arm: &domain.Arm{Armed: true, By: "t"}})
	view(one, two) // node 3 is a victim
	entry(one, domain.Entry{Arm: &domain.Arm{By: "t"}})
	if s.Node(3).Victim == nil {
		t.Fatal("the story is wrong")
	}
	for _, e := range out {
		if f, ok := e.(SelfFence); ok {
			t.Fatalf("it ended its machine's life for an entry that a later one undid: %s", f.Why)
		}
	}
}

func TestTheDelayBeginsAnewWithQuorum(t *testing.T) { // pitfall 11
	c := newCluster(t, 3, true)
	for id := fence.NodeID(1); id <= 3; id++ {
		c.powerOff(id)
	}
	c.boot(1)
	c.boot(2)
	c.install()
	c.run(3000) // half of post_join_delay for node 3
	for _, id := range []fence.NodeID{1, 2} {
		c.give(c.n(id), QuorumLost{Why: "test"})
	}
	c.run(60_000)
	for _, id := range []fence.NodeID{1, 2} {
		c.give(c.n(id), QuorumHeld{})
	}
	c.run(3000)
	if c.dom(1).Node(3).Victim != nil || c.offs[3] != 0 {
		t.Fatal("fenced at once when quorum came back: it could not announce itself meanwhile")
	}
	c.run(10_000)
	if c.offs[3] != 1 {
		t.Fatalf("%d offs", c.offs[3])
	}
}

func TestAVirtualMachineThatReturnsIsStillFenced(t *testing.T) { // R2: nobody claimed while its next life waited, for ever
	c := newCluster(t, 3, true)
	c.virtual = map[fence.NodeID]bool{3: true}
	c.powerOff(3)
	c.boot(3)
	c.install()
	c.run(1000)
	c.powerOff(3)
	c.boot(3)
	c.install()
	c.run(3000)
	c.install()
	c.run(60_000)
	c.install()
	c.run(20_000)
	if !c.dom(1).Clean(3) || c.offs[3] == 0 {
		t.Fatalf("%d offs, %+v", c.offs[3], c.dom(1).Node(3))
	}
}

func TestASnapshotReleasesWhatItSkipped(t *testing.T) { // pitfall 4, R14
	c := newCluster(t, 3, true)
	two := c.n(2)
	c.run(100)
	two.cut = true
	c.kill(3)
	c.append(record{view: []domain.Origin{c.n(1).self(), two.self()}, quorate: true})
	c.run(20_000)
	life := fence.Incarnation{Node: 3, Boot: "boot-3-1"}
	if c.dom(1).Node(3).Last == nil {
		t.Fatal("no verdict")
	}
	b, err := c.dom(1).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s, err := domain.Restore(b)
	if err != nil {
		t.Fatal(err)
	}
	two.cut, two.applied = false, c.n(1).applied
	denied := false
	for _, e := range two.m.Step(c.now, SnapshotInstalled{State: s}) {
		if d, ok := e.(Deny); ok && d.Life == life {
			denied = true
		}
		c.perform(two, e)
	}
	if !denied {
		t.Fatal("pings of a life that is over would be acknowledged (R14)")
	}
	if len(two.released) != 0 {
		t.Fatal("released without a lease (R13)")
	}
	c.view = []domain.Origin{c.n(1).self(), two.self()}
	c.run(10_000)
	if len(two.released) != 1 || two.released[0] != life {
		t.Fatalf("its clients wait for ever: %v", two.released)
	}
}

func TestReleasesWaitForALeaseOfAfterwards(t *testing.T) { // R13, S5.16
	c := newCluster(t, 3, true)
	two := c.n(2)
	c.noLease = map[fence.NodeID]bool{2: true}
	c.run(6000) // its lease is over
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(1500)
	if c.dom(2).Node(3).Last == nil || len(two.released) != 0 {
		t.Fatalf("released %v without a lease", two.released)
	}
	at := two.m.releases[0].at
	c.give(two, LeaseRenewed{SentMS: at - 1})
	if len(two.released) != 0 {
		t.Fatal("released by a ping that was sent before the verdict was applied")
	}
	c.give(two, LeaseRenewed{SentMS: at})
	if len(two.released) != 1 {
		t.Fatal("not released")
	}
	c.give(two, LeaseRenewed{SentMS: c.now})
	if len(two.released) != 1 {
		t.Fatal("released twice (pitfall 5)")
	}
}

func TestTheSessionIsDurableBeforeTheWord(t *testing.T) { // R26
	self := domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "b"}, Instance: "i"}
	m := New(Config{Self: self, Machine: fence.Machine{UUID: uuid(1)}, RosterHash: testRoster(1).Hash()})
	m.Step(100, ViewInstalled{Index: 1, Members: []domain.Origin{self}, Quorate: true})
	out := m.Step(110, EntryCommitted{Index: 2, By: self, Data: encode(t, domain.Entry{Roster: &domain.Roster{Roster: testRoster(1), By: "t"}})})
	if kinds(out, "Scan") != 1 {
		t.Fatalf("%v", out)
	}
	out = m.Step(120, ResidualScanned{Session: Session{State: SessionNone}})
	if kinds(out, "WriteSession") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("announced before the record is durable: %v", out)
	}
	writes := 0
	for i := range 20 { // a disk that fails at once must not make a busy loop
		out = m.Step(int64(130+i*10), SessionWritten{Err: "no space"})
		writes += kinds(out, "WriteSession")
		if kinds(out, "Propose") != 0 {
			t.Fatal("announced although the record could not be written")
		}
	}
	if writes != 0 {
		t.Fatalf("%d writes within 200 ms of a failure", writes)
	}
	m.Step(800, Tick{})
	out = m.Step(1500, Tick{})
	if kinds(out, "WriteSession") != 1 {
		t.Fatalf("it never tries again: %v", out)
	}
	out = m.Step(1510, SessionWritten{})
	if kinds(out, "Scan") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("%v", out)
	}
	out = m.Step(1520, ResidualScanned{Session: Session{State: SessionNone}})
	if kinds(out, "Propose") != 1 {
		t.Fatalf("%v", out)
	}
}

func TestAnAnswerIsNotTakenForAnotherRecords(t *testing.T) { // armed between the write and its answer
	c := newCluster(t, 1, false)
	one := c.n(1).m
	one.session.durable = Session{}
	out := one.Step(c.now, Tick{})
	if kinds(out, "WriteSession") != 1 {
		t.Fatalf("%v", out)
	}
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "t"}})})
	c.deliver(c.n(1))
	out = one.Step(c.now, SessionWritten{})
	if one.session.durable.State != SessionStateless || kinds(out, "WriteSession") != 1 {
		t.Fatalf("the stateless record's answer was taken for the stateful one's: %+v %v", one.session.durable, out)
	}
}

func TestACleanLeaveClosesTheSession(t *testing.T) { // start table: a restart after it is no reason to reboot
	c := newCluster(t, 3, true)
	c.leave(3, false)
	c.run(200)
	if c.n(3).disk.State != SessionClosed || !c.n(3).departed {
		t.Fatalf("%+v", c.n(3).disk)
	}
	c.run(2000)
	c.install()
	c.start(3)
	c.install()
	c.run(2000)
	if c.n(3).fell || !c.dom(1).Clean(3) {
		t.Fatalf("fell %v: %+v", c.n(3).fell, c.dom(1).Node(3))
	}
}

func TestANewFileIsAnnounced(t *testing.T) { // R5, S5.8
	c := newCluster(t, 3, true)
	r := testRoster(3)
	r.Version, r.Timing.PingMS = 2, 100
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Roster: &domain.Roster{Roster: r, By: "t"}})})
	c.run(500)
	if len(c.dom(1).Eligibles()) != 0 {
		t.Fatal("a node whose file differs acts")
	}
	for _, x := range c.nodes {
		c.give(x, ConfigChanged{RosterHash: r.Hash()})
	}
	c.run(1500)
	if len(c.dom(1).Eligibles()) != 3 {
		t.Fatalf("eligible: %v", c.dom(1).Eligibles())
	}
}

func TestTheBrakeCountsVictimsNotAttempts(t *testing.T) { // R21
	c := newCluster(t, 5, true)
	life4, life5 := c.n(4).self(), c.n(5).self()
	c.dead[4], c.dead[5] = true, true
	c.kill(4)
	c.kill(5)
	hear := func() {
		for id := fence.NodeID(1); id <= 3; id++ {
			c.give(c.n(id), Heard{By: life4})
			c.give(c.n(id), Heard{By: life5})
		}
	}
	c.run(1990)
	hear()
	c.install()
	for range 200 {
		c.run(50)
		hear()
	}
	claimed := map[fence.NodeID]int{}
	actors := map[fence.NodeID]bool{}
	for _, e := range c.n(1).events {
		if e.Kind == domain.EventClaim && !e.On {
			claimed[e.Node]++
			actors[e.Actor] = true
		}
	}
	if len(claimed) != 1 {
		t.Fatalf("claims %v: with three members one answering victim may be fenced in ten minutes", claimed)
	}
	if len(actors) < 2 {
		t.Fatalf("claims %v by %v: the first attempt failed and nobody may try the same victim again", claimed, actors)
	}
	if held := c.n(2).m.Held(); len(held) == 0 {
		t.Fatal("the other one waits for an operator and nobody says so")
	}
	held := fence.NodeID(4)
	if claimed[4] > 0 {
		held = 5
	}
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{
		ID: "x", Node: held, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op",
	}})})
	for range 20 {
		c.run(50)
		hear()
	}
	if c.count(1, domain.EventClaim, held) == 0 {
		t.Error("an operator asked for it by name, and the brake held it all the same")
	}
}

func TestAClaimEndsWithItsDuration(t *testing.T) { // R8: an actor whose engine hangs, alive in the ring
	c := newCluster(t, 3, true)
	victim3(c)
	c.run(100)
	claim := c.dom(2).Node(3).Victim.Claim
	if claim == nil || claim.Actor.Node != 1 {
		t.Fatalf("%+v", claim)
	}
	c.n(1).ops = nil // its engine never says another word
	c.dead[3] = false
	c.run(claim.DurationMS + 15_000)
	if n := c.dom(2).Node(3); n.Last == nil || n.Last.Actor != 2 {
		t.Fatalf("blocked: %+v", n.Victim)
	}
}

func TestWhoTriedGoesOnWhenTheOtherHangs(t *testing.T) { // R8: node 2's loop hangs, its pings go on
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.kill(3)
	c.run(2000)
	c.install()
	c.frozen = map[fence.NodeID]bool{2: true}
	c.run(20_000)
	c.dead[3] = false
	c.run(60_000)
	if n := c.dom(1).Node(3); n.Last == nil {
		t.Fatalf("it waits for node 2 for ever: %+v", n.Victim)
	}
}

func TestManyVictimsAreAskedForWithinTheLimit(t *testing.T) { // R21: no flood of proposals that can only be refused
	c := newCluster(t, 9, true)
	for _, x := range c.nodes {
		x.m.dom.Roster.Policy.MaxConcurrent = 2
	}
	for id := fence.NodeID(6); id <= 9; id++ {
		c.dead[id] = true
		c.kill(id)
	}
	c.run(2000)
	c.install()
	at := len(c.log)
	c.run(1500)
	refused := len(c.log) - at - 2
	if refused > 4 {
		t.Fatalf("%d proposals that could not succeed in 1.5 s", refused)
	}
	for id := fence.NodeID(6); id <= 9; id++ {
		c.dead[id] = false
	}
	c.run(120_000)
	for id := fence.NodeID(6); id <= 9; id++ {
		if c.offs[id] == 0 {
			t.Fatalf("node %d was never fenced: the limit starves it", id)
		}
	}
}

func TestRequestsAreBounded(t *testing.T) {
	c := newCluster(t, 3, false)
	one := c.n(1)
	for i := range maxRequests + 1 {
		one.m.Step(c.now, Requested{Reply: uint64(i + 1), Entry: domain.Entry{Arm: &domain.Arm{By: "op"}}})
	}
	out := one.m.Step(c.now, Requested{Reply: 9999, Entry: domain.Entry{Arm: &domain.Arm{By: "op"}}})
	if kinds(out, "Answer") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("%v", out)
	}
	out = one.m.Step(c.now+proposalMS+1, Tick{})
	if got := kinds(out, "Answer"); got != maxRequests {
		t.Fatalf("%d answers, every request ends", got)
	}
}

func TestMemoryIsBoundedByWhatIsOpen(t *testing.T) {
	c := newCluster(t, 3, true)
	victim3(c)
	c.run(3_600_000)
	for _, id := range []fence.NodeID{1, 2} {
		if n := len(c.n(id).m.since.m); n > 400 {
			t.Fatalf("%d marks after an hour of one dead BMC", n)
		}
		if n := len(c.dom(id).Node(3).Unquiet); n > 64 {
			t.Fatalf("%d claims are waited for", n)
		}
	}
}

func kinds(es []Effect, kind string) int {
	n := 0
	for _, e := range es {
		if fmt.Sprintf("%T", e) == "member."+kind {
			n++
		}
	}
	return n
}
