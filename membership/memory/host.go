package memory

import (
	"slices"
	"strconv"

	"github.com/fenced-project/fenced/fence/sim"
	"github.com/fenced-project/fenced/fence/sim/embedded"
	"github.com/fenced-project/fenced/membership"
)

// host is a provider as the model sees it: a process that is never stopped, on a machine whose disk works. The cluster's lock is held.
type host Provider

var _ embedded.Host = (*host)(nil)

func (h *host) Name() string            { return "node " + strconv.FormatUint(uint64(h.self.Node), 10) }
func (h *host) After(d int64, f func()) { h.At(h.c.now+d, f) }
func (h *host) At(at int64, f func())   { h.c.events.Put(at, (*Provider)(h), f) }
func (h *host) Local() int64            { return h.c.now / sim.MS }
func (h *host) Dead() bool              { return h.dead }
func (*host) Held() bool                { return false }
func (h *host) Silent() bool            { return h.dead }
func (*host) WriteTakes() int64         { return sim.MS / 10 }
func (*host) Stalled() bool             { return false }
func (*host) DurableMS() int64          { return 0 }
func (*host) LagUntil() int64           { return 0 }
func (*host) Slowness() int64           { return 0 }

// What the model tells becomes an event of the contract.

func (h *host) Entry(index int, e *embedded.Entry, before *embedded.View) {
	if e.Kind == embedded.KindView {
		h.queue.Push(membership.ViewInstalled{Index: uint64(index), View: view(e.View, before)})
		return
	}
	h.queue.Push(membership.Committed{Index: uint64(index), Proposer: member(e.By), Number: e.Number - 1, Data: slices.Clone(e.Data)})
}

func (h *host) Outcome(number uint64, delivered bool) {
	h.queue.Push(membership.Outcome{Number: number - 1, Delivered: delivered})
}

func (h *host) Heard(r *embedded.Run) { h.queue.Push(membership.Heard{Member: member(r)}) }

func (h *host) Suspect(r *embedded.Run, gone bool) {
	h.queue.Push(membership.Suspect{Member: member(r), Gone: gone})
}

func (h *host) Lease(sentMS int64) { h.queue.Push(membership.LeaseRenewed{SentMS: sentMS}) }

func (h *host) QuorumLost(string) {
	h.queue.Push(membership.QuorumLost{Why: "a majority of votes, or a leader, has not been heard for the failure timeout"})
}

func (h *host) QuorumHeld() { h.queue.Push(membership.QuorumHeld{}) }

func (h *host) Snapshot(s *embedded.Snapshot) {
	h.queue.Push(membership.SnapshotInstalled{Index: uint64(s.FSM.Index), Data: s.Data})
}

func (h *host) Keep(done func([]byte)) {
	h.keeping = &keeping{reply: make(chan []byte, 1), done: done}
	h.queue.Push(membership.SnapshotWanted{Reply: h.keeping.reply})
}

func member(r *embedded.Run) membership.Member {
	return membership.Member{Incarnation: r.Incarnation, Instance: r.Instance}
}

// view says how those went who are not in it any more.
func view(v, before *embedded.View) membership.View {
	out := membership.View{Quorate: v.Quorate}
	for _, r := range v.Members {
		out.Members = append(out.Members, member(r))
	}
	for _, r := range before.Members {
		if slices.Contains(v.Members, r) {
			continue
		}
		how := membership.HowNodeGone
		if slices.Contains(v.Stay, r) {
			how = membership.HowProcessGone
		}
		out.Left = append(out.Left, membership.Departure{Member: member(r), How: how})
	}
	return out
}
