package world

import (
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/embedded"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// store is what a node's disk keeps of the membership.
type store struct {
	embedded.Store
	disk   agreement.Durable // over corosync, in place of the log
	copied bool              // it was restored from a copy: what it had acknowledged may be gone
}

// runID is what the world knows of one run of a daemon.
type runID struct {
	domain.Origin
	heard member.Input // boxed once: it is wanted often
}

func runOf(r *embedded.Run) *runID { return r.Tag.(*runID) }

// inputOf is what an entry says to the deciding loop, if it says anything.
func inputOf(index int, e *embedded.Entry) member.Input {
	if e.Kind == embedded.KindView {
		members := make([]domain.Origin, len(e.View.Members))
		for i, m := range e.View.Members {
			members[i] = runOf(m).Origin
		}
		return member.ViewInstalled{Index: uint64(index), Members: members, Quorate: e.View.Quorate}
	}
	return member.EntryCommitted{Index: uint64(index), By: runOf(e.By).Origin, Number: e.Number, Data: e.Data}
}
