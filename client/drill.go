package client

import (
	"context"
	"net/url"
)

// Drill asks for a drill: a real power cut and return of a healthy node that has left cleanly first, by the devices of one level. It proves what
// those devices reach (R16 a), releases nobody and is refused where it would hurt.
type Drill struct {
	// ID makes it repeatable: the same id is the same drill. The server makes one where it is "".
	ID   string `json:"id"`
	Node string `json:"node"`
	// Level counts from 1.
	Level  int    `json:"level"`
	Reason string `json:"reason"`
}

// ActionDrill is the action of an operation that is a drill; it cannot be requested as others are.
const ActionDrill = "drill"

// The resolutions of a drill.
const (
	ResolutionPassed = "passed"
	ResolutionFailed = "failed"
)

// PhaseTime is how long one part of a drill took: leave, claim, off, verify, listen, on, boot, admit, total.
type PhaseTime struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
}

// LastDrill is what came of a node's newest drill.
type LastDrill struct {
	Operation uint64          `json:"operation"`
	Level     int             `json:"level"` // counts from 1
	Passed    bool            `json:"passed"`
	Text      string          `json:"text"`
	At        Time            `json:"at,omitzero"`
	Phases    List[PhaseTime] `json:"phases"`
}

// Test is what the devices of nodes said to a login and a read. Nothing was commanded.
type Test struct {
	API       string         `json:"api"`
	By        string         `json:"by"` // the node that asked them
	Nodes     List[TestNode] `json:"nodes"`
	Simulated bool           `json:"simulated"`
}

// TestNode is one node's part. OK: every device of its levels answered, as what it must be.
type TestNode struct {
	Node    string         `json:"node"`
	Machine Machine        `json:"machine"`
	OK      bool           `json:"ok"`
	Devices List[TestRead] `json:"devices"`
	// Text says what is wrong where it is not about one device.
	Text string `json:"text,omitempty"`
}

// TestRead is one device's answer. Level counts from 1.
type TestRead struct {
	Level  int    `json:"level"`
	Device string `json:"device"`
	// State is on, off or unknown; Identity is what the device calls the machine behind it, "" where it gives none.
	State    string `json:"state"`
	Identity string `json:"identity"`
	// Proof is what makes what is read from it count: its identity, a drill, or nothing yet.
	Proof string `json:"proof"`
	OK    bool   `json:"ok"`
	// Class is that of an attempt; Text says what is wrong.
	Class string `json:"class"`
	MS    int64  `json:"ms"`
	Text  string `json:"text,omitempty"`
	// Note is what the device says beside that, such as what its BMC does after a mains failure (power-restore policy); nothing is wrong with it.
	Note string `json:"note,omitempty"`
}

// The values of TestRead.Proof.
const (
	ProofIdentity = "identity"
	ProofDrill    = "drill"
	ProofDeclared = "declared" // no drill can prove it, an operator vouches for it (accept_mapping)
	ProofNone     = "none"
)

// Drill begins a drill and returns when that is committed; watch the operation, or look at it with Show. With an ID it may be repeated.
func (c *Client) Drill(ctx context.Context, d Drill) (Accepted, error) {
	return post[Accepted](ctx, c, "/v1/drills", d)
}

// Test logs in to the devices of a node, or of all nodes where node is "", and reads power state and identity. Nothing is switched.
func (c *Client) Test(ctx context.Context, node string) (Test, error) {
	v := url.Values{}
	if node != "" {
		v.Set("node", node)
	}
	return get[Test](ctx, c, "/v1/test", v)
}
