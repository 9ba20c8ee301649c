package domain

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// Neither the index nor the names decide anything (0110): of two members with one log the one whose questions, also those in the middle of an entry, all look at
// all nodes comes to the same words, the same events and the same state, and gives the same answers afterwards.
func TestAnIndexDecidesNothing(t *testing.T) {
	done := map[string]int{}
	for seed := range uint64(100) {
		p := newSides(t, seed, done)
		for range 200 {
			p.turn()
		}
	}
	// A draw that comes to nothing would compare two states that stand still.
	for kind, least := range map[string]int{
		"view": 400, "announce": 400, "arm": 100, "claim": 60, "claim_end": 10, "returned": 50, "power_on": 4, "verdict": 20, "ack": 2, "leave": 20, "overdue": 40, "request": 40,
		"local": 50, "roster": 40, "restart": 10, "time_over": 2, "pause": 20, "drill": 1, "compare": 10, "stateful": 30, "recover": 10, "window": 5, "feature": 5,
		"health": 20, "replace": 5, "is already the machine of": 20, "another node's machine": 10, "device-health": 20,
	} {
		if done[kind] < least {
			t.Errorf("%d of %s came to something, at least %d should be: %v", done[kind], kind, least, done)
		}
	}
}

// sides are two members: s counts beforehand, plain never does.
type sides struct {
	t        *testing.T
	r        *rand.Rand
	s, plain *State
	seed     uint64
	done     map[string]int // what came of the draws
	at       func() string  // what was done last, for people
	boots    map[fence.NodeID]int
	daemons  map[fence.NodeID]int
}

func newSides(t *testing.T, seed uint64, done map[string]int) *sides {
	p := &sides{t: t, done: done, r: rand.New(rand.NewPCG(seed, 110)), s: New(), plain: New(), boots: map[fence.NodeID]int{}, daemons: map[fence.NodeID]int{}, seed: seed}
	p.s.Feature = []int{1, FeatureLevel, FeatureLevel}[p.r.IntN(3)]
	p.plain.Feature = p.s.Feature
	p.view(1, 2, 3, 4, 5)
	for len(p.s.Nodes) == 0 { // one that is refused gives nothing to compare
		p.apply(p.origin(1), Entry{Roster: &Roster{Roster: p.roster(2 + p.r.IntN(5))}})
	}
	p.everybody(func(id fence.NodeID) { p.apply(p.origin(id), p.announce(id, true)) })
	p.apply(p.origin(1), Entry{Arm: &Arm{Armed: true, By: "op"}})
	return p
}

func (p *sides) everybody(f func(id fence.NodeID)) {
	var ids []fence.NodeID
	for _, n := range p.s.Nodes {
		ids = append(ids, n.ID)
	}
	p.view(ids...)
	for _, id := range ids {
		f(id)
	}
}

func (p *sides) one(in int) bool { return p.r.IntN(in) == 0 }

func (p *sides) origin(id fence.NodeID) Origin {
	return Origin{Incarnation: fence.Incarnation{Node: id, Boot: fmt.Sprintf("b%d.%d", id, p.boots[id])}, Instance: fmt.Sprintf("i%d.%d.%d", id, p.boots[id], p.daemons[id])}
}

// roster has nodes of none to three votes; the first way to some is a switch, which may be opened by themselves only, and one may be a witness.
func (p *sides) roster(n int) fence.Roster {
	r := roster(n)
	r.Timing.LeaseMS = 5000
	r.Policy.IdleStateless = p.one(2)
	r.Shared = []fence.Shared{{Name: "san", CutBy: [][]string{{"fc"}}}}
	r.Devices = append(r.Devices, fence.Device{Name: "fc", Kind: fence.KindStorage, Mapping: "map-fc", SettleMS: 100, EffectMS: 5000, Accepted: true, OnTarget: p.one(3)})
	cuts, spread := p.s.Feature >= FeatureCut && p.one(2), p.one(2)
	for i := range r.Nodes {
		rn := &r.Nodes[i]
		if n > 2 && spread {
			rn.Votes = max(0, p.r.IntN(5)-1)
		}
		if cuts && p.one(2) {
			rn.Levels, rn.Shared = append([]fence.Level{{Steps: []fence.Step{{Device: "fc", Target: rn.Name}}}}, rn.Levels...), []string{"san"}
		}
	}
	if n > 2 && p.one(4) {
		r.Nodes[n-1] = fence.RosterNode{ID: fence.NodeID(n), Name: r.Nodes[n-1].Name, Votes: 1, Witness: true}
	}
	return r
}

// turn gives both the same view, entry, recovery or snapshot, and compares.
func (p *sides) turn() {
	switch d := p.r.IntN(100); {
	case d < 3:
		p.drawView()
		p.done["view"]++
	case d < 7:
		p.everybody(func(id fence.NodeID) { p.apply(p.origin(id), p.announce(id, true)) })
		p.done["view"]++
	case d < 8 && p.one(3):
		id := p.target().ID
		b, err := EncodeRecover(Recover{By: "op", Reason: "burnt", Lost: []LostNode{{Node: id, Unproven: p.one(2)}, {Node: id%5 + 1}}})
		if err != nil {
			p.t.Fatal(err)
		}
		index := p.s.Index + 1
		p.plain.forget()
		_ = p.both(func(s *State) (any, error) { ev, _, err := s.ApplyRecover(index, b); return ev, err })
		p.done["recover"]++
	case d < 10:
		p.s, p.plain = p.snapshot(p.s), p.snapshot(p.plain)
	default:
		by, e := p.draw()
		if p.apply(by, e) {
			p.done[kindOf(e)]++
		}
	}
	p.same()
}

func (p *sides) snapshot(s *State) *State {
	b, err := s.Snapshot()
	if err != nil {
		p.t.Fatal(err)
	}
	if s, err = Restore(b); err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *sides) apply(by Origin, e Entry) bool {
	index, plain := p.s.Index+1, p.plain
	p.at = func() string {
		b, err := json.Marshal(e)
		return fmt.Sprintf("seed %d, index %d, by %s: %s %v", p.seed, index, by.Instance, b, err)
	}
	return p.both(func(s *State) (any, error) {
		if s != plain {
			return s.Apply(index, by, e)
		}
		return s.applyPlain(index, by, e)
	}) == nil
}

// forget drops whatever is derived from a state.
func (s *State) forget() { s.index, s.names = nil, nil }

// applyPlain is Apply without an index and without names: the turn has none from the beginning to the end.
func (s *State) applyPlain(index uint64, by Origin, e Entry) ([]Event, error) {
	s.Index = index
	s.forget()
	t, was := &turn{s: s, index: index, by: by}, s.Quorate()
	if err := t.apply(e); err != nil {
		s.Rejected++
		return nil, fmt.Errorf("%w: %w", ErrRejected, err)
	}
	if !was && s.Quorate() {
		t.regained()
	}
	t.logins()
	t.disarms()
	return t.events, nil
}

func (p *sides) view(ids ...fence.NodeID) {
	var ms []Origin
	for _, id := range ids {
		ms = append(ms, p.origin(id))
	}
	p.install(ms, p.s.quorateWith(ms))
}

func (s *State) quorateWith(ms []Origin) bool {
	votes := 0
	for _, m := range ms {
		votes += s.votesOf(m.Node)
	}
	return votes >= s.Quorum()
}

func (p *sides) install(ms []Origin, quorate bool) {
	index := p.s.Index + 1
	p.at = func() string { return fmt.Sprintf("seed %d, index %d, view %v %v", p.seed, index, ms, quorate) }
	p.plain.forget()
	_ = p.both(func(s *State) (any, error) { return s.ApplyView(index, ms, quorate), nil })
}

// both lets both do it and compares what they say.
func (p *sides) both(f func(s *State) (any, error)) error {
	got, err := f(p.s)
	want, failed := f(p.plain)
	p.plain.forget()
	p.saw(got, err)
	if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(failed) {
		p.t.Fatalf("%s:\nby the index  %+v, %v\nby all nodes  %+v, %v", p.at(), got, err, want, failed)
	}
	return err
}

// same compares the states and every answer for every node, those of none and an unknown one too.
func (p *sides) same() {
	if err := p.s.CheckIndex(); err != nil || p.s.index == nil {
		p.t.Fatalf("%s: %v, index %+v", p.at(), err, p.s.index)
	}
	if p.s.Hash() != p.plain.Hash() {
		a, _ := p.s.Snapshot()
		b, _ := p.plain.Snapshot()
		p.t.Fatalf("%s:\n%s\n%s", p.at(), a, b)
	}
	if got, want := answers(p.s), answers(p.plain); got != want {
		p.t.Fatalf("%s:\nby the index  %s\nby all nodes  %s", p.at(), got, want)
	}
	if p.s.Index%5 != 0 {
		return // the pairs of all nodes, now and then
	}
	if got, want := found(p.s), found(p.plain); got != want {
		p.t.Fatalf("%s:\nby name       %s\nby all nodes  %s", p.at(), got, want)
	}
}

func answers(s *State) string {
	a := fmt.Sprint(s.Quorate(), s.Quorum(), s.someHalt(), s.activeClaims(), s.Finishing())
	for _, n := range s.Victims() {
		a += fmt.Sprint(" victim ", n.ID)
	}
	for id := range fence.NodeID(10) {
		a += fmt.Sprint(" ", id, ":", s.Votes(id), s.Rest(id), s.secure(id), s.ByProof(id))
		if n := s.Node(id); n != nil {
			if o := s.Before(n); o != nil {
				a += fmt.Sprint(" after ", o.ID)
			}
			a += fmt.Sprint(s.precedes(n))
		}
		for _, m := range s.View.Members {
			if m.Node == id {
				a += fmt.Sprint(s.MayRestart(m, 4000))
			}
		}
	}
	return a
}

// kindOf is the name of an entry's kind in its encoding.
func kindOf(e Entry) string {
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			tag := v.Type().Field(i).Tag.Get("json")
			return tag[:slices.Index([]byte(tag), ',')]
		}
	}
	return ""
}
