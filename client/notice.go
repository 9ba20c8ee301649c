package client

import (
	"bytes"
	"encoding/json"
)

// The roles of a program that registers. One that watches may use what is shared once it is granted; one that reports asks for fencing and
// uses nothing (R29).
const (
	RoleWatch  = "watch"
	RoleReport = "report"
)

// MaxClientName is the most bytes of a registration's name: letters, digits and . - _ @ : /, beginning with a letter or digit.
const MaxClientName = 64

// Registration is what a program says of itself when it registers with the daemon of its own machine.
type Registration struct {
	// Name tells it from others on this machine: only one of a name is registered at a time.
	Name string `json:"name"`
	// Role is RoleWatch, also where it is "", or RoleReport.
	Role string `json:"role"`
	// Critical: if this program goes without saying that it is done while it may use what is shared, this machine's life ends (S4).
	Critical bool `json:"critical,omitempty"`
	// After is the index of the newest NoticeReleased that was handled, in any earlier session: whatever was committed after it, and is still
	// known, is told again. 0 begins with what comes.
	After uint64 `json:"after,omitempty"`
}

// What a registered program is told. Readers ignore words that they do not know.
const (
	// NoticeState is the first of every stream, and what is true where it begins.
	NoticeState = "state"
	// NoticeGranted: it may use what is shared.
	NoticeGranted = "granted"
	// NoticeRefused: not yet; Why says why. NoticeGranted follows when the reason is gone.
	NoticeRefused = "grant-refused"
	// NoticeFrozen: nothing is released or granted on this node, start nothing new.
	NoticeFrozen = "frozen"
	// NoticeThawed: that is over, a grant still stands.
	NoticeThawed = "thawed"
	// NoticeReleased: this life, and every earlier life of that node, can touch nothing any more: recover from it.
	NoticeReleased = "released"
	// NoticeFailed: this node's life is over for the others: stop using what is shared, now. Nothing follows.
	NoticeFailed = "you-are-failed"
	// NoticeHeartbeat: the daemon's mind is at work. It comes every HeartbeatMS.
	NoticeHeartbeat = "heartbeat"
)

// Notice is one line of a registered program's stream.
type Notice struct {
	API string `json:"api"`
	// Client is the registration's id: never used again, also by another run of the daemon.
	Client uint64 `json:"client"`
	// Seq counts the lines of this stream from 1. A jump means that something is wrong: it is never healed, the stream is over.
	Seq uint64 `json:"seq"`
	// Index is the newest log index that this node had applied. Of NoticeReleased it is the verdict's, and what Registration.After resumes with.
	Index uint64 `json:"index"`
	Event string `json:"event"`
	// Node and Incarnation are the life that is released, with its Verdict; with NoticeFailed, this node's own.
	Node        string `json:"node,omitempty"`
	Incarnation string `json:"incarnation,omitempty"`
	Verdict     string `json:"verdict,omitempty"`
	Why         string `json:"why,omitempty"`
	At          Time   `json:"at,omitzero"`

	// The rest is set with NoticeState.

	Granted bool `json:"granted,omitempty"`
	Frozen  bool `json:"frozen,omitempty"`
	// Unresolved are the victims that are not released yet; Unknown the nodes of which nothing is known since a cold start (R10).
	Unresolved List[Life]   `json:"unresolved,omitempty"`
	Unknown    List[string] `json:"unknown,omitempty"`
	// HeartbeatMS is how often NoticeHeartbeat comes at least. Whoever hears nothing for LateHeartbeats times as long is failed.
	HeartbeatMS int64 `json:"heartbeat_ms,omitempty"`
}

// Life is one life of one node.
type Life struct {
	Node        string `json:"node"`
	Incarnation string `json:"incarnation"`
}

// Unregistered says that a client's word was taken that it uses nothing any more.
type Unregistered struct {
	API    string `json:"api"`
	Client uint64 `json:"client"`
}

// LateHeartbeats times HeartbeatMS without a line is a silence that means the same as the end of the stream.
const LateHeartbeats = 3

// MarshalJSON writes what belongs to NoticeState also where it is false or empty, and leaves it out elsewhere.
func (n Notice) MarshalJSON() ([]byte, error) {
	type plain Notice
	var doc any = plain(n)
	if n.Event == NoticeState {
		doc = struct {
			plain
			Granted    bool         `json:"granted"`
			Frozen     bool         `json:"frozen"`
			Unresolved List[Life]   `json:"unresolved"`
			Unknown    List[string] `json:"unknown"`
		}{plain(n), n.Granted, n.Frozen, n.Unresolved, n.Unknown}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// readNotice reads the line that must be number seq of a stream of client id (0: the first, whose id it brings). Whatever is wrong is an error:
// a stream that cannot be understood says nothing that one could rely on.
func readNotice(line []byte, id, seq uint64) (Notice, error) {
	var n Notice
	if err := json.Unmarshal(line, &n); err != nil {
		return Notice{}, Errorf(CodeUnreachable, "cannot read a notice: %v", err)
	}
	switch {
	case n.API != API:
		return Notice{}, Errorf(CodeUnreachable, "a notice is of %.20q, not of %s", n.API, API)
	case n.Client == 0 || id != 0 && n.Client != id:
		return Notice{}, Errorf(CodeUnreachable, "a notice is for client %d, not for %d", n.Client, id)
	case n.Seq != seq:
		return Notice{}, Errorf(CodeUnreachable, "notice %d came where %d belongs", n.Seq, seq)
	case n.Event == "":
		return Notice{}, Errorf(CodeUnreachable, "notice %d says nothing", n.Seq)
	case (seq == 1) != (n.Event == NoticeState):
		return Notice{}, Errorf(CodeUnreachable, "notice %d is %.20q: a stream begins with its state, once", n.Seq, n.Event)
	case seq == 1 && (n.HeartbeatMS <= 0 || n.HeartbeatMS > longestHeartbeat.Milliseconds()):
		return Notice{}, Errorf(CodeUnreachable, "a heartbeat every %d ms cannot be relied upon", n.HeartbeatMS)
	case n.Event == NoticeReleased && (n.Node == "" || n.Incarnation == "" || n.Index == 0):
		return Notice{}, Errorf(CodeUnreachable, "notice %d releases nobody", n.Seq)
	}
	return n, nil
}
