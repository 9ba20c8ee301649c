package fence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Roster is the one committed description of the cluster (R5): nodes, levels, devices without secrets, timings, policies.
// It is proposed from a file by `fenced apply` and by bootstrap; whoever applies an entry reads only the committed one.
// Kept for R5: S5.8, V17.
type Roster struct {
	Version uint64       `json:"version"`
	Cluster string       `json:"cluster"`
	Nodes   []RosterNode `json:"nodes"`   // sorted by id
	Devices []Device     `json:"devices"` // sorted by name
	Timing  Timing       `json:"timing"`
	Policy  Policy       `json:"policy"`
	// Shared is what nodes share and what cuts them off from it, sorted by name (R18, level 3).
	Shared []Shared `json:"shared,omitempty"`
}

// RosterNode is one configured node.
type RosterNode struct {
	ID   NodeID `json:"id"`
	Name string `json:"name"`
	// Address is host:port of the membership transport; the ping mesh uses the same port by UDP.
	Address string `json:"address"`
	Votes   int    `json:"votes"`
	Witness bool   `json:"witness,omitempty"`
	// Machine is declared by the administrator; where it is unset the identity is learned from the first clean announcement.
	Machine *Machine `json:"machine,omitempty"`
	Levels  []Level  `json:"levels"`
	// Action is what an automatic operation ends with: ActionReboot (power on again) or ActionOff (hold off).
	Action Action `json:"action"`
	// Shared names what this node uses of Roster.Shared, sorted (level 3).
	Shared []string `json:"shared,omitempty"`
}

// Timing holds the durations of the cluster, all in milliseconds.
type Timing struct {
	FailureTimeoutMS int64 `json:"failure_timeout_ms"`
	PingMS           int64 `json:"ping_ms"`
	PostJoinDelayMS  int64 `json:"post_join_delay_ms"`
	PostFailDelayMS  int64 `json:"post_fail_delay_ms"`
	LeaseMS          int64 `json:"lease_ms"`
	// StaggerMS lies between the proposals of two eligible members for the same claim (R8).
	StaggerMS int64 `json:"stagger_ms"`
	// AssumeDeadMS is within what time from a life's victim entry its own watchdog must have reset it, by every node's values: who would need
	// longer is not admitted with an open watchdog (V10). 0: each node's own values say how long is waited.
	AssumeDeadMS int64 `json:"assume_dead_after_ms,omitempty"`
}

// Policy holds what an administrator decides once for the whole cluster.
type Policy struct {
	MaxConcurrent int    `json:"max_concurrent"` // R21
	BrakeWindowMS int64  `json:"brake_window_ms"`
	OnResidual    string `json:"on_residual"` // self-fence | vote-only | halt
	EvenSplit     string `json:"even_split"`  // freeze | lowest-id | node NAME | witness
	HistoryKeep   int    `json:"history_keep"`
	// WatchdogWhilePaused declares that watchdogs of virtual machines here run while the guest is paused; AcceptSoftdog accepts softdog (R15).
	WatchdogWhilePaused bool `json:"watchdog_while_paused,omitempty"`
	AcceptSoftdog       bool `json:"accept_softdog,omitempty"`
	// IdleStateless lets a member on which no client holds or waits for a grant count as stateless, after a clean scan (R12, S4.4). Only where
	// every program that uses what is shared asks first: kernel dlm cannot.
	IdleStateless bool `json:"idle_stateless,omitempty"`
	// MinorityMS ends a stateful life that has no open watchdog and no lease for so long (S1.14); 0 is never. One with a watchdog goes down when
	// its lease ends, whatever this says.
	MinorityMS int64 `json:"minority_timeout_ms,omitempty"`
}

// The values of Policy.OnResidual.
const (
	ResidualSelfFence = "self-fence"
	ResidualVoteOnly  = "vote-only"
	ResidualHalt      = "halt"
)

// Hash identifies the content of the roster but for its version: two members with equal hashes act on equal facts (R5).
func (r Roster) Hash() string {
	r.Version = 0
	b, err := json.Marshal(r)
	if err != nil { // only plain structs, strings and numbers: cannot happen
		panic("fence: roster does not encode: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Node returns the configured node with this id.
func (r *Roster) Node(id NodeID) (RosterNode, bool) {
	if i, ok := r.Place(id); ok {
		return r.Nodes[i], true
	}
	return RosterNode{}, false
}

// Place is where in Nodes the node with this id stands. It is asked for every node of a large cluster at every tick: a committed roster is
// sorted by id, so it is found without looking at the others. One that is not sorted, as in a file before it is checked, is read through.
func (r *Roster) Place(id NodeID) (int, bool) {
	if i := int(id) - 1; i >= 0 && i < len(r.Nodes) && r.Nodes[i].ID == id {
		return i, true // the usual roster counts from one
	}
	low, high := 0, len(r.Nodes)
	for low < high {
		if mid := (low + high) / 2; r.Nodes[mid].ID < id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(r.Nodes) && r.Nodes[low].ID == id {
		return low, true
	}
	for i := range r.Nodes {
		if r.Nodes[i].ID == id {
			return i, true
		}
	}
	return 0, false
}

// ByName returns the configured node with this name. Names are case-sensitive.
func (r *Roster) ByName(name string) (RosterNode, bool) {
	for _, n := range r.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return RosterNode{}, false
}

// Name returns the name of a node, or its number where the roster does not know it.
func (r *Roster) Name(id NodeID) string {
	if n, ok := r.Node(id); ok {
		return n.Name
	}
	return "node#" + itoa(uint64(id))
}

// Device returns the device with this name.
func (r *Roster) Device(name string) (Device, bool) {
	return findDevice(r.Devices, name)
}

// Quorum is the number of votes that a view needs: more than half of all configured votes.
func (r *Roster) Quorum() int {
	sum := 0
	for _, n := range r.Nodes {
		sum += n.Votes
	}
	return sum/2 + 1
}

func itoa(n uint64) string {
	b, _ := json.Marshal(n)
	return string(b)
}
