package client

import (
	"context"
	"net/url"
)

// Local asks the daemon of this node to act on a node's devices by itself, without claim and quorum (R31). It proves nothing to anybody: there
// is no verdict, and nobody is released.
type Local struct {
	// ID makes it repeatable: the same id is the same command. The server makes one where it is "".
	ID     string `json:"id"`
	Node   string `json:"node"`
	Action string `json:"action"` // ActionOff or ActionReboot
	Reason string `json:"reason"` // mandatory
	// Force is mandatory: whoever asks says that it knows what this is.
	Force bool `json:"force"`
}

// LocalPower is where a forced power stands. Done with Code 0 means that State was read back.
type LocalPower struct {
	API         string `json:"api"`
	ID          string `json:"id"`
	Node        string `json:"node"`
	Incarnation string `json:"incarnation"`
	Action      string `json:"action"`
	Local       bool   `json:"local"` // always true
	// Verdict is always null: nobody may recover because of this.
	Verdict *string `json:"verdict"`
	// State is what was read back last: off, on, or unknown.
	State string `json:"state"`
	Done  bool   `json:"done"`
	// Code is what the command is to end with once it is Done; Text says where it stands.
	Code       Code          `json:"code"`
	Text       string        `json:"text,omitempty"`
	DeadlineMS int64         `json:"deadline_ms"` // until nothing more is asked of a device
	Told       bool          `json:"told"`        // the cluster knows of it
	Attempts   List[Attempt] `json:"attempts"`
	Simulated  bool          `json:"simulated,omitempty"`
}

// The values of LocalPower.State.
const (
	PowerOff     = "off"
	PowerOn      = "on"
	PowerUnknown = "unknown"
)

// ForceLocal begins a forced power and returns when it has begun; look at its way with LocalPower. With an ID it may be repeated after an error.
func (c *Client) ForceLocal(ctx context.Context, l Local) (LocalPower, error) {
	return post[LocalPower](ctx, c, "/v1/local", l)
}

// LocalPower asks where a forced power of this node stands.
func (c *Client) LocalPower(ctx context.Context, id string) (LocalPower, error) {
	return get[LocalPower](ctx, c, "/v1/local/"+url.PathEscape(id), nil)
}
