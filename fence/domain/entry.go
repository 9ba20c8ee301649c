package domain

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/fenced-project/fenced/fence"
)

// Version is the version of the entry format. An entry of another version is rejected alike by all (R11).
const Version = 1

// FeatureLevel is the newest feature level that this build understands. New kinds of entry are written only after the committed level
// allows them; level 1 is everything in Entry that names no other.
// Kept for R11: R11-two-builds.txt, V18.
const FeatureLevel = 3

// MaxEntryBytes bounds one encoded entry.
const MaxEntryBytes = 256 << 10

// Entry is a versioned oneof: exactly one pointer is set. Views are not entries of this kind: they come from the membership provider.
type Entry struct {
	V int `json:"v"`
	// AtMS is when the proposer wrote it, in milliseconds of Unix time by its wall clock: for people's eyes in history, nothing depends on it.
	AtMS     int64       `json:"at_ms,omitempty"`
	Feature  *Feature    `json:"feature,omitempty"`
	Roster   *Roster     `json:"roster,omitempty"`
	Arm      *Arm        `json:"arm,omitempty"`
	Announce *Announce   `json:"announce,omitempty"`
	Stateful *Stateful   `json:"stateful,omitempty"`
	Leave    *Leave      `json:"leave,omitempty"`
	Request  *Request    `json:"request,omitempty"`
	Overdue  *Overdue    `json:"overdue,omitempty"`
	Claim    *ClaimEntry `json:"claim,omitempty"`
	ClaimEnd *ClaimEnd   `json:"claim_end,omitempty"`
	Returned *Returned   `json:"returned,omitempty"`
	Verdict  *Proof      `json:"verdict,omitempty"`
	PowerOn  *PowerDone  `json:"power_on,omitempty"`
	Ack      *Ack        `json:"ack,omitempty"`
	Mapping  *Mapping    `json:"mapping,omitempty"`
	Replace  *Replace    `json:"replace,omitempty"`
	Local    *LocalPower `json:"local,omitempty"` // level 2
	Window   *Window     `json:"window,omitempty"`
	// Level 3:
	Drill      *DrillStart   `json:"drill,omitempty"`
	DrillReady *DrillReady   `json:"drill_ready,omitempty"`
	DrillOff   *DrillOff     `json:"drill_off,omitempty"`
	DrillEnd   *DrillEnd     `json:"drill_end,omitempty"`
	Compare    *Compare      `json:"compare,omitempty"`
	Health     *HealthEntry  `json:"health,omitempty"`
	TimeOver   *TimeOver     `json:"time_over,omitempty"`
	Pause      *PauseEntry   `json:"pause,omitempty"`
	Restart    *RestartEntry `json:"restart,omitempty"`
}

// Origin is the daemon that proposed an entry, as the membership provider authenticated it.
type Origin struct {
	fence.Incarnation
	Instance string `json:"instance"`
}

// Feature raises the committed feature level; proposed only when every member announced that it has it (R11).
type Feature struct {
	Level int `json:"level"`
}

// Roster replaces the roster (R5). Its version must be one more than the committed one, so that two administrators cannot overwrite each other.
type Roster struct {
	Roster fence.Roster `json:"roster"`
	By     string       `json:"by"`
	Reason string       `json:"reason,omitempty"`
	// Force: also where the members that are there would not be quorate by it.
	Force bool `json:"force,omitempty"`
}

// Announce is what a node says of its own life after scanning (V11): clean or dirty. Nothing else makes a node clean.
type Announce struct {
	Clean bool `json:"clean"`
	// Unguarded: state was found on a node that was never armed here; it stays out and nobody fences it until it is adopted or rebooted (start table).
	Unguarded bool          `json:"unguarded,omitempty"`
	Why       string        `json:"why,omitempty"`
	Machine   fence.Machine `json:"machine"`
	// Since is the index of the arrival that this word belongs to (Node.Arrived): a word from before an absence is void (I4, S2.16).
	Since    uint64         `json:"since"`
	Roster   string         `json:"roster"` // hash of its own file's roster (R5)
	Feature  int            `json:"feature"`
	Watchdog fence.Watchdog `json:"watchdog,omitzero"`
	// WatchdogSince is the Node.ClosedAt that the proposer had applied when its watchdog was opened (level 3).
	WatchdogSince uint64 `json:"watchdog_since,omitempty"`
	Version       string `json:"version,omitempty"`
	// UpMS is how long this machine had been up when it said so, by its own clock: whoever drills a node learns from it whether it booted
	// after its power was cut (level 3, 0 for unknown).
	UpMS int64 `json:"up_ms,omitempty"`
	// Shared is what this life uses of what is shared, sorted (R18, level 3).
	Shared []string `json:"shared,omitempty"`
	// Resume is the nonce of the planned restart by which this daemon goes on where the one before it stood (R26, level 3).
	Resume string `json:"resume,omitempty"`
	// TwoMS is how long its corosync, which has two_node, may take until both nodes know of a split; 0 where it has not (R23, level 3).
	TwoMS int64 `json:"two_ms,omitempty"`
	// Halt: this life is dirty, stays so and has no vote: its machine runs, and nobody ends it from within (R24, level 3).
	Halt bool `json:"halt,omitempty"`
}

// Stateful commits that the proposer's life may use shared state, or, after a scan with the grant gate closed, that it does not (R12).
type Stateful struct {
	On bool `json:"on"`
	// Since is the Node.StatefulAt that the proposer of an off had applied: a later On makes it void.
	Since uint64 `json:"since,omitempty"`
}

// Leave is the proposer's clean leave: no state, scanned, nobody needs to fence it. Its life becomes stateless by this very entry (R12).
type Leave struct {
	Why string `json:"why,omitempty"`
	// Force lets it go although those who stay are not quorate without it.
	Force bool `json:"force,omitempty"`
}

// Request asks that a node's life be ended, or that it be powered on (R29).
type Request struct {
	ID     string       `json:"id"`
	Node   fence.NodeID `json:"node"`
	Boot   string       `json:"boot,omitempty"` // "" means the life that is known now
	Action fence.Action `json:"action"`
	Cause  fence.Cause  `json:"cause"` // operator or reported
	By     string       `json:"by"`
	Reason string       `json:"reason"`
	Force  bool         `json:"force,omitempty"`
}

// Overdue names lives that were given post_join_delay to announce themselves clean and did not (S2.8, R10).
type Overdue struct {
	Lives []fence.Incarnation `json:"lives"`
}

// ClaimEntry asks for the right to act on a victim or on a power-on obligation (R7, R8). The log's order picks one.
type ClaimEntry struct {
	Node       fence.NodeID `json:"node"`
	Boot       string       `json:"boot"`
	Number     uint64       `json:"number"`
	On         bool         `json:"on,omitempty"` // power on after a verdict (R9), not off
	DurationMS int64        `json:"duration_ms"`
	// Answers says that the actor still hears the victim on some channel: a possible false detection (R21).
	Answers bool `json:"answers,omitempty"`
	// Again says that the actor tried in this round and that, by its own timer, none of the others took its turn (R8).
	Again bool `json:"again,omitempty"`
	// Drill asks for the claim of the open drill (level 3).
	Drill bool `json:"drill,omitempty"`
	// Unfence asks for the claim to open the ways that a cut has closed; Boot is the life that waits for it (level 3).
	Unfence bool `json:"unfence,omitempty"`
}

// ClaimEnd ends an active claim without a verdict.
type ClaimEnd struct {
	Node   fence.NodeID `json:"node"`
	Number uint64       `json:"number"`
	// Expired: proposed by anyone after the claim's duration by its own timer (R8). Else the actor says that its walk failed.
	Expired bool `json:"expired,omitempty"`
	// Quiet: every call of the claim has returned, nothing is in flight (R9).
	Quiet    bool      `json:"quiet,omitempty"`
	Text     string    `json:"text,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// Switched are the levels of which it commanded devices off, or may have (level 3).
	Switched []int `json:"switched,omitempty"`
}

// Attempt is one try at one device, for history. Class is one of INTERFACES.md's attempt classes.
type Attempt struct {
	Level  int    `json:"level"`
	Device string `json:"device"`
	Action string `json:"action"`
	Result string `json:"result"`
	Class  string `json:"class"`
	MS     int64  `json:"ms"`
	Text   string `json:"text,omitempty"`
	// Login is the digest of what the actor logged in with, "" where it has none (level 3).
	Login string `json:"login,omitempty"`
}

// MaxAttempts and MaxText bound what one entry may carry for history; what is beyond is cut by the proposer and refused here.
const (
	MaxAttempts = 64
	MaxText     = 512
)

// Returned says that nothing of an earlier claim can take effect any more (R9): its calls returned, or (Elapsed) its deadline and the
// longest effect time are over by the proposer's own timer since it applied the claim.
type Returned struct {
	Node    fence.NodeID `json:"node"`
	Number  uint64       `json:"number"`
	Elapsed bool         `json:"elapsed,omitempty"`
}

// Window says that, by the proposer's own timer since it knew of that claim, the brake's window for a victim that answered is over (R21).
type Window struct {
	Life fence.Incarnation `json:"life"`
}

// Proof proposes a verdict: the actor's evidence, obtained under its active claim (R6, R16).
type Proof struct {
	Node     fence.NodeID   `json:"node"`
	Boot     string         `json:"boot"`
	Evidence fence.Evidence `json:"evidence"`
	// Quiet: no call of this claim is in flight any more. One level may have proven what another's late command still repeats (R9).
	Quiet    bool      `json:"quiet"`
	Attempts []Attempt `json:"attempts,omitempty"`
	Times    Times     `json:"times"`
	// Switched are the levels of which its walk commanded devices off, or may have (level 3).
	Switched []int `json:"switched,omitempty"`
}

// Times are durations of one operation in milliseconds, measured by the actor, for history only.
type Times struct {
	OffMS    int64 `json:"off_ms"`
	VerifyMS int64 `json:"verify_ms"`
}

// PowerDone ends a claim to power on, or to open what a cut has closed.
type PowerDone struct {
	Node     fence.NodeID `json:"node"`
	Number   uint64       `json:"number"`
	OK       bool         `json:"ok"`
	Quiet    bool         `json:"quiet"`
	Text     string       `json:"text,omitempty"`
	Attempts []Attempt    `json:"attempts,omitempty"`
}

// Ack is a human's word that one life of one node is over (R19, V9).
type Ack struct {
	Node   fence.NodeID `json:"node"`
	Boot   string       `json:"boot"`
	By     string       `json:"by"`
	Reason string       `json:"reason"`
}

// Mapping ends a drill well: what its level reaches is that node (R16 a, V6). Proposed by the drill's actor, which saw all of it.
type Mapping struct {
	Node fence.NodeID `json:"node"`
	// Mapping is the fence.Level.Reach of the drilled level. Before feature level 3 it was a proof itself.
	Mapping string `json:"mapping"`
	// Drill is the number of the drill that proved it. Before feature level 3 there were no drills, and the word of a member was taken.
	Drill  uint64      `json:"drill,omitempty"`
	Phases []PhaseTime `json:"phases,omitempty"`
	Text   string      `json:"text,omitempty"`
}

// Encode encodes an entry for the log.
func Encode(e Entry) ([]byte, error) {
	e.V = Version
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("cannot encode entry: %w", err)
	}
	if len(b) > MaxEntryBytes {
		return nil, fmt.Errorf("cannot encode entry: %d bytes, at most %d are allowed", len(b), MaxEntryBytes)
	}
	return b, nil
}

// Decode decodes one entry strictly: another version, an unknown kind or field, none or more than one kind are errors, the same for every member.
func Decode(b []byte) (Entry, error) {
	var e Entry
	if len(b) > MaxEntryBytes {
		return e, fmt.Errorf("entry has %d bytes, at most %d are allowed", len(b), MaxEntryBytes)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("entry does not decode: %w", err)
	}
	if d.More() {
		return e, fmt.Errorf("entry has something behind its end")
	}
	if e.V != Version {
		return e, fmt.Errorf("entry has version %d, this build knows %d", e.V, Version)
	}
	if n := e.kinds(); n != 1 {
		return e, fmt.Errorf("entry has %d kinds, exactly one is allowed", n)
	}
	return e, nil
}

func (e Entry) kinds() int {
	n := 0
	for _, set := range []bool{
		e.Feature != nil, e.Roster != nil, e.Arm != nil, e.Announce != nil, e.Stateful != nil, e.Leave != nil, e.Request != nil,
		e.Overdue != nil, e.Claim != nil, e.ClaimEnd != nil, e.Returned != nil, e.Verdict != nil, e.PowerOn != nil, e.Ack != nil, e.Mapping != nil,
		e.Replace != nil, e.Local != nil, e.Window != nil, e.Drill != nil, e.DrillReady != nil, e.DrillOff != nil, e.DrillEnd != nil, e.Health != nil, e.Compare != nil,
		e.TimeOver != nil, e.Pause != nil, e.Restart != nil,
	} {
		if set {
			n++
		}
	}
	return n
}
