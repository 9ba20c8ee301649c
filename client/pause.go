package client

import "context"

// SetPause pauses or resumes a node, or with All the whole cluster.
type SetPause struct {
	Node string `json:"node,omitempty"`
	All  bool   `json:"all,omitempty"`
	// On pauses, false resumes.
	On     bool   `json:"on"`
	Reason string `json:"reason"`
	// ForMS ends the pause so long after it was committed; 0 is until somebody resumes.
	ForMS int64 `json:"for_ms,omitempty"`
}

// Pause is one in force: nobody acts on the node by himself.
type Pause struct {
	// Node is "" for all.
	Node   string `json:"node"`
	By     string `json:"by"`
	Reason string `json:"reason"`
	ForMS  int64  `json:"for_ms,omitempty"`
	// Deadline is when it ends, as the answering node counts; zero for never.
	Deadline Time `json:"deadline,omitzero"`
}

// Pause pauses or resumes. Errors: CodeNoSuch, CodeNoQuorum, CodeTryAgain where a member of an older version could not read it.
func (c *Client) Pause(ctx context.Context, p SetPause) (Committed, error) {
	return post[Committed](ctx, c, "/v1/pause", p)
}
