package domain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// world is one state and the daemons that may propose to it.
type world struct {
	t     *testing.T
	s     *State
	index uint64
	boots map[fence.NodeID]int
}

func machine(id fence.NodeID) fence.Machine {
	return fence.Machine{UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", id)}
}

func roster(n int) fence.Roster {
	r := fence.Roster{
		Version: 1, Cluster: "c", Timing: fence.Timing{FailureTimeoutMS: 2000},
		Policy: fence.Policy{MaxConcurrent: 2, OnResidual: fence.ResidualSelfFence},
	}
	for i := 1; i <= n; i++ {
		d := fmt.Sprintf("bmc-%d", i)
		r.Nodes = append(r.Nodes, fence.RosterNode{ID: fence.NodeID(i), Name: fmt.Sprintf("n%d", i), Votes: 1, Action: fence.ActionReboot, Levels: []fence.Level{{Steps: []fence.Step{{Device: d}}}}})
		r.Devices = append(r.Devices, fence.Device{Name: d, Kind: fence.KindPower, Mapping: "map-" + d, SettleMS: 100, EffectMS: 5000})
	}
	return r
}

func (w *world) origin(id fence.NodeID) Origin {
	return Origin{Incarnation: fence.Incarnation{Node: id, Boot: fmt.Sprintf("b%d.%d", id, w.boots[id])}, Instance: fmt.Sprintf("i%d.%d", id, w.boots[id])}
}

// newWorld has n admitted clean members in a quorate view of an armed cluster.
func newWorld(t *testing.T, n int) *world {
	w := &world{t: t, s: New(), boots: map[fence.NodeID]int{}}
	w.view(1, 2, 3, 4, 5, 6, 7)
	w.must(1, Entry{Roster: &Roster{Roster: roster(n)}})
	ids := make([]fence.NodeID, 0, n)
	for i := 1; i <= n; i++ {
		ids = append(ids, fence.NodeID(i))
	}
	w.view(ids...)
	for _, id := range ids {
		w.clean(id)
	}
	w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
	return w
}

// byHand counts anew what is counted beforehand, after a test changed the state itself.
func (w *world) byHand() { w.s.index, w.s.names = w.s.count(), w.s.naming() }

func (w *world) clean(id fence.NodeID) []Event {
	return w.must(id, Entry{Announce: &Announce{Clean: true, Machine: machine(id), Roster: w.s.RosterHash, Feature: 1}})
}

func (w *world) view(ids ...fence.NodeID) []Event {
	var ms []Origin
	for _, id := range ids {
		ms = append(ms, w.origin(id))
	}
	w.index++
	return w.s.ApplyView(w.index, ms, len(ids)*2 > max(len(w.s.Nodes), 3))
}

func (w *world) apply(by fence.NodeID, e Entry) ([]Event, error) {
	w.index++
	if n := w.s.Node(by); e.Announce != nil && e.Announce.Since == 0 && n != nil {
		a := *e.Announce
		a.Since = n.Arrived
		e.Announce = &a
	}
	return w.s.Apply(w.index, w.origin(by), e)
}

func (w *world) must(by fence.NodeID, e Entry) []Event {
	w.t.Helper()
	ev, err := w.apply(by, e)
	if err != nil {
		w.t.Fatalf("entry %d: %v", w.index, err)
	}
	return ev
}

// refused demands a rejection that says so in words, and an unchanged state but for index and counter.
func (w *world) refused(by fence.NodeID, e Entry, words string) {
	w.t.Helper()
	before := w.snap()
	_, err := w.apply(by, e)
	if err == nil || !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), words) {
		w.t.Fatalf("got %v, want a rejection with %q", err, words)
	}
	if after := w.snap(); after != before {
		w.t.Fatalf("a rejected entry changed the state:\n%s\n%s", before, after)
	}
}

func (w *world) snap() string {
	index, rejected := w.s.Index, w.s.Rejected
	w.s.Index, w.s.Rejected = 0, 0
	b, err := w.s.Snapshot()
	w.s.Index, w.s.Rejected = index, rejected
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

func (w *world) claim(by, node fence.NodeID) []Event {
	w.t.Helper()
	return w.must(by, w.claimEntry(node))
}

func (w *world) claimEntry(node fence.NodeID) Entry {
	n := w.s.Node(node)
	return Entry{Claim: &ClaimEntry{Node: node, Boot: n.Victim.Boot, Number: n.NextClaim, DurationMS: 1000}}
}

// proof is admissible evidence under the active claim.
func (w *world) proof(node fence.NodeID) *Proof {
	n := w.s.Node(node)
	id := fence.Identity{UUIDs: []string{machine(node).UUID}}
	d := fmt.Sprintf("bmc-%d", node)
	return &Proof{Node: node, Boot: n.Victim.Boot, Quiet: true, Evidence: fence.Evidence{
		Kind: fence.EvidencePowerOff, Claim: n.Victim.Claim.Number, ReadIndex: n.Victim.Claim.Index,
		Devices: []fence.DeviceEvidence{{
			Device: d, Mapping: "map-" + d, Before: fence.PowerOn, CommandedMS: 10,
			First: fence.Read{State: fence.PowerOff, Identity: id, StartedMS: 20, FinishedMS: 30},
			Final: fence.Read{State: fence.PowerOff, Identity: id, StartedMS: 200, FinishedMS: 210},
		}},
	}}
}

func has(es []Event, k EventKind) bool {
	for _, e := range es {
		if e.Kind == k {
			return true
		}
	}
	return false
}

func TestEntriesAreStrict(t *testing.T) { // R11
	good, err := Encode(Entry{Arm: &Arm{Armed: true, By: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(good); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"another version": `{"v":2,"arm":{"armed":true,"by":"x"}}`,
		"no kind":         `{"v":1}`,
		"two kinds":       `{"v":1,"arm":{"armed":true,"by":"x"},"leave":{}}`,
		"unknown kind":    `{"v":1,"explode":{}}`,
		"unknown field":   `{"v":1,"arm":{"armed":true,"by":"x","quietly":true}}`,
		"something after": `{"v":1,"leave":{}} {}`,
		"garbage":         "\x00\xff",
		"nothing":         "",
	} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s was decoded", name)
		}
	}
	if _, err := Decode([]byte(`{"v":1,"leave":{"why":"` + strings.Repeat("x", MaxEntryBytes) + `"}}`)); err == nil {
		t.Error("an entry beyond the bound was decoded")
	}
}

func TestVerdictNeedsEverything(t *testing.T) { // R6, R7, R16
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	if w.s.Node(5).Victim == nil {
		t.Fatal("no victim")
	}
	w.refused(1, Entry{Verdict: &Proof{Node: 5, Boot: "b5.0"}}, "no claim is active")
	w.claim(1, 5)
	good := w.proof(5)
	w.refused(2, Entry{Verdict: good}, "belongs to")
	bad := *good
	bad.Evidence.ReadIndex = w.s.Node(5).Victim.Index - 1
	w.refused(1, Entry{Verdict: &bad}, "before the victim was named")
	bad = *good
	bad.Evidence.Devices = nil
	w.refused(1, Entry{Verdict: &bad}, "was not read")
	bad = *good
	bad.Boot = "another"
	w.refused(1, Entry{Verdict: &bad}, "no victim of boot")
	ev := w.must(1, Entry{Verdict: good})
	if !has(ev, EventVerdict) || !has(ev, EventRelease) {
		t.Fatalf("events %+v", ev)
	}
	n := w.s.Node(5)
	if n.Victim != nil || n.PowerOn == nil || !w.s.IsOver(fence.Incarnation{Node: 5, Boot: "b5.0"}) {
		t.Fatalf("%+v", n)
	}
	w.refused(1, Entry{Verdict: good}, "no victim")
}

func TestVerdictOfAnActorThatLeftIsRefused(t *testing.T) { // R7, I4
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	p := w.proof(5)
	w.view(2, 3, 4)
	w.refused(1, Entry{Verdict: p}, "not in the view")
	if n := w.s.Node(5); n.Victim.Claim != nil || len(n.Unquiet) != 1 {
		t.Fatalf("the actor's claim must end and be waited for: %+v", n)
	}
}

func TestVerdictNeedsAQuorateView(t *testing.T) { // V3
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	p := w.proof(5)
	w.view(1, 2)
	w.refused(1, Entry{Verdict: p}, "no quorum")
	w.refused(2, Entry{Ack: &Ack{Node: 5, Boot: "b5.0", By: "x", Reason: "y"}}, "no quorum")
}

func TestClaimRules(t *testing.T) { // R7, R8, V4, V7, R21
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	c := w.claimEntry(5)
	wrong := *c.Claim
	wrong.Number = 7
	w.refused(1, Entry{Claim: &wrong}, "claim number")
	w.claim(1, 5)
	again := w.claimEntry(5)
	w.refused(2, again, "is active")
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 1, Quiet: true, Text: "failed"}})
	w.refused(1, w.claimEntry(5), "it is the turn of")
	w.claim(2, 5)
	w.refused(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 2}}, "only its actor")
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 2, Expired: true}})
	if n := w.s.Node(5); len(n.Unquiet) != 1 {
		t.Fatal("an expired claim may still have something in flight (R9)")
	}
	w.must(3, Entry{Arm: &Arm{Armed: false, By: "op"}})
	w.refused(3, w.claimEntry(5), fence.ErrNotArmed.Error())
}

func TestIneligibleNeverClaims(t *testing.T) { // R5, R8, R22
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.s.Node(2).Roster = "another"
	w.refused(2, w.claimEntry(5), "not eligible")
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	w.refused(3, w.claimEntry(5), "not eligible")
	w.boots[4]++
	w.view(1, 2, 3, 4)
	w.refused(4, w.claimEntry(5), "not eligible")
}

func TestMaxConcurrent(t *testing.T) { // R21
	w := newWorld(t, 7)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.claim(1, 6)
	w.refused(1, w.claimEntry(7), "operations are active")
}

func TestQuiescence(t *testing.T) { // R9, S5.9, V5
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.must(2, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 1, Expired: true}})
	w.claim(2, 5)
	w.must(2, Entry{Verdict: w.proof(5)})
	on := Entry{Claim: &ClaimEntry{Node: 5, Boot: "b5.0", Number: 3, On: true, DurationMS: 1000}}
	w.refused(2, on, "may still have something in flight")
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	w.clean(5)
	if w.s.Clean(5) {
		t.Fatal("admitted while an earlier off may still take effect")
	}
	w.refused(3, Entry{Returned: &Returned{Node: 5, Number: 1}}, "only its actor")
	w.must(3, Entry{Returned: &Returned{Node: 5, Number: 1, Elapsed: true}})
	if !w.s.Clean(5) {
		t.Fatal("not admitted after quiescence")
	}
}

func TestRebirth(t *testing.T) { // R2, S5.6
	t.Run("same machine cancels", func(t *testing.T) {
		w := newWorld(t, 3)
		w.view(1, 2)
		w.boots[3]++
		w.view(1, 2, 3)
		ev := w.clean(3)
		if !w.s.Clean(3) || !has(ev, EventVerdict) || w.s.Node(3).Last.Evidence.Kind != fence.EvidenceBootChanged {
			t.Fatalf("%+v", w.s.Node(3))
		}
	})
	t.Run("a spare with the same name is refused", func(t *testing.T) {
		w := newWorld(t, 3)
		w.view(1, 2)
		w.boots[3]++
		w.view(1, 2, 3)
		ev := w.must(3, Entry{Announce: &Announce{Clean: true, Machine: fence.Machine{UUID: "11111111-0000-4000-8000-000000000009"}, Roster: w.s.RosterHash}})
		if !has(ev, EventRefused) || w.s.Clean(3) || w.s.Node(3).Victim == nil {
			t.Fatalf("%+v", w.s.Node(3))
		}
	})
	t.Run("a virtual machine's boot id alone proves nothing", func(t *testing.T) {
		w := newWorld(t, 3)
		w.s.Node(3).Machine.Virtual = true
		w.view(1, 2)
		w.boots[3]++
		w.view(1, 2, 3)
		w.must(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash}})
		if w.s.Clean(3) || w.s.Node(3).Victim == nil {
			t.Fatal("a second copy could cancel the fencing of the first")
		}
	})
	t.Run("the same boot is never a reset", func(t *testing.T) {
		w := newWorld(t, 3)
		w.view(1, 2)
		w.view(1, 2, 3)
		ev := w.clean(3)
		if !has(ev, EventRefused) || w.s.Clean(3) || w.s.Node(3).Victim == nil {
			t.Fatalf("%+v", w.s.Node(3))
		}
	})
	t.Run("a life with a verdict is never admitted", func(t *testing.T) { // R16
		w := newWorld(t, 3)
		w.view(1, 2)
		w.claim(1, 3)
		w.must(1, Entry{Verdict: w.proof(3)})
		w.view(1, 2, 3)
		ev := w.clean(3)
		if !has(ev, EventRefused) || w.s.Clean(3) {
			t.Fatal("a fenced life was admitted")
		}
	})
}

func TestAckIsNarrow(t *testing.T) { // R19, V9, pitfall 15
	w := newWorld(t, 3)
	w.refused(1, Entry{Ack: &Ack{Node: 3, Boot: "b3.0", By: "x", Reason: "y"}}, "no open victim")
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	w.refused(1, Entry{Ack: &Ack{Node: 3, Boot: "b3.0", By: "x", Reason: "y"}}, "in the view")
	w.view(1, 2)
	w.refused(1, Entry{Ack: &Ack{Node: 3, Boot: "b3.9", By: "x", Reason: "y"}}, "names b3.9")
	w.refused(1, Entry{Ack: &Ack{Node: 3, Boot: "b3.0", By: "x"}}, "needs a name and a reason")
	w.claim(1, 3)
	ev := w.must(2, Entry{Ack: &Ack{Node: 3, Boot: "b3.0", By: "x", Reason: "y"}})
	if !has(ev, EventAck) || !has(ev, EventCanceled) || !has(ev, EventRelease) || w.s.Node(3).Last.Kind != fence.VerdictAcknowledged {
		t.Fatalf("%+v", ev)
	}
	if w.s.Node(3).PowerOn != nil {
		t.Fatal("an acknowledged node is not powered on by us")
	}
}

func TestRequests(t *testing.T) { // R29
	ask := func(id string, node fence.NodeID, a fence.Action) Entry {
		return Entry{Request: &Request{ID: id, Node: node, Action: a, Cause: fence.CauseOperator, By: "op", Reason: "because"}}
	}
	t.Run("two that request each other: the first wins", func(t *testing.T) {
		w := newWorld(t, 5)
		w.must(1, ask("a", 2, fence.ActionReboot))
		w.refused(2, ask("b", 1, fence.ActionReboot), "a victim itself")
	})
	t.Run("an equal request joins", func(t *testing.T) {
		w := newWorld(t, 5)
		w.must(1, ask("a", 5, fence.ActionReboot))
		ev := w.must(2, ask("b", 5, fence.ActionOff))
		if v := w.s.Node(5).Victim; len(v.Requests) != 2 || v.Action != fence.ActionOff || !strings.Contains(ev[0].Text, "joined") {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("a fresh verdict satisfies", func(t *testing.T) {
		w := newWorld(t, 5)
		w.must(1, ask("a", 5, fence.ActionOff))
		w.claim(1, 5)
		w.must(1, Entry{Verdict: w.proof(5)})
		w.view(1, 2, 3, 4)
		ev := w.must(1, ask("b", 5, fence.ActionOff))
		if w.s.Node(5).Victim != nil || len(ev) != 1 || ev[0].Verdict == nil {
			t.Fatalf("%+v", ev)
		}
		if n := w.s.Node(5); !n.OffHeld || n.PowerOn != nil || n.Last.Kind != fence.VerdictOff {
			t.Fatalf("%+v", n)
		}
	})
	t.Run("not armed", func(t *testing.T) {
		w := newWorld(t, 5)
		w.must(1, Entry{Arm: &Arm{By: "op"}})
		w.refused(1, ask("a", 5, fence.ActionOff), fence.ErrNotArmed.Error())
	})
	t.Run("quorum would be lost", func(t *testing.T) { // R21
		w := newWorld(t, 3)
		w.view(1, 2)
		w.refused(1, ask("a", 2, fence.ActionOff), fence.ErrUnsafe.Error())
	})
	t.Run("the life that is meant", func(t *testing.T) {
		w := newWorld(t, 5)
		e := ask("a", 5, fence.ActionOff)
		e.Request.Boot = "b5.7"
		w.refused(1, e, "names b5.7")
	})
	t.Run("unknown node", func(t *testing.T) {
		w := newWorld(t, 5)
		w.refused(1, ask("a", 9, fence.ActionOff), fence.ErrNoSuchNode.Error())
	})
	t.Run("a node in the view is not powered on", func(t *testing.T) {
		w := newWorld(t, 5)
		w.refused(1, ask("a", 5, fence.ActionOn), "it runs")
	})
}

func TestSuspectsWithoutQuorum(t *testing.T) { // R30
	w := newWorld(t, 5)
	w.view(1, 2)
	if len(w.s.Victims()) != 0 || w.s.Node(3).Suspect == "" {
		t.Fatal("a component without quorum makes no victims")
	}
	w.view(1, 2, 3, 4)
	if w.s.Node(3).Suspect != "" || !w.s.Clean(3) {
		t.Fatalf("continuity drops the suspicion: %+v", w.s.Node(3))
	}
	if v := w.s.Node(5).Victim; v == nil {
		t.Fatal("who is still away in a quorate view is a victim")
	}
}

func TestColdStart(t *testing.T) { // R10
	w := newWorld(t, 3)
	w.must(3, Entry{Leave: &Leave{}})
	w.view(1, 2)
	if len(w.s.Victims()) != 0 {
		t.Fatal("a clean leave is nobody's victim (S2.12)")
	}
	for id := range w.boots {
		w.boots[id]++
	}
	w.boots = map[fence.NodeID]int{1: 1, 2: 1, 3: 1}
	ev := w.view(1, 2)
	if !has(ev, EventCold) || w.s.Generation < 2 {
		t.Fatalf("generation %d, %+v", w.s.Generation, ev)
	}
	if len(w.s.Victims()) != 0 || !w.s.Node(3).Unknown || w.s.Clean(1) {
		t.Fatal("a cold start makes everybody unknown and nobody a victim yet, also who had left")
	}
	w.clean(1)
	w.clean(2)
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(3))}}})
	if v := w.s.Node(3).Victim; v == nil || v.Cause != fence.CauseStartup {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

func TestVictimsSurviveAColdStart(t *testing.T) { // R10, S3.10
	w := newWorld(t, 3)
	w.view(1, 2)
	w.boots = map[fence.NodeID]int{1: 1, 2: 1}
	w.view(1, 2)
	if w.s.Node(3).Victim == nil || w.s.Node(3).Victim.Boot != "b3.0" {
		t.Fatal("a victim was forgotten because all daemons died")
	}
}

func TestOverdueIsForThoseWhoAreNotClean(t *testing.T) { // S2.6, S2.8, pitfall 1
	w := newWorld(t, 3)
	w.boots[3]++
	w.view(1, 2, 3) // a new life in the ring, not clean; the old one is a victim
	w.must(1, Entry{Ack: nil, Overdue: &Overdue{Lives: []fence.Incarnation{{Node: 2, Boot: "b2.0"}}}})
	if w.s.Node(2).Victim != nil {
		t.Fatal("a clean member was made a victim by an overdue entry (V7)")
	}
}

func TestRosterRules(t *testing.T) { // R5
	w := newWorld(t, 3)
	r := roster(3)
	w.refused(1, Entry{Roster: &Roster{Roster: r}}, "the next is 2")
	r.Version = 2
	r.Nodes = r.Nodes[:2]
	w.refused(1, Entry{Roster: &Roster{Roster: r}}, "cannot be removed")
	w.must(3, Entry{Leave: &Leave{}})
	w.view(1, 2)
	w.must(1, Entry{Roster: &Roster{Roster: r}})
	if w.s.Node(3) != nil {
		t.Fatal("not removed after a clean leave")
	}
}

func TestGrantsWaitForEverybody(t *testing.T) { // R12, I1
	w := newWorld(t, 3)
	if got := w.s.Unresolved(); len(got) != 0 {
		t.Fatalf("unresolved %v", got)
	}
	w.view(1, 2)
	if got := w.s.Unresolved(); len(got) != 1 || got[0] != 3 {
		t.Fatalf("unresolved %v", got)
	}
}

func TestSnapshotKeepsEverything(t *testing.T) { // R10, S3.10
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	b, err := w.s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Restore(b)
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != w.s.Hash() || again.Node(5).Victim == nil || again.Node(5).Victim.Claim == nil {
		t.Fatal("a snapshot lost something")
	}
	if _, err := Restore(append(b[:len(b)-1], []byte(`,"more":1}`)...)); err == nil {
		t.Fatal("a snapshot with unknown fields was believed")
	}
}

func TestAVictimEndsItsPowerOn(t *testing.T) { // V5
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	w.must(2, Entry{Claim: &ClaimEntry{Node: 5, Boot: "b5.0", Number: 2, On: true, DurationMS: 1000}})
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	n := w.s.Node(5)
	if n.PowerOn != nil || n.Victim == nil || len(n.Unquiet) != 1 || !n.Unquiet[0].On {
		t.Fatalf("off was asked for while a power-on may be in flight: %+v", n)
	}
	w.refused(1, w.claimEntry(5), "power-on of an earlier claim")
	w.must(2, Entry{Returned: &Returned{Node: 5, Number: 2}})
	w.claim(1, 5)
}

func TestTwoRequestsAtOnceDoNotTakeTheQuorum(t *testing.T) { // R21
	w := newWorld(t, 3)
	ask := func(id string, node fence.NodeID, force bool) Entry {
		return Entry{Request: &Request{ID: id, Node: node, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Force: force}}
	}
	w.must(1, ask("a", 2, false))
	w.refused(1, ask("b", 3, false), fence.ErrUnsafe.Error()) // both are in the view still, and together they are the majority
	w.must(1, ask("c", 3, true))
}

func TestAnOperatorsRequestNamesTheVictim(t *testing.T) { // R21
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	if w.s.Node(5).Victim.Named {
		t.Fatal("nobody asked for it by name")
	}
	w.must(1, Entry{Request: &Request{ID: "a", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "dlm"}})
	if w.s.Node(5).Victim.Named {
		t.Fatal("a program's report is no operator's word")
	}
	w.must(1, Entry{Request: &Request{ID: "b", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	if !w.s.Node(5).Victim.Named {
		t.Fatal("an operator who joins an open operation exceeds the brake by name")
	}
}
