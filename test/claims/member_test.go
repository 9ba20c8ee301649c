package claims

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/membership"
)

// victim is the node that everybody claims. It is in the roster and never comes.
const victim = fence.NodeID(4)

// daemon is a domain on a provider, and what a daemon does so that its node may claim: it announces itself, and says that claims are quiet.
type daemon struct {
	t    *testing.T
	self membership.Self
	p    membership.Provider
	rec  *recorder
	done chan struct{}

	mu      sync.Mutex
	dom     *domain.State
	number  uint64
	waiting map[uint64]chan answer
	said    map[string]time.Time // what was proposed by itself, and when
}

// answer is what came of a proposal when this daemon applied it.
type answer struct {
	known bool
	err   error
	saw   register
}

func newDaemon(t *testing.T, id fence.NodeID, rec *recorder, start func(membership.Self) (membership.Provider, error)) *daemon {
	t.Helper()
	d := &daemon{
		t: t, self: membership.Self{Node: id, Boot: fmt.Sprintf("boot-%d", id), Instance: fmt.Sprintf("instance-%d", id)}, rec: rec,
		done: make(chan struct{}), dom: domain.New(), waiting: map[uint64]chan answer{}, said: map[string]time.Time{},
	}
	var err error
	if d.p, err = start(d.self); err != nil {
		t.Fatal(err)
	}
	go d.run()
	return d
}

func (d *daemon) run() {
	defer close(d.done)
	for e := range d.p.Events() {
		d.mu.Lock()
		d.take(e)
		d.duties()
		d.mu.Unlock()
	}
}

func (d *daemon) origin() domain.Origin {
	return domain.Origin{Incarnation: fence.Incarnation{Node: d.self.Node, Boot: d.self.Boot}, Instance: d.self.Instance}
}

func (d *daemon) take(e membership.Event) {
	switch e := e.(type) {
	case membership.ViewInstalled:
		var members []domain.Origin
		for _, m := range e.View.Members {
			members = append(members, domain.Origin{Incarnation: m.Incarnation, Instance: m.Instance})
		}
		d.lost(d.dom.ApplyView(e.Index, members, e.View.Quorate))
	case membership.Committed:
		entry, err := domain.Decode(e.Data)
		var events []domain.Event
		by := domain.Origin{Incarnation: e.Proposer.Incarnation, Instance: e.Proposer.Instance}
		if err == nil {
			events, err = d.dom.Apply(e.Index, by, entry)
		} else {
			d.t.Errorf("entry %d: %v", e.Index, err)
		}
		d.lost(events)
		if by == d.origin() {
			d.answer(e.Number, answer{known: true, err: err, saw: d.register()})
		}
	case membership.Outcome:
		if !e.Delivered {
			d.answer(e.Number, answer{})
		}
	case membership.SnapshotWanted:
		b, err := d.dom.Snapshot()
		if err != nil {
			d.t.Error(err)
		}
		e.Reply <- b
	case membership.SnapshotInstalled:
		s, err := domain.Restore(e.Data)
		if err != nil {
			d.t.Error(err)
			return
		}
		s.Index = max(s.Index, e.Index)
		d.dom = s
	}
}

// lost notes the claims that ended because their actor is no clean member of the view any more.
func (d *daemon) lost(events []domain.Event) {
	for _, e := range events {
		if e.Kind == domain.EventHandover && e.Node == victim {
			d.rec.lost(e.Claim)
		}
	}
}

func (d *daemon) answer(number uint64, a answer) {
	if c := d.waiting[number]; c != nil {
		delete(d.waiting, number)
		c <- a // it has room
	}
}

// register is what this daemon knows of the claim.
func (d *daemon) register() register {
	n := d.dom.Node(victim)
	if n == nil {
		return register{}
	}
	r := register{Next: n.NextClaim}
	if n.Victim != nil && n.Victim.Claim != nil {
		r.Active, r.Holder = n.Victim.Claim.Number, n.Victim.Claim.Actor.Node
	}
	return r
}

// againAfter is how long the same duty is not proposed again.
const againAfter = 300 * time.Millisecond

// duties are proposed and forgotten: what is still to be done is seen at the next event.
func (d *daemon) duties() {
	propose := func(key string, e domain.Entry) {
		if time.Since(d.said[key]) > againAfter {
			d.said[key] = time.Now()
			d.propose(e, nil)
		}
	}
	if in, ok := d.dom.InView(d.self.Node); !ok || in != d.origin() {
		return
	}
	if n := d.dom.Node(d.self.Node); n != nil && n.Phase == domain.PhaseJoining && n.Pending == nil {
		propose(fmt.Sprintf("announce/%d", n.Arrived), domain.Entry{Announce: &domain.Announce{
			Clean: true, Machine: machine(d.self.Node), Since: n.Arrived, Roster: d.dom.RosterHash, Feature: domain.FeatureLevel,
		}})
	}
	if n := d.dom.Node(victim); n != nil {
		for _, c := range n.Unquiet {
			propose(fmt.Sprintf("returned/%d", c.Number), domain.Entry{Returned: &domain.Returned{Node: victim, Number: c.Number, Elapsed: true}})
		}
	}
}

func machine(id fence.NodeID) fence.Machine {
	return fence.Machine{UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", id)}
}

// propose needs the lock.
func (d *daemon) propose(e domain.Entry, c chan answer) {
	b, err := domain.Encode(e)
	if err != nil {
		d.t.Error(err)
		return
	}
	d.number++
	if c != nil {
		d.waiting[d.number] = c
	}
	if err := d.p.Propose(d.number, b); err != nil {
		d.answer(d.number, answer{})
	}
}

// answerWithin is far longer than any outcome takes: after it the fate is unknown, whatever the provider says.
const answerWithin = time.Minute

// ask proposes and waits until this daemon has applied it, or its fate is unknown.
func (d *daemon) ask(e domain.Entry) answer {
	c := make(chan answer, 1)
	d.mu.Lock()
	d.propose(e, c)
	d.mu.Unlock()
	limit := time.NewTimer(answerWithin)
	defer limit.Stop()
	select {
	case a := <-c:
		return a
	case <-limit.C:
		return answer{}
	}
}

// look reads this daemon's domain.
func (d *daemon) look(f func(*domain.State) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return f(d.dom)
}
