package embedded

import (
	"time"

	"github.com/hashicorp/raft"
)

// handover remembers when this leader last gave its leadership away. Only the leader's duties use it.
//
// Raft v1.8.0 puts a word for each attempt into a channel of the follower's that has room for one, and whoever sends to that follower takes it
// out. While he waits for an answer that does not come, a second attempt waits for room; if this node then ceases to lead, it waits for ever, and
// with it Raft's note that a handover is under way: the next time that this node leads, it refuses every entry until the daemon is started again.
type handover struct {
	term uint64
	at   int64
}

// allowed says whether to try now, and takes note of it: once in a term, and again only after what was sent meanwhile has been answered or given
// up, unless it never will be (unanswered).
func (h *handover) allowed(term uint64, now, again int64) bool {
	if h.term == term && now-h.at < again {
		return false
	}
	*h = handover{term: term, at: now}
	return true
}

// handOver gives the leadership to a server, or with nil to whom Raft picks. It does nothing where it was tried lately: the others end this
// leadership by silence (R20).
func (p *Provider) handOver(r *raft.Raft, to *raft.Server) error {
	again := max(10*time.Second, 2*max(p.cfg.FailureTimeout, time.Second)) // twice Raft's own timeout, see startRaft
	if !p.handed.allowed(r.CurrentTerm(), p.now(), again.Milliseconds()) {
		return nil
	}
	if to == nil {
		return r.LeadershipTransfer().Error()
	}
	p.log.Info("this leader is outside the connected set and hands over", "to", to.ID)
	return r.LeadershipTransferToServer(to.ID, to.Address).Error()
}
