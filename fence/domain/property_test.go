package domain

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
)

// TestAnyOrderOfEntriesKeepsTheInvariants draws entries and views of every kind, sensible and not, and checks after each what must always
// hold; a second copy, restored from a snapshot in mid-course, must follow to the same state (I3).
func TestAnyOrderOfEntriesKeepsTheInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, 5)
		w.s.Node(5).Machine.Virtual = rapid.Bool().Draw(rt, "virtual")
		w.s.Node(4).Stateful = rapid.Bool().Draw(rt, "stateful")
		w.s.Feature = rapid.IntRange(1, FeatureLevel).Draw(rt, "level")
		w.s.Roster.Policy.IdleStateless = rapid.Bool().Draw(rt, "idle")
		held := lives{}
		held.follow(w.s, nil)
		var twin *State
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			node := fence.NodeID(rapid.IntRange(1, 5).Draw(rt, "node"))
			by := fence.NodeID(rapid.IntRange(1, 5).Draw(rt, "by"))
			kind := rapid.IntRange(0, 14).Draw(rt, "kind")
			before := w.snap()
			open := openVictims(w.s)
			var events []Event
			var err error
			if kind <= 1 {
				if kind == 1 {
					w.boots[node]++
				}
				ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 0, 5, rapid.ID).Draw(rt, "members")
				events = w.view(nodeIDs(ids)...)
				if twin != nil {
					twin.ApplyView(w.index, w.s.View.Members, w.s.View.Quorate)
				}
			} else {
				e := w.draw(rt, kind, node, by)
				events, err = w.apply(by, e)
				if twin != nil {
					_, _ = twin.Apply(w.index, w.origin(by), e)
				}
				if err != nil && w.snap() != before {
					rt.Fatalf("a rejected entry changed the state: %v", err)
				}
			}
			w.invariants(rt, events, open)
			if err := errors.Join(w.s.CheckIndex(), twin.CheckIndex()); err != nil {
				rt.Fatalf("after an entry of kind %d: %v", kind, err)
			}
			held.follow(w.s, events)
			if life, ok := held.lost(w.s); ok {
				rt.Fatalf("life %s may hold state and nobody minds: %+v", life, w.s.Node(life.Node))
			}
			if twin != nil && twin.Hash() != w.s.Hash() {
				rt.Fatal("two members with the same log have different states (I3)")
			}
			if twin == nil && rapid.Bool().Draw(rt, "restart") {
				b, err := w.s.Snapshot()
				if err != nil {
					rt.Fatal(err)
				}
				if twin, err = Restore(b); err != nil {
					rt.Fatal(err)
				}
			}
		}
	})
}

// lives are those that were admitted and may hold state: it is kept from events alone, so it knows nothing of the rules that it checks.
type lives map[fence.Incarnation]bool

func (l lives) follow(s *State, events []Event) {
	for _, n := range s.Nodes {
		if n.Phase == PhaseMember && n.Instance != "" {
			l[n.Life] = true
		}
	}
	for _, e := range events {
		switch e.Kind {
		case EventLeft, EventGone:
			delete(l, e.Life)
		case EventVerdict, EventClean: // a new life of this machine, or a verdict about it, answers for all earlier ones; not for a spare
			delete(l, e.Life)
			if n := s.Node(e.Node); n == nil || n.Foreign != nil {
				continue
			}
			// a new boot of this machine was admitted: whatever was unknown about it is answered
			for life := range l {
				if life.Node == e.Node && life != e.Life {
					delete(l, life)
				}
			}
		}
	}
}

// lost finds a life that may hold state, and that is neither a member in the view nor anything that keeps grants closed (I1, R12).
func (l lives) lost(s *State) (fence.Incarnation, bool) {
	waiting := s.Unresolved()
	for life := range l {
		n := s.Node(life.Node)
		if n == nil {
			return life, true // forgotten with its node
		}
		member := n.Life == life && n.Phase == PhaseMember && n.Instance != ""
		if !member && !slices.Contains(waiting, life.Node) {
			return life, true
		}
	}
	return fence.Incarnation{}, false
}

func nodeIDs(ids []int) []fence.NodeID {
	out := make([]fence.NodeID, 0, len(ids))
	for _, id := range ids {
		out = append(out, fence.NodeID(id))
	}
	return out
}

func openVictims(s *State) []fence.Incarnation {
	var out []fence.Incarnation
	for _, n := range s.Victims() {
		out = append(out, n.Victim.Incarnation)
	}
	return out
}

func (w *world) draw(rt *rapid.T, kind int, node, by fence.NodeID) Entry {
	n := w.s.Node(node)
	number := uint64(rapid.IntRange(1, int(n.NextClaim)).Draw(rt, "number"))
	flag := rapid.Bool().Draw(rt, "flag")
	boot := n.Life.Boot
	if n.Victim != nil && flag {
		boot = n.Victim.Boot
	}
	switch kind {
	case 2, 3:
		m := machine(by)
		if rapid.IntRange(0, 9).Draw(rt, "spare") == 0 {
			m = machine(9)
		}
		return Entry{Announce: &Announce{
			Clean: flag, Unguarded: !flag && rapid.Bool().Draw(rt, "unguarded"), Machine: m, Roster: w.s.RosterHash, Feature: 1,
			Since: w.s.Node(by).Arrived - uint64(rapid.IntRange(0, 5).Draw(rt, "stale")/5),
		}}
	case 4:
		return Entry{Stateful: &Stateful{On: flag, Since: w.s.Node(by).StatefulAt - uint64(rapid.IntRange(0, 5).Draw(rt, "stale")/5)}}
	case 5:
		return Entry{Leave: &Leave{}}
	case 6:
		return Entry{Request: &Request{ID: fmt.Sprint(w.index), Node: node, Action: rapid.SampledFrom([]fence.Action{fence.ActionOff, fence.ActionReboot, fence.ActionOn}).Draw(rt, "action"), Cause: fence.CauseOperator, By: "op", Force: flag}}
	case 7:
		return Entry{Overdue: &Overdue{Lives: []fence.Incarnation{n.Life, w.s.OverdueLife(n)}}}
	case 8:
		return Entry{Claim: &ClaimEntry{Node: node, Boot: boot, Number: n.NextClaim, On: flag && n.Victim == nil, DurationMS: 1000, Answers: flag, Again: rapid.Bool().Draw(rt, "again")}}
	case 9:
		return Entry{ClaimEnd: &ClaimEnd{Node: node, Number: number, Expired: flag, Quiet: rapid.Bool().Draw(rt, "quiet")}}
	case 10:
		return Entry{Returned: &Returned{Node: node, Number: number, Elapsed: flag}}
	case 11:
		if n.Victim != nil && n.Victim.Claim != nil {
			p := w.proof(node)
			p.Quiet = flag
			if rapid.IntRange(0, 3).Draw(rt, "spoil") == 0 {
				p.Evidence.Devices[0].Final.State = fence.PowerOn
			}
			return Entry{Verdict: p}
		}
		return Entry{Verdict: &Proof{Node: node, Boot: boot}}
	case 13:
		at := uint64(0)
		if c := w.s.Comparison; c != nil {
			at = c.Index
		}
		if flag {
			return Entry{Compare: &Compare{At: at}}
		}
		return Entry{Compare: &Compare{At: at, Hash: rapid.SampledFrom([]string{hashA, hashA, hashA, hashB}).Draw(rt, "hash")}}
	case 12:
		return Entry{PowerOn: &PowerDone{Node: node, Number: number, OK: flag, Quiet: rapid.Bool().Draw(rt, "quiet")}}
	}
	if rapid.Bool().Draw(rt, "ack") {
		return Entry{Ack: &Ack{Node: node, Boot: boot, By: "op", Reason: "seen"}}
	}
	return Entry{Arm: &Arm{Armed: flag, By: "op"}}
}

func claimOf(n Node) *Claim {
	if n.Victim == nil {
		return nil
	}
	return n.Victim.Claim
}

func onClaimOf(n Node) *Claim {
	if n.PowerOn == nil {
		return nil
	}
	return n.PowerOn.Claim
}

// invariants checks what no order of entries may break.
func (w *world) invariants(rt *rapid.T, events []Event, open []fence.Incarnation) {
	for _, n := range w.s.Nodes {
		if n.Phase == PhaseMember && n.Victim != nil {
			rt.Fatalf("node %d is a clean member and a victim", n.ID)
		}
		if n.Phase == PhaseMember && slices.Contains(n.Ended, n.Life.Boot) {
			rt.Fatalf("node %d: a life that is over was admitted (R16)", n.ID)
		}
		if len(n.Unquiet) > maxUnquiet+1 {
			rt.Fatalf("node %d: %d claims are waited for", n.ID, len(n.Unquiet))
		}
		if n.Pending != nil && (n.Life.Boot == "" || n.Instance == "" || w.s.OverdueLife(&n).Boot != "") {
			rt.Fatalf("node %d: pending, and absent or overdue: %+v", n.ID, n)
		}
		for _, c := range []*Claim{claimOf(n), onClaimOf(n)} {
			if c != nil && w.s.Node(c.Actor.Node).Outvoted() {
				rt.Fatalf("claim %d on node %d is active and its actor is frozen (I3)", c.Number, n.ID)
			}
			if c != nil && !w.s.Clean(c.Actor.Node) {
				rt.Fatalf("claim %d on node %d is active and its actor is no clean member (R7)", c.Number, n.ID)
			}
		}
		if n.Victim != nil && n.PowerOn != nil && n.PowerOn.Claim != nil {
			rt.Fatalf("node %d: power-on is claimed while a victim is open (V5)", n.ID)
		}
		if len(n.Ended) > maxEnded {
			rt.Fatalf("node %d remembers %d boots", n.ID, len(n.Ended))
		}
		for _, c := range n.Unquiet {
			if c.Number >= n.NextClaim {
				rt.Fatalf("claim number %d was not used up", c.Number)
			}
		}
	}
	for _, e := range events {
		n := w.s.Node(e.Node)
		switch e.Kind {
		case EventClean:
			if len(n.Unquiet) > 0 {
				rt.Fatalf("node %d was admitted while claim %d may still take effect (R9, I5)", e.Node, n.Unquiet[0].Number)
			}
		case EventVerdict:
			named := slices.ContainsFunc(events, func(v Event) bool { return v.Kind == EventVictim && v.Life == e.Life })
			if !named && !slices.Contains(open, e.Life) {
				rt.Fatalf("a verdict on %s, which was no victim", e.Life)
			}
			if e.Verdict.Evidence.Kind == "" {
				rt.Fatal("a verdict without evidence (V1)")
			}
		}
	}
	if c := w.s.Comparison; c != nil && (len(c.Words) > len(w.s.Nodes) || c.Last < c.Index || c.Last > w.s.Index) {
		rt.Fatalf("a comparison %+v of %d nodes at index %d", c, len(w.s.Nodes), w.s.Index)
	}
	// A victim never vanishes without a verdict of some kind.
	for _, v := range open {
		n := w.s.Node(v.Node)
		still := n != nil && n.Victim != nil && n.Victim.Incarnation == v
		ended := slices.ContainsFunc(events, func(e Event) bool { return e.Kind == EventVerdict && e.Life == v })
		if !still && !ended {
			rt.Fatalf("victim %s was lost", v)
		}
	}
}

// FuzzDecode: no bytes crash the decoder, and what decodes encodes to something that decodes to the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"arm":{"armed":true,"by":"x"}}`))
	f.Add([]byte(`{"v":1,"verdict":{"node":3,"boot":"b","evidence":{"kind":"power-off-read","level":0},"times":{"off_ms":1,"verify_ms":2}}}`))
	f.Add([]byte(`{"v":1,"roster":{"roster":{"version":1},"by":""}}`))
	f.Add([]byte(`{"v":9}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(e)
		if err != nil {
			return // larger than one entry may be
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("%q decodes, and its encoding %q does not: %v", b, again, err)
		}
		// Whatever it says, applying it must not panic and must be counted if it is refused.
		s := New()
		_, _ = s.Apply(1, Origin{}, e)
	})
}

// FuzzRestore: no bytes crash a node that is handed a snapshot.
func FuzzRestore(f *testing.F) {
	good, _ := New().Snapshot()
	f.Add(good)
	f.Add([]byte(`{"index":1,"nodes":[{"id":2},{"id":1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Restore(b); err == nil && s == nil {
			t.Fatal("no state and no error")
		}
	})
}
