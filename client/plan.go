package client

// Plan says what would happen if a node were fenced now. Nothing was touched to make it; with reads, devices were asked and nothing else.
type Plan struct {
	API    string `json:"api"`
	Victim string `json:"victim"`
	// Incarnation is the boot id of the life that would be meant.
	Incarnation string  `json:"incarnation"`
	Action      string  `json:"action"`
	Machine     Machine `json:"machine"`
	State       string  `json:"state"`
	// Actor is the node that would claim it first.
	Actor  string          `json:"actor"`
	Levels List[PlanLevel] `json:"levels"`
	// ExpectedMS is the time the first level takes if all goes well, from the claim to the verdict.
	ExpectedMS  int64       `json:"expected_ms"`
	QuorumAfter QuorumAfter `json:"quorum_after"`
	// Releases names the nodes that would be told that they may recover.
	Releases List[string] `json:"releases"`
	// Down names the other nodes that are not clean members now.
	Down      List[string] `json:"down"`
	BlockedBy List[Block]  `json:"blocked_by"`
	// Reads are what the devices said, where reads were asked for.
	Reads     List[PlanRead] `json:"reads"`
	Simulated bool           `json:"simulated"`
}

// Machine is the identity of the hardware that the evidence would have to match (R16).
type Machine struct {
	UUID   string `json:"uuid"`
	Serial string `json:"serial"`
}

// PlanLevel is one level; N counts from 1.
type PlanLevel struct {
	N     int          `json:"n"`
	Steps List[string] `json:"steps"`
}

// QuorumAfter is the quorum without the victim.
type QuorumAfter struct {
	Have    int  `json:"have"`
	Need    int  `json:"need"`
	Quorate bool `json:"quorate"`
}

// Block is one thing that forbids it now. Code is the exit code that the request would end with; CodeUnsafe means that --force would allow it.
type Block struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
	// Next is the command that would help, where there is one.
	Next string `json:"next,omitempty"`
}

// PlanRead is one device's answer to a look at its power state.
type PlanRead struct {
	Level  int    `json:"level"`
	Device string `json:"device"`
	// State is on, off or unknown; Identity is what the device calls the system behind it; Class is that of an attempt.
	State    string `json:"state"`
	Identity string `json:"identity"`
	Class    string `json:"class"`
	MS       int64  `json:"ms"`
	Text     string `json:"text,omitempty"`
}
