package domain

import (
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
)

// ErrRejected is wrapped by every rejection of Apply; it is not a failure of the node: all members reject alike.
var ErrRejected = errors.New("entry rejected")

// EventKind is a word of the fixed grammar (INTERFACES.md, event line).
type EventKind string

// The transitions that Apply can cause.
const (
	EventView     EventKind = "view"
	EventVictim   EventKind = "victim"
	EventWould    EventKind = "would" // a victim that a disarmed cluster does not make
	EventClaim    EventKind = "claim"
	EventClaimEnd EventKind = "claim-end"
	EventEvidence EventKind = "evidence"
	EventVerdict  EventKind = "verdict"
	EventRelease  EventKind = "release"
	EventClean    EventKind = "clean"
	EventDirty    EventKind = "dirty"
	EventCanceled EventKind = "cancelled"
	EventHandover EventKind = "handover"
	EventAck      EventKind = "ack"
	EventArm      EventKind = "arm"
	EventDisarm   EventKind = "disarm"
	EventDisarms  EventKind = "disarming" // a disarm waits until the operations that run have ended
	EventRefused  EventKind = "refused"
	EventRequest  EventKind = "request"
	EventPowerOn  EventKind = "power-on"
	EventUnfence  EventKind = "unfence" // the ways that a cut had closed are open again, or that failed
	EventLeft     EventKind = "left"
	EventGone     EventKind = "gone"
	EventRoster   EventKind = "roster"
	EventCold     EventKind = "cold-start"
	EventReplace  EventKind = "replace"
	EventLocal    EventKind = "local-power" // forced power without claim and quorum (R31)
	EventPause    EventKind = "pause"
	EventResume   EventKind = "resume"
	EventStateful EventKind = "stateful"
	EventRecover  EventKind = "recover"
	EventHealth   EventKind = "device-health"
	EventDrill    EventKind = "drill"    // one step of a drill; Step says which
	EventDiverged EventKind = "diverged" // a member has another state than the majority, and is frozen (I3)
	EventFrozen   EventKind = "frozen"   // in a Notice: this node found that out
	EventThawed   EventKind = "thawed"
	EventHeld     EventKind = "held" // one of two came back and was lost again too often: it stays off (R23)
	// EventRestarting is a planned restart of a daemon: On when it begins, else what came of it (R26).
	EventRestarting EventKind = "restart"
)

// Event is one transition that every member saw at the same index, in the same order.
type Event struct {
	Kind EventKind
	Node fence.NodeID
	Life fence.Incarnation
	// Operation is the number of the operation that this is part of, 0 for none.
	Operation uint64
	Claim     uint64
	Actor     fence.NodeID
	Cause     fence.Cause
	On        bool
	Verdict   *fence.Verdict
	Request   string
	// By, Reason and Action are of the request that this event is about; Action of an EventWould is what would have been done.
	By     string
	Reason string
	Action fence.Action
	// Attempts and Times are those of the entry, for the local history.
	Attempts []Attempt
	Times    Times
	Text     string
	// Device and Class are of an EventHealth.
	Device, Class string
	// Step and Phases are of an EventDrill.
	Step   DrillStep
	Phases []PhaseTime
}

// Apply applies one committed entry. The error wraps ErrRejected when a rule forbids the entry; the state then is as before but for its
// index and counter. Who may call: the one goroutine that owns the state.
func (s *State) Apply(index uint64, by Origin, e Entry) ([]Event, error) {
	if index <= s.Index {
		return nil, fmt.Errorf("%w: index %d was applied before (now at %d)", ErrRejected, index, s.Index)
	}
	s.Index = index
	if s.index == nil || s.names == nil {
		s.counted()
	}
	defer s.counted()
	t, was := &turn{s: s, index: index, by: by}, s.Quorate()
	err := t.apply(e)
	if err != nil {
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

// Reject counts an entry that did not decode; every member does the same (R11).
func (s *State) Reject(index uint64) {
	s.Index = max(s.Index, index)
	s.Rejected++
}

// turn is one application of one entry; rules are its methods, one file for each family.
type turn struct {
	s      *State
	index  uint64
	by     Origin
	events []Event
	asked  *Request // the request that is applied, for its events
}

// emit notes a transition; what belongs to a node's open operation gets its number.
func (t *turn) emit(e Event) {
	if n := t.s.Node(e.Node); n != nil && e.Operation == 0 {
		switch {
		case n.Victim != nil:
			e.Operation = n.Victim.ID
		case n.Drill != nil:
			e.Operation = n.Drill.ID
		case n.PowerOn != nil:
			e.Operation = n.PowerOn.ID
		case n.Cut != nil && n.Cut.Claim != nil:
			e.Operation = n.Cut.ID
		}
	}
	if e.Kind == EventRequest && t.asked != nil {
		e.By, e.Reason, e.Action = t.asked.By, t.asked.Reason, t.asked.Action
	}
	t.events = append(t.events, e)
}

// number gives an operation its number.
func (t *turn) number() uint64 {
	t.s.Operations++
	return t.s.Operations
}

func (t *turn) apply(e Entry) error {
	if err := t.mayPropose(e); err != nil {
		return err
	}
	switch {
	case e.Feature != nil:
		return t.feature(*e.Feature)
	case e.Roster != nil:
		return t.roster(*e.Roster)
	case e.Arm != nil:
		return t.arm(*e.Arm)
	case e.Announce != nil:
		return t.announce(*e.Announce)
	case e.Stateful != nil:
		return t.stateful(*e.Stateful)
	case e.Leave != nil:
		return t.leave(*e.Leave)
	case e.Request != nil:
		return t.request(*e.Request)
	case e.Overdue != nil:
		return t.overdue(*e.Overdue)
	case e.Claim != nil:
		return t.claim(*e.Claim)
	case e.ClaimEnd != nil:
		return t.claimEnd(*e.ClaimEnd)
	case e.Returned != nil:
		return t.returned(*e.Returned)
	case e.Verdict != nil:
		return t.verdict(*e.Verdict)
	case e.PowerOn != nil:
		return t.powerDone(*e.PowerOn)
	case e.Ack != nil:
		return t.ack(*e.Ack)
	case e.Mapping != nil:
		return t.mapping(*e.Mapping)
	case e.Window != nil:
		return t.window(*e.Window)
	case e.Health != nil:
		return t.health(*e.Health)
	case e.Drill != nil:
		return t.drill(*e.Drill)
	case e.DrillReady != nil:
		return t.drillReady(*e.DrillReady)
	case e.DrillOff != nil:
		return t.drillOff(*e.DrillOff)
	case e.DrillEnd != nil:
		return t.drillEnd(*e.DrillEnd)
	case e.Replace != nil:
		return t.replace(*e.Replace)
	case e.Local != nil:
		return t.local(*e.Local)
	case e.Compare != nil:
		return t.compare(*e.Compare)
	case e.TimeOver != nil:
		return t.timeOver(*e.TimeOver)
	case e.Pause != nil:
		return t.pause(*e.Pause)
	case e.Restart != nil:
		return t.restart(*e.Restart)
	}
	return errors.New("entry of a kind that this build does not know (R11)")
}

// node returns a configured node, which the entry may change, or the error that names it.
func (t *turn) node(id fence.NodeID) (*Node, error) {
	n := t.s.Node(id)
	if n == nil {
		return nil, fmt.Errorf("%w: id %d", fence.ErrNoSuchNode, id)
	}
	t.touch(n)
	return n, nil
}

// quorate demands a quorate view: without one nothing is decided (R30, V3).
func (t *turn) quorate() error {
	if !t.s.Quorate() {
		return fence.ErrNoQuorum
	}
	return nil
}

// present demands that the proposer is the very daemon that the current view shows (I4).
func (t *turn) present() (*Node, error) {
	m, ok := t.s.InView(t.by.Node)
	if !ok || m != t.by {
		return nil, fmt.Errorf("%s (instance %s) is not in the view of epoch %d (I4)", t.by.Incarnation, t.by.Instance, t.s.View.Index)
	}
	return t.node(t.by.Node)
}

func (t *turn) name(id fence.NodeID) string { return t.s.Roster.Name(id) }
