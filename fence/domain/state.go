package domain

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// State is the replicated state. Only Apply, ApplyView and Decode-of-a-snapshot change it; everybody else reads.
type State struct {
	// Index is the log index of the last applied entry or view.
	Index uint64 `json:"index"`
	// Generation counts cold starts (R10).
	Generation uint64       `json:"generation"`
	Feature    int          `json:"feature"`
	Roster     fence.Roster `json:"roster"`
	RosterHash string       `json:"roster_hash"`
	Armed      bool         `json:"armed"`
	// EverArmed is true since an operator armed for the first time: before that nothing here was ever guarded (start table, "unguarded").
	EverArmed bool `json:"ever_armed"`
	// Disarm is the newest word that the cluster is not to act: pending while it is armed, else in force (level 3).
	Disarm *Disarm `json:"disarm,omitempty"`
	// Paused are the pauses in force, sorted by node (level 3).
	Paused []Pause `json:"paused,omitempty"`
	View   View    `json:"view"`
	Nodes  []Node  `json:"nodes"` // sorted by id, one for each node of the roster
	// Removed remembers of nodes that left the roster what must not come back (R16).
	Removed []Removed `json:"removed,omitempty"`
	// Operations numbers operations: the same number on every member, never reused.
	Operations uint64 `json:"operations"`
	// Answering are the victims that still answered when they were claimed, until somebody says that the brake's window is over (R21).
	Answering []fence.Incarnation `json:"answering,omitempty"`
	// Comparison is the newest one of the members' states, nil before the first (I3).
	Comparison *Comparison `json:"comparison,omitempty"`
	// Health is what the newest probes of devices said, by device and target.
	Health []DeviceHealth `json:"health,omitempty"`
	// Logins are those that devices refused, by device and digest (R28; level 3).
	Logins []RefusedLogin `json:"logins,omitempty"`
	// Rejected counts entries that were not applied.
	Rejected uint64 `json:"rejected"`

	index *index // derived, see there
	names *names // derived, see there
}

// View is the installed view. Its epoch is its index.
type View struct {
	Index   uint64   `json:"index"`
	Members []Origin `json:"members"` // sorted by node id
	Quorate bool     `json:"quorate"`
}

// Phase is what the domain knows of a node's present life, beside whether it is a victim.
type Phase string

// The phases. Gone is a committed-stateless life that vanished: nobody's victim.
const (
	PhaseAbsent  Phase = "absent"
	PhaseJoining Phase = "joining"
	PhaseMember  Phase = "member"
	PhaseDirty   Phase = "dirty"
	PhaseLeft    Phase = "left"
	PhaseGone    Phase = "gone"
	// PhaseUnguarded is a node with state from before the first installation: it blocks grants and is fenced by nobody.
	PhaseUnguarded Phase = "unguarded"
)

// Node is what the domain remembers of one node.
type Node struct {
	ID    fence.NodeID `json:"id"`
	Phase Phase        `json:"phase"`
	// Life is the newest life that a view or an announcement showed; LifeIndex the index at which it was first seen.
	Life      fence.Incarnation `json:"life"`
	LifeIndex uint64            `json:"life_index,omitempty"`
	// Arrived is the index from which Life's daemon owes its announcement: its arrival in the view, or when it may announce itself anew.
	Arrived uint64 `json:"arrived,omitempty"`
	// Foreign is the machine that Life announced where it is not this node's (R2): our devices prove nothing about that life.
	Foreign *fence.Machine `json:"foreign,omitempty"`
	// Instance is the daemon of Life that is in the view, "" when it is not.
	Instance string `json:"instance,omitempty"`
	// Machine is declared by the roster or learned from the first admitted announcement; evidence must match it (R16).
	Machine  fence.Machine  `json:"machine"`
	Watchdog fence.Watchdog `json:"watchdog,omitzero"`
	// ClosedAt is the index of the newest entry from which on Life's watchdog may be closed, or of Life's first sight (level 3).
	ClosedAt uint64 `json:"closed_at,omitempty"`
	Stateful bool   `json:"stateful,omitempty"`
	// StatefulAt is the index of the newest word that this node may hold state, where the policy allows it to say that it does not (R12).
	StatefulAt uint64 `json:"stateful_at,omitempty"`
	// Roster is the hash that the life announced; a life with another one does not act (R5).
	Roster  string `json:"roster,omitempty"`
	Feature int    `json:"feature,omitempty"`
	Version string `json:"version,omitempty"`
	// TwoMS is what its newest daemon announced of corosync's two_node, 0 for not (level 3).
	TwoMS int64 `json:"two_ms,omitempty"`
	// Unknown: since a cold start nobody knows whether this node holds state; it must announce itself clean or be fenced (R10).
	Unknown bool `json:"unknown,omitempty"`
	// Added: it was added to a running cluster and has never been in a view: no vote is counted for it and nothing is unknown about it (0029).
	Added bool `json:"added,omitempty"`
	// Former are machines that were given up for this node: never accepted again, unless declared (R2).
	Former []fence.Machine `json:"former,omitempty"`
	// Suspect is the instance that departed in a view without quorum, "" when none did (R30).
	Suspect string `json:"suspect,omitempty"`
	// Lapsed is the life of a suspect that another daemon replaced before there was quorum: it cannot show continuity any more (R30).
	Lapsed fence.Incarnation `json:"lapsed,omitzero"`
	// Restart is the planned restart of Life's daemon that is under way (R26, level 3).
	Restart *Restart `json:"restart,omitempty"`
	// Restarted is the index at which the newest planned restart of Life ended well, 0 once an hour is over (R26, level 3).
	Restarted uint64 `json:"restarted,omitempty"`
	// Pending is a clean announcement that waits until the old life is over and nothing is in flight (R9).
	Pending *Announce `json:"pending,omitempty"`
	Why     string    `json:"why,omitempty"`
	Victim  *Victim   `json:"victim,omitempty"`
	PowerOn *PowerOn  `json:"power_on,omitempty"`
	OffHeld bool      `json:"off_held,omitempty"`
	// Losses are those of one of two nodes with two_node, with too little time between them (R23, level 3).
	Losses Losses `json:"losses,omitzero"`
	// Switched are the levels, ascending, of which claims may have commanded devices off since a life was admitted or they were powered on (level 3).
	Switched []int `json:"switched,omitempty"`
	// Shared is what Life has announced that it uses of what is shared, sorted (level 3).
	Shared []string `json:"shared,omitempty"`
	// Rewired: the ways of Life were configured otherwise when it booted, so no cut of it covers them for certain (level 3).
	Rewired bool `json:"rewired,omitempty"`
	// Cut is what is closed of its ways to what is shared (level 3).
	Cut *Cut `json:"cut,omitempty"`
	// Opened is what its own daemon has opened, in the newest boot that did (level 3).
	Opened *Opened `json:"opened,omitempty"`
	// NextClaim is the number of the next claim on this node; numbers never repeat. Unquiet are ended claims of which something may still be in flight (R9).
	NextClaim uint64         `json:"next_claim"`
	Unquiet   []Claim        `json:"unquiet,omitempty"`
	Last      *fence.Verdict `json:"last,omitempty"`
	// LastOperation is the operation that Last ended.
	LastOperation uint64 `json:"last_operation,omitempty"`
	// Ended are the newest boots that a verdict or a new life ended: none of them is ever admitted again.
	Ended  []string `json:"ended,omitempty"`
	Proven []string `json:"proven,omitempty"` // proofs (fence.Level.Proof) that drills gave
	// Drill is the open drill on this node, LastDrill what came of the newest one.
	Drill     *Drill     `json:"drill,omitempty"`
	LastDrill *LastDrill `json:"last_drill,omitempty"`
	// Lost: an operator gave this node up for ever with `fenced recover`; its vote does not count until it is admitted again (R4).
	Lost bool `json:"lost,omitempty"`
	// Frozen is the daemon whose state was not the majority's: it does nothing until another one takes its place (I3).
	Frozen string `json:"frozen,omitempty"`
	// Halted is the boot of the life that has said that it halts: its vote does not count (R24, level 3).
	Halted string `json:"halted,omitempty"`
}

// maxEnded bounds Node.Ended; boot ids are random, so one that is older than eight lives of the same machine comes back only from a restored image.
const maxEnded = 8

// Victim is an open victim with its operation.
type Victim struct {
	fence.Victim
	ID       uint64 `json:"id"`
	Requests []Ask  `json:"requests,omitempty"`
	Force    bool   `json:"force,omitempty"`
	// Named: an operator asked for this node by name, which the brake does not hold (R21).
	Named bool `json:"named,omitempty"`
	// AskedAt is the index of the newest request of an operator, 0 for none (level 3).
	AskedAt uint64 `json:"asked_at,omitempty"`
	// Vouched is the word of the person who gave this node up: it ends the operation when a full round could prove nothing (R4, R19).
	Vouched *Ask `json:"vouched,omitempty"`
	// Joined is the index of a view that had its quorum only from daemons that joined: whoever went at the same time as they did may be just
	// coming too, so a claim waits for it once (pitfall 11). 0 for none.
	Joined uint64 `json:"joined,omitempty"`
	// Restore: a drill may have switched this machine off and nobody has switched it on again, so that its last read says nothing of why it is
	// off: unless it is to stay off, the power of all its levels comes back after the verdict.
	Restore bool `json:"restore,omitempty"`
	// First is the number of the first claim on it: only that claim's first read saw the machine as we found it (R10).
	First uint64 `json:"first,omitempty"`
	// Watchdog is what this life had announced of its own when it became a victim (level 3).
	Watchdog fence.Watchdog `json:"watchdog,omitzero"`
	// Shared is what this life had announced that it uses of what is shared (level 3).
	Shared []string `json:"shared,omitempty"`
	// Rewired: its ways were configured otherwise when it booted (level 3).
	Rewired bool           `json:"rewired,omitempty"`
	Claim   *Claim         `json:"claim,omitempty"`
	Tried   []fence.NodeID `json:"tried,omitempty"` // actors whose walk failed in this round (R8)
	Round   int            `json:"round"`           // full rounds in which nobody succeeded
}

// Ask is one request that an operation serves.
type Ask struct {
	ID     string `json:"id"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

const maxAsks = 16

// maxUnquiet bounds Node.Unquiet: no claim is given while so many are waited for; each of them ends by its actor's word or by time (R9).
const maxUnquiet = 64

// PowerOn is the obligation to power a machine on again after its verdict (R9).
type PowerOn struct {
	ID  uint64            `json:"id"`
	For fence.Incarnation `json:"for"`
	// Level is whose devices are asked, less than 0 for those of all levels: one of them may be off because of a drill.
	Level int `json:"level"`
	// Force: an operator's command, carried out also while disarmed.
	Force bool `json:"force,omitempty"`
	// Named: an operator asked for it, or for the operation that it ends, by name: a pause does not hold it (level 3).
	Named bool `json:"named,omitempty"`
	// AskedAt is the index of the newest request of an operator, 0 for none (level 3).
	AskedAt uint64 `json:"asked_at,omitempty"`
	// Drill: what a drill switched off, perhaps another machine's outlet: it is switched on again even if the node runs.
	Drill bool           `json:"drill,omitempty"`
	Claim *Claim         `json:"claim,omitempty"`
	Tried []fence.NodeID `json:"tried,omitempty"`
	Round int            `json:"round"`
}

// Claim is a committed claim (R7).
type Claim struct {
	Number     uint64 `json:"number"`
	Boot       string `json:"boot"`
	Actor      Origin `json:"actor"`
	Index      uint64 `json:"index"`
	On         bool   `json:"on,omitempty"`
	DurationMS int64  `json:"duration_ms"`
	// EffectMS is the longest time by which an effect of its devices may lag (R9).
	EffectMS int64 `json:"effect_ms"`
	Answers  bool  `json:"answers,omitempty"`
	// Drill: it is the claim of a drill, on a node that holds nothing.
	Drill bool `json:"drill,omitempty"`
	// Unfence: it opens the ways that a cut has closed (level 3).
	Unfence bool `json:"unfence,omitempty"`
	// Local names the forced power that this stands for: no claim was given, it is only waited for (R31).
	Local string `json:"local,omitempty"`
}

// New is the state before the first entry, with the roster that bootstrap commits first.
func New() *State { return &State{} }

// Node returns the node with this id, or nil. It is asked often and a Node is large, so nothing is copied.
func (s *State) Node(id fence.NodeID) *Node {
	low, high := 0, len(s.Nodes)
	if i := int(id) - 1; i >= 0 && i < high && s.Nodes[i].ID == id {
		return &s.Nodes[i] // the usual roster counts from one
	}
	for low < high {
		mid := (low + high) / 2
		if s.Nodes[mid].ID < id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(s.Nodes) && s.Nodes[low].ID == id {
		return &s.Nodes[low]
	}
	return nil
}

// InView returns the daemon of this node that is in the view.
func (s *State) InView(id fence.NodeID) (Origin, bool) {
	if i, ok := place(s.View.Members, id); ok {
		return s.View.Members[i], true
	}
	return Origin{}, false
}

// Shows reports whether the view shows this very daemon. It is asked several times for each input, so nothing is copied.
func (s *State) Shows(o *Origin) bool {
	i, ok := place(s.View.Members, o.Node)
	return ok && s.View.Members[i] == *o
}

// Clean reports whether the node is an admitted clean member of the view and no victim.
func (s *State) Clean(id fence.NodeID) bool {
	n := s.Node(id)
	return n != nil && n.Phase == PhaseMember && n.Victim == nil && n.Instance != ""
}

// Eligible reports whether the node may claim (R8): clean, admitted, no victim, equal roster, no witness, not frozen, not paused itself, not about to restart.
func (s *State) Eligible(id fence.NodeID) bool {
	if !s.Clean(id) || s.Node(id).Outvoted() || s.PausedNode(id) || s.Node(id).Restart != nil {
		return false
	}
	r, ok := s.Roster.Node(id)
	return ok && !r.Witness && s.Node(id).Roster == s.RosterHash
}

// Eligibles returns all nodes that may claim, in rank order: ascending node ids.
func (s *State) Eligibles() []fence.NodeID {
	var ids []fence.NodeID
	for i := range s.Nodes {
		if id := s.Nodes[i].ID; s.Eligible(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// IsOver reports whether this life has a verdict or was replaced by a proven later one. Such a life is never admitted (R16).
func (s *State) IsOver(i fence.Incarnation) bool {
	n := s.Node(i.Node)
	return n != nil && slices.Contains(n.Ended, i.Boot)
}

// Victims returns the nodes that have an open victim.
func (s *State) Victims() []*Node {
	var out []*Node
	s.matters(func(n *Node) bool {
		if n.Victim != nil {
			out = append(out, n)
		}
		return true
	})
	return out
}

// Unresolved reports whether any life may hold state and is neither fenced nor clean: while one exists nobody gets a grant (R12, I1).
func (s *State) Unresolved() []fence.NodeID {
	var ids []fence.NodeID
	for i := range s.Nodes {
		n := &s.Nodes[i]
		r, _ := s.Roster.Node(n.ID)
		if n.Victim != nil || n.Suspect != "" || !n.Lapsed.Zero() || (n.Unknown && !r.Witness) || n.Phase == PhaseDirty || n.Phase == PhaseUnguarded || n.Away() {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// Votes sums the votes of the members of the view but for one node (0 for none), for lives that have their verdict (the next reset takes theirs, and
// nobody asks before), and for lives that halt.
func (s *State) Votes(without fence.NodeID) int {
	return s.sum(without, func(m Origin) bool { return !s.Judged(m.Incarnation) && !s.Halts(m.Incarnation) })
}

// Judge collects what admissibility of evidence on node n depends on, from committed state alone.
func (s *State) Judge(n *Node) fence.Judge { return s.judge(n, s.allBut(n)) }

func (s *State) judge(n *Node, others []*Node) fence.Judge {
	r, _ := s.Roster.Node(n.ID)
	j := fence.Judge{Levels: r.Levels, Devices: s.Roster.Devices, Proven: n.Proven, Watchdog: s.watchdogOf(n), Policy: s.Roster.Policy}
	j.Others = make([]fence.Machine, 0, len(others))
	for _, o := range others {
		if o.Machine.Known() {
			j.Others = append(j.Others, o.Machine)
		}
	}
	if n.Victim != nil && n.Victim.Claim != nil {
		j.Claim = n.Victim.Claim.Number
	}
	s.judgeCut(n, &j)
	return j
}
