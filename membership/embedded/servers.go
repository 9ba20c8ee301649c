package embedded

import (
	"errors"

	"github.com/hashicorp/raft"
)

// errServers: what was committed is still being read, and nobody knows yet from which of Raft's configurations a change would start.
var errServers = errors.New("the log is still being read: Raft's servers are not known yet")

// servers are Raft's servers, and the index of a configuration that they are no older than. A change of them names that index and Raft refuses it if another one came
// in between, so that no vote is given or taken by what was so a moment ago (R3). Raft's own word is of no use: its GetConfiguration().Index() is always 0,
// and a change that names 0 is refused by nothing. The index is what was committed, from the log or from a snapshot: it is read first, and Raft takes
// no change before the one before it is committed. It is 0 while that is still being read: then nothing may be changed. Proven by: TestAChangeOfServersIsRefusedAfterAnother.
func (p *Provider) servers(r *raft.Raft) (c raft.Configuration, at uint64) {
	p.mu.Lock()
	snaps := p.snaps
	p.mu.Unlock()
	p.fsm.mu.Lock()
	at = p.fsm.serversAt
	p.fsm.mu.Unlock()
	if snaps != nil {
		snaps.mu.Lock()
		at = max(at, snaps.serversAt)
		snaps.mu.Unlock()
	}
	return r.GetConfiguration().Configuration(), at
}
