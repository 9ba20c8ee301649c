package member

import (
	"errors"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// newWitnessed is two nodes and a witness, node 3, armed. The witness's mind gets nothing but its own file's hash; its scans would not be answered.
func newWitnessed(t *testing.T) *cluster {
	c := &cluster{t: t, now: 1000, dead: map[fence.NodeID]bool{}, lies: map[fence.NodeID]bool{}, offs: map[fence.NodeID]int{}, swapped: map[fence.NodeID]string{}}
	for i := 1; i <= 3; i++ {
		c.nodes = append(c.nodes, &node{id: fence.NodeID(i)})
	}
	r := testRoster(3)
	r.Nodes[2].Witness, r.Nodes[2].Levels = true, nil
	r.Devices = r.Devices[:2]
	for _, x := range c.nodes {
		c.boot(x.id)
		hash := r.Hash()
		if x.id == 3 {
			hash, x.mute, x.stuck = r.ForWitness().Hash(), true, true
		}
		x.m = New(Config{Self: x.self(), Machine: fence.Machine{UUID: uuid(x.id)}, RosterHash: hash, Version: "test"})
	}
	c.n(3).m.cfg.Machine = fence.Machine{}
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Roster: &domain.Roster{Roster: r, By: "test"}})})
	c.install()
	c.run(1000)
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "test"}})})
	c.run(500)
	for _, x := range c.nodes {
		if !c.dom(1).Clean(x.id) {
			t.Fatalf("node %d is not clean at the start: %+v", x.id, c.dom(1).Node(x.id))
		}
	}
	return c
}

// A witness is admitted without a scan, a session record or a machine, and proposes nothing else for as long as it lives but the hash of its copy
// of the log when somebody asks for it.
func TestAWitnessSaysOnlyThatItIsThere(t *testing.T) {
	c := newWitnessed(t)
	said, late := 0, c.now+15_000
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if by == 3 && (p.Entry.Compare == nil || p.Entry.Compare.Hash == "") {
			said++
			t.Errorf("the witness proposes %+v", p.Entry)
		}
		lost := by == 1 && p.Entry.Overdue != nil && c.now < late
		return lost // the witness has time to say it first
	}
	c.n(2).mute = true // its next life never says that it is clean: it becomes overdue, by node 1's word alone
	c.kill(2)
	c.install()
	c.run(3000)
	if c.offs[2] != 1 || c.dom(1).Node(2).Last == nil {
		t.Fatalf("%d power-offs, %+v", c.offs[2], c.dom(1).Node(2))
	}
	c.install()
	c.run(30_000)
	if c.count(1, domain.EventVictim, 2) < 2 {
		t.Fatal("node 2 was not overdue: the test is not about what it was made for")
	}
	if c.n(3).disk != (Session{}) || len(c.n(3).ops) > 0 || len(c.n(3).released) > 0 || c.n(3).fell {
		t.Fatalf("the witness did something: %+v", c.n(3))
	}
	if len(c.n(1).released) < 1 {
		t.Fatal("node 1 released nothing")
	}
	c.agree()
}

// The witness dies and comes back: nobody is fenced, and nobody waits for it.
func TestAWitnessThatDiesIsNotFenced(t *testing.T) {
	c := newWitnessed(t)
	c.kill(3)
	c.install()
	c.run(60_000) // longer than any delay
	if n := c.dom(1).Node(3); n.Victim != nil || c.count(1, domain.EventVictim, 3) != 0 || len(c.dom(1).Unresolved()) != 0 {
		t.Fatalf("%+v", n)
	}
	c.n(3).instance++
	c.n(3).up, c.n(3).applied, c.n(3).queue = true, 0, nil
	c.n(3).m = New(Config{Self: c.n(3).self(), RosterHash: "older file", Version: "test"})
	c.install()
	c.run(1000)
	if !c.dom(1).Clean(3) {
		t.Fatalf("with a file of its own it is not admitted: %+v", c.dom(1).Node(3))
	}
	c.agree()
}

func TestAWitnessDoesNotLeave(t *testing.T) {
	c := newWitnessed(t)
	c.give(c.n(3), LeaveRequested{Reply: 7, UntilMS: c.now + 1000})
	if a := c.n(3).answers; len(a) != 1 || !errors.Is(a[0].Err, ErrNotMember) {
		t.Fatalf("%+v", a)
	}
	c.run(2000)
	if !c.dom(1).Clean(3) {
		t.Fatal("it left")
	}
}
