package client

// The words of the event grammar, the same in the API, in the log and in `fenced watch`. Readers ignore words they do not know.
const (
	EventView         = "view"
	EventSuspect      = "suspect"
	EventUnsuspect    = "unsuspect"
	EventVictim       = "victim"
	EventWould        = "would" // what a disarmed cluster would have done
	EventRequest      = "request"
	EventClaim        = "claim"
	EventClaimEnd     = "claim-end"
	EventAttempt      = "attempt"
	EventEvidence     = "evidence"
	EventVerdict      = "verdict"
	EventRelease      = "release"
	EventGranted      = "granted"
	EventGrantRefused = "grant-refused"
	EventFrozen       = "frozen"
	EventThawed       = "thawed"
	EventClean        = "clean"
	EventDirty        = "dirty"
	EventCancelled    = "cancelled"
	EventHandover     = "handover"
	EventPowerOn      = "power-on"
	EventUnfence      = "unfence" // what a cut had closed is open again, or that failed; Result says which
	EventAck          = "ack"
	EventArm          = "arm"
	EventDisarm       = "disarm"
	EventDisarming    = "disarming" // a disarm waits for the operations that run
	EventPause        = "pause"     // nobody acts on a node, or on any, by himself
	EventRestart      = "restart"   // a daemon is to restart under what its node uses, or what came of it
	EventResume       = "resume"
	EventDeviceHealth = "device-health"
	EventRefused      = "refused"
	EventLeft         = "left"
	EventGone         = "gone"
	EventRoster       = "roster"
	EventReplace      = "replace"
	EventClientGone   = "client-gone"
	EventStateful     = "stateful"
	EventHeld         = "held"     // one of two nodes came back and was lost again too often: it stays off until a person lifts that
	EventDiverged     = "diverged" // a member has another state than the majority, and is frozen
	EventColdStart    = "cold-start"
	EventRecover      = "recover"
	EventLocalPower   = "local-power" // forced power without claim and quorum: no verdict follows (R31)
	EventDrill        = "drill"       // a step of a drill; Result says which
	EventSummary      = "summary"
)

// Event is one transition, as the node By saw it. Seq is contiguous within one Stream (one run of one daemon): a jump is a gap.
type Event struct {
	API   string `json:"api"`
	Seq   uint64 `json:"seq"`
	Epoch uint64 `json:"epoch"`
	At    Time   `json:"at,omitzero"`
	Event string `json:"event"`
	// Node is the node that the event is about, "" for the whole cluster.
	Node string `json:"node"`
	// By is the node that recorded the event, Stream the run of its daemon that Seq belongs to.
	By     string `json:"by,omitempty"`
	Stream string `json:"stream,omitempty"`
	// Index is the log index of the committed entry behind the event, 0 for local ones.
	Index       uint64 `json:"index,omitempty"`
	Incarnation string `json:"incarnation,omitempty"`
	Instance    string `json:"instance,omitempty"`
	Operation   uint64 `json:"operation,omitempty"`
	Claim       uint64 `json:"claim,omitempty"`
	Actor       string `json:"actor,omitempty"`
	Cause       string `json:"cause,omitempty"`
	Action      string `json:"action,omitempty"`
	Phase       string `json:"phase,omitempty"`
	// Level and Attempt count from 1.
	Level    int       `json:"level,omitempty"`
	Device   string    `json:"device,omitempty"`
	Attempt  int       `json:"attempt,omitempty"`
	Attempts int       `json:"attempts,omitempty"`
	Class    string    `json:"class,omitempty"`
	Result   string    `json:"result,omitempty"`
	Verdict  string    `json:"verdict,omitempty"`
	Evidence *Evidence `json:"evidence,omitempty"`
	Members  []string  `json:"members,omitempty"`
	Quorate  *bool     `json:"quorate,omitempty"`
	Request  string    `json:"request,omitempty"`
	// Client names a local program, where the event is about one and not about the whole node.
	Client string `json:"client,omitempty"`
	MS     int64  `json:"ms,omitempty"`
	Text   string `json:"text,omitempty"`
	// Local marks what was forced from one node, without claim and quorum (R31).
	Local     bool `json:"local,omitempty"`
	Simulated bool `json:"simulated,omitempty"`
}
