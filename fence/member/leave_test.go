package member

import (
	"errors"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

const leaveReply = 900

// leave asks a node to leave within five seconds.
func (c *cluster) leave(id fence.NodeID, force bool) {
	c.give(c.n(id), LeaveRequested{Reply: leaveReply, Reason: "test", Force: force, UntilMS: c.now + 5000})
}

// answered are the answers to leaves of a node.
func (x *node) leaves() []Answer {
	return slices.DeleteFunc(slices.Clone(x.answers), func(a Answer) bool { return a.Reply != leaveReply })
}

// proposed counts the Leave entries in the log.
func (c *cluster) proposed() int {
	n := 0
	for _, r := range c.log {
		if e, err := domain.Decode(r.data); r.data != nil && err == nil && e.Leave != nil {
			n++
		}
	}
	return n
}

// unharmed demands that nothing was fenced and nobody is a victim, as node 1 sees it.
func (c *cluster) unharmed() {
	c.t.Helper()
	if v := c.dom(1).Victims(); len(v) != 0 {
		c.t.Fatalf("victim: %+v", v[0])
	}
	for _, x := range c.nodes {
		if c.offs[x.id] != 0 || x.fell {
			c.t.Fatalf("node %d: %d power-offs, fell %v", x.id, c.offs[x.id], x.fell)
		}
	}
}

func TestWhoLeavesIsNoVictimAndReturnsInTheSameLife(t *testing.T) { // S2.12
	for name, id := range map[string]fence.NodeID{"the first in rank": 1, "another": 3} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 3, true)
			generation := c.dom(2).Generation
			c.leave(id, false)
			c.run(500)
			if as := c.n(id).leaves(); len(as) != 1 || as[0].Err != nil || as[0].Unknown || !c.n(id).departed || c.n(id).disk.State != SessionClosed {
				t.Fatalf("answers %+v, departed %v, record %+v", as, c.n(id).departed, c.n(id).disk)
			}
			c.install()
			c.run(60_000)
			if n := c.dom(2).Node(id); n.Phase != domain.PhaseLeft || n.Victim != nil || len(c.dom(2).Unresolved()) != 0 {
				t.Fatalf("%+v", n)
			}
			c.start(id)
			c.install()
			c.run(2000)
			if n := c.dom(2).Node(id); !c.dom(2).Clean(id) || n.Life != c.n(id).self().Incarnation || n.Life.Boot == "" || !n.Stateful {
				t.Fatalf("not back: %+v", n)
			}
			c.run(60_000)
			c.unharmed()
			c.agree()
			if c.dom(2).Generation != generation || c.n(id).boot != 1 {
				t.Fatalf("generation %d, was %d; boot %d", c.dom(2).Generation, generation, c.n(id).boot)
			}
		})
	}
}

func TestALeaveIsRefusedAndChangesNothing(t *testing.T) { // S2.11
	for _, x := range []struct {
		name string
		do   func(*cluster)
		ms   int64
		want error
	}{
		{"state is present", func(c *cluster) { c.n(3).residue = true }, 500, ErrResidue},
		{"a probe cannot be read", func(c *cluster) { c.n(3).unsure = true }, 500, ErrUnsure},
		{"the scan does not end", func(c *cluster) { c.n(3).mute = true }, 6000, ErrLate},
		{"a client may hold", func(c *cluster) {
			c.register(3, "db", RoleWatch)
			c.run(500)
		}, 500, ErrHeld},
		{"no quorum", func(c *cluster) { c.give(c.n(3), QuorumLost{Why: "test"}) }, 500, fence.ErrNoQuorum},
		{"those who stay would not be quorate", func(c *cluster) {
			c.leave(2, false)
			c.run(500)
		}, 500, fence.ErrUnsafe},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t, 3, true)
			x.do(c)
			before, disk := c.proposed(), c.n(3).disk
			c.leave(3, false)
			c.run(x.ms)
			if as := c.n(3).leaves(); len(as) != 1 || !errors.Is(as[0].Err, x.want) {
				t.Fatalf("answers %+v, want %v", as, x.want)
			}
			if c.proposed() != before || c.n(3).m.Leaving() || c.n(3).departed || c.n(3).disk != disk || !c.dom(1).Clean(3) || !c.dom(1).Node(3).Stateful {
				t.Fatalf("it is not as before: leaving %v, record %+v, %+v", c.n(3).m.Leaving(), c.n(3).disk, c.dom(1).Node(3))
			}
		})
	}
}

func TestAReporterHoldsNothing(t *testing.T) { // R29: who only asks for fencing keeps nobody from leaving
	c := newCluster(t, 3, true)
	c.register(3, "fence_dlm", RoleReport)
	c.leave(3, false)
	c.run(500)
	if !c.n(3).departed {
		t.Fatalf("%+v", c.n(3).leaves())
	}
}

func TestARefusedLeaveOpensTheGateAgain(t *testing.T) { // the node goes on as before, with its duties
	c := newCluster(t, 3, true)
	c.n(1).residue = true
	c.leave(1, false)
	c.run(500)
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(1500)
	if v := c.dom(2).Node(3).Last; v == nil || v.Actor != 1 || len(c.n(1).released) != 1 {
		t.Fatalf("verdict %+v, released %v", v, c.n(1).released)
	}
}

func TestOnlyAMemberIsAsked(t *testing.T) { // never while starting, dirty, a victim or falling
	c := newCluster(t, 3, true)
	refused := func(what string) {
		t.Helper()
		c.leave(3, true)
		c.run(100)
		as := c.n(3).leaves()
		if len(as) == 0 || !errors.Is(as[len(as)-1].Err, ErrNotMember) || c.proposed() != 0 || c.n(3).disk.State == SessionClosed {
			t.Fatalf("%s: %+v, %d proposed, record %+v", what, as, c.proposed(), c.n(3).disk)
		}
	}
	c.kill(3)
	c.n(3).answers = nil
	c.start(3)
	refused("before it was in a view")
	c.n(3).mute = true
	c.boot(3)
	c.install()
	c.run(20)
	refused("joining")
	c.n(3).mute = false
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})})
	c.run(20)
	refused("victim")
}

func TestStateThatAppearsBeforeTheCommitTakesTheLeaveBack(t *testing.T) { // S2.11: between scan and commit
	c := newCluster(t, 3, true)
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if p.Entry.Leave != nil {
			c.n(by).residue = true
		}
		return false
	}
	c.leave(3, false)
	c.run(100)
	if as := c.n(3).leaves(); len(as) != 1 || !errors.Is(as[0].Err, ErrResidue) {
		t.Fatalf("%+v", as)
	}
	if c.n(3).disk.State == SessionClosed || c.n(3).departed || !c.n(3).fell || c.dom(1).Node(3).Phase != domain.PhaseDirty {
		t.Fatalf("record %+v, departed %v, fell %v, %+v", c.n(3).disk, c.n(3).departed, c.n(3).fell, c.dom(1).Node(3))
	}
	c.kill(3)
	c.install()
	c.run(3000)
	if c.offs[3] != 1 {
		t.Fatal("a node that left with state is nobody's victim")
	}
}

func TestTheRecordIsClosedLastAndBeforeAnybodyIsTold(t *testing.T) { // R26
	c := newCluster(t, 3, true)
	c.n(3).stuck = true
	c.leave(3, false)
	c.run(1000)
	if c.dom(1).Node(3).Phase != domain.PhaseLeft || len(c.n(3).leaves()) != 0 || c.n(3).departed {
		t.Fatalf("told before the record was durable: %+v", c.n(3).leaves())
	}
	c.run(5000)
	if as := c.n(3).leaves(); len(as) != 1 || !as[0].Unknown || c.n(3).departed {
		t.Fatalf("%+v", as)
	}
	c.n(3).stuck = false
	c.n(3).m.session.outstanding = nil // the write is given up
	c.run(200)
	if c.n(3).disk.State != SessionClosed || !c.n(3).departed {
		t.Fatalf("it does not go on: %+v", c.n(3).disk)
	}
}

func TestALeaveWithoutAnOutcomeKeepsTheGateClosed(t *testing.T) { // it may be committed at any time
	c := newCluster(t, 5, true)
	var late *record
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if p.Entry.Leave == nil {
			return false
		}
		if late == nil {
			late = &record{by: c.n(by).self(), number: p.Number, data: encode(t, p.Entry)}
		}
		return true
	}
	c.leave(1, false)
	c.run(500)
	c.give(c.n(1), ProposalDone{Number: c.n(1).m.number})
	c.run(8000)
	if as := c.n(1).leaves(); len(as) != 1 || !as[0].Unknown || !c.n(1).m.Leaving() {
		t.Fatalf("%+v, leaving %v", as, c.n(1).m.Leaving())
	}
	c.n(1).residue = true
	c.leave(1, false) // asked again, with state this time: still no way back
	c.run(6000)
	c.n(1).residue = false
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(3000)
	if v := c.dom(2).Node(3).Last; v == nil || v.Actor != 2 || len(c.n(1).released) != 0 {
		t.Fatalf("a node that may have left took a duty or released: %+v %v", v, c.n(1).released)
	}
	for _, e := range c.n(2).events {
		if e.Kind == domain.EventClaim && e.Actor == 1 {
			t.Fatal("a node that may have left asked for a duty")
		}
	}
	c.append(*late)
	c.run(500)
	if c.dom(2).Node(1).Phase != domain.PhaseLeft || !c.n(1).departed {
		t.Fatalf("departed %v, %+v", c.n(1).departed, c.dom(2).Node(1))
	}
}

func TestAnotherTryFollowsALostLeave(t *testing.T) {
	c := newCluster(t, 3, true)
	lost := 0
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if p.Entry.Leave == nil || lost > 0 {
			return false
		}
		lost++
		c.n(by).queue = append(c.n(by).queue, ProposalDone{Number: p.Number})
		return true
	}
	c.leave(3, false)
	c.run(2000)
	if as := c.n(3).leaves(); lost != 1 || len(as) != 1 || as[0].Err != nil || as[0].Unknown || !c.n(3).departed {
		t.Fatalf("lost %d, %+v", lost, as)
	}
}

func TestOfTwoThatLeaveAtOnceTheLogPicksOne(t *testing.T) {
	c := newCluster(t, 3, true)
	var both []record
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if p.Entry.Leave != nil {
			both = append(both, record{by: c.n(by).self(), number: p.Number, data: encode(t, p.Entry)})
		}
		return p.Entry.Leave != nil
	}
	c.leave(2, false)
	c.leave(3, false)
	c.run(100)
	if len(both) != 2 {
		t.Fatalf("%d proposed", len(both))
	}
	c.log = append(c.log, both...)
	c.run(1000)
	if as := c.n(2).leaves(); len(as) != 1 || as[0].Err != nil || !c.n(2).departed {
		t.Fatalf("%+v", as)
	}
	if as := c.n(3).leaves(); len(as) != 1 || !errors.Is(as[0].Err, fence.ErrUnsafe) || c.n(3).m.Leaving() || !c.dom(1).Clean(3) {
		t.Fatalf("%+v, leaving %v", as, c.n(3).m.Leaving())
	}
	c.run(10_000)
	c.unharmed()
	c.agree()
}

func TestTheLastVotersLeaveByForceWhileThereIsQuorum(t *testing.T) {
	c := newCluster(t, 3, true)
	for _, id := range []fence.NodeID{2, 3} {
		c.leave(id, true)
		c.run(500)
		if !c.n(id).departed {
			t.Fatalf("node %d: %+v", id, c.n(id).leaves())
		}
	}
	c.install()
	c.run(500)
	c.leave(1, true)
	c.run(500)
	if as := c.n(1).leaves(); len(as) != 1 || !errors.Is(as[0].Err, fence.ErrNoQuorum) {
		t.Fatalf("%+v", as)
	}
	c.start(2)
	c.start(3)
	c.install()
	c.run(30_000)
	c.unharmed()
	if !c.dom(1).Clean(1) || !c.dom(1).Clean(2) || !c.dom(1).Clean(3) {
		t.Fatal("they are not back")
	}
}

func TestAnOperationIsHandedOverBeforeItsActorLeaves(t *testing.T) { // R8, R9
	c := newCluster(t, 5, true)
	c.dead[5] = true
	c.kill(5)
	c.run(2000)
	c.install()
	c.run(300)
	if v := c.dom(2).Node(5).Victim; v == nil || v.Claim == nil || v.Claim.Actor.Node != 1 {
		t.Fatalf("%+v", v)
	}
	first := c.dom(2).Node(5).Victim.Claim.Number
	c.leave(1, false)
	c.run(6000) // the call to its dead device is still out for a while
	if as := c.n(1).leaves(); len(as) != 1 || as[0].Err != nil || !c.n(1).departed {
		t.Fatalf("%+v", as)
	}
	if c.count(2, domain.EventHandover, 5) != 0 || c.count(2, domain.EventClaimEnd, 5) == 0 {
		t.Fatal("the claim was dropped, not ended")
	}
	if v := c.dom(2).Node(5).Victim; v == nil || (v.Claim != nil && v.Claim.Number == first) {
		t.Fatalf("%+v", v)
	}
	c.dead[5] = false
	c.install()
	c.run(60_000)
	if c.offs[5] != 1 || c.dom(2).Node(5).Victim != nil {
		t.Fatalf("%d power-offs, %+v", c.offs[5], c.dom(2).Node(5).Victim)
	}
}

func TestAClaimThatComesWhileLeavingIsNotBegun(t *testing.T) { // R9: nothing of ours may be in flight when we are gone
	c := newCluster(t, 5, true)
	var late *record
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if by != 1 || p.Entry.Claim == nil || late != nil {
			return false
		}
		late = &record{by: c.n(1).self(), number: p.Number, data: encode(t, p.Entry)}
		return true
	}
	c.kill(5)
	c.install()
	c.run(100)
	if late == nil {
		t.Fatal("node 1 asked for no claim")
	}
	c.leave(1, false)
	c.run(50)
	if c.proposed() != 0 {
		t.Fatal("it left with a claim on its way")
	}
	c.append(*late)
	c.run(1000)
	if len(c.n(1).ops) != 0 || !c.n(1).departed {
		t.Fatalf("%d walks begun, departed %v", len(c.n(1).ops), c.n(1).departed)
	}
}

func TestAScanFromBeforeTheGateClosedSaysNothing(t *testing.T) {
	c := newCluster(t, 3, true)
	x := c.n(3)
	x.mute = true
	x.m.scan = scan{outstanding: true, askedAt: c.now}
	c.leave(3, false)
	if x.m.scan.askedAt != c.now || c.proposed() != 0 {
		t.Fatal("it did not wait for the scan that was on its way")
	}
	c.now += 10
	out := x.m.Step(c.now, ResidualScanned{})
	if kinds(out, "Scan") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("%v", out)
	}
	out = x.m.Step(c.now, ResidualScanned{})
	if kinds(out, "Propose") != 1 {
		t.Fatalf("%v", out)
	}
}

func TestANodeThatWasStoppedLeavesOnlyAfterALease(t *testing.T) { // R20: it may be a victim and not know it
	c := newCluster(t, 3, true)
	c.n(3).cut = true
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op", Force: true}})})
	c.dead[3] = true
	c.frozen = map[fence.NodeID]bool{3: true}
	c.run(3000)
	c.frozen[3] = false
	c.give(c.n(3), Tick{})
	c.leave(3, true)
	c.n(3).cut = false
	c.run(200)
	if as := c.n(3).leaves(); len(as) != 1 || as[0].Err == nil || c.proposed() != 0 || c.dom(1).Node(3).Victim == nil {
		t.Fatalf("%+v, %d proposed", as, c.proposed())
	}
}

func TestAVictimsLeaveIsRejected(t *testing.T) { // the request was first in the log
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if p.Entry.Leave != nil {
			c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op", Force: true}})})
		}
		return false
	}
	c.leave(3, true)
	c.run(500)
	if as := c.n(3).leaves(); len(as) != 1 || as[0].Err == nil || c.n(3).disk.State == SessionClosed || c.n(3).departed || c.dom(1).Node(3).Victim == nil {
		t.Fatalf("%+v, record %+v", as, c.n(3).disk)
	}
}

func TestARejectedLeaveIsNoWayBackWhileAnotherIsOnItsWay(t *testing.T) { // the second may be committed yet
	c := newCluster(t, 5, true)
	var sent []record
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if p.Entry.Leave != nil {
			sent = append(sent, record{by: c.n(by).self(), number: p.Number, data: encode(t, p.Entry)})
			c.n(by).queue = append(c.n(by).queue, ProposalDone{Number: p.Number})
		}
		return p.Entry.Leave != nil
	}
	c.leave(3, false)
	c.run(1200)
	if len(sent) < 2 {
		t.Fatalf("%d proposed", len(sent))
	}
	m := c.n(3).m
	m.leaveCommitted(sent[0].number, fence.ErrUnsafe)
	if !m.Leaving() {
		t.Fatal("the gate is open, and another Leave may come")
	}
	for _, r := range sent[1:] {
		m.leaveCommitted(r.number, fence.ErrUnsafe)
	}
	if m.Leaving() {
		t.Fatal("none can come any more, and the gate is closed")
	}
}

func TestAScanThatIsOldByThenIsRepeated(t *testing.T) { // S2.16: handing over took its time
	c := newCluster(t, 5, true)
	c.dead[5] = true
	c.kill(5)
	c.run(2000)
	c.install()
	c.run(300)
	c.inFlight = map[fence.NodeID]bool{5: true}
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		return by == 1 && p.Entry.ClaimEnd != nil && c.now < 8000 // its word takes long
	}
	c.leave(1, false)
	c.run(100)
	c.n(1).residue = true
	c.n(1).m.leaving.until = c.now + 60_000
	c.run(20_000)
	if as := c.n(1).leaves(); len(as) != 1 || !errors.Is(as[0].Err, ErrResidue) || c.proposed() != 0 {
		t.Fatalf("%+v, %d proposed", as, c.proposed())
	}
}

func TestAScanFromBeforeAStopSaysNothing(t *testing.T) { // R20
	c := newCluster(t, 3, true)
	x := c.n(3)
	c.leave(3, false) // its scan is asked for, the answer is in the queue
	x.m.leaving.until = c.now + 60_000
	c.now += 5000
	x.m.Step(c.now, Tick{})
	c.now += 10
	out := x.m.Step(c.now, ResidualScanned{}) // begun before it was stopped
	for range 300 {
		c.now += 20
		out = append(out, x.m.Step(c.now, Tick{})...)
	}
	if kinds(out, "Scan") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("%v", out)
	}
}

func TestAScanAfterTheCommitFromBeforeAStopSaysNothing(t *testing.T) { // R20
	c := newCluster(t, 3, true)
	x := c.n(3)
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		x.mute = x.mute || p.Entry.Leave != nil
		return false
	}
	c.leave(3, false)
	c.run(200)
	if !x.m.leaving.left || !x.m.scan.outstanding {
		t.Fatalf("%+v", x.m.leaving)
	}
	c.now += 5000
	out := x.m.Step(c.now, Tick{})
	c.now += 10
	out = append(out, x.m.Step(c.now, ResidualScanned{})...)
	if kinds(out, "Scan") != 1 || kinds(out, "WriteSession") != 0 {
		t.Fatalf("%v", out)
	}
	out = x.m.Step(c.now+10, ResidualScanned{})
	if kinds(out, "WriteSession") != 1 {
		t.Fatalf("%v", out)
	}
}

func TestWhoHasLeftDoesNotAnnounceItselfAgain(t *testing.T) { // its record is about to be closed
	c := newCluster(t, 3, true)
	c.n(3).stuck = true
	c.leave(3, false)
	c.run(200)
	c.append(record{view: []domain.Origin{c.n(1).self(), c.n(2).self()}, quorate: true})
	c.run(100)
	c.install()
	c.run(3000)
	if n := c.dom(1).Node(3); n.Phase != domain.PhaseJoining || c.dom(1).Clean(3) {
		t.Fatalf("%+v", n)
	}
}
