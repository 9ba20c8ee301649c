package world

import (
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/embedded"
)

// around is the world as the model of the embedded membership sees it.
type around World

var _ embedded.World = (*around)(nil)

func (a *around) Now() int64                         { return a.now }
func (a *around) After(d int64, f func())            { (*World)(a).after(d, f) }
func (a *around) Say(format string, args ...any)     { (*World)(a).say(format, args...) }
func (a *around) Fail(rule, format string, s ...any) { a.check.fail(rule, format, s...) }
func (a *around) Committed(i int, e *embedded.Entry) { a.check.commit(i, e) }
func (a *around) Happened(what embedded.Happening) {
	a.count[[...]faultKind{embedded.Handover: faultHandover, embedded.Dropped: faultProposal, embedded.Installed: faultSnapshot}[what]]++
}

// host is a process and its machine, as its membership sees them.
type host proc

var _ embedded.Host = (*host)(nil)

func (h *host) Name() string            { return h.n.name }
func (h *host) After(d int64, f func()) { h.w.push(event{at: h.w.now + d, p: (*proc)(h), f: f}) }
func (h *host) At(at int64, f func())   { h.w.push(event{at: at, p: (*proc)(h), f: f}) }
func (h *host) Local() int64            { return h.n.local() }
func (h *host) Dead() bool              { return h.dead }
func (h *host) Held() bool              { return h.stopped || h.n.mach.paused }
func (h *host) Silent() bool            { return h.dead || h.stopped || !h.n.mach.alive() }
func (h *host) WriteTakes() int64       { return h.n.diskDelay() }
func (h *host) Stalled() bool           { return h.w.now < h.n.diskUntil }
func (h *host) DurableMS() int64        { return h.n.durableAge() }
func (h *host) LagUntil() int64         { return h.n.lagUntil }
func (h *host) Slowness() int64         { return h.n.slowly }

// What the membership tells goes to the deciding loop, in order.

func (h *host) tell(in member.Input) { (*proc)(h).pushInput(in) }

func (h *host) Entry(index int, e *embedded.Entry, _ *embedded.View) { h.tell(inputOf(index, e)) }
func (h *host) Outcome(number uint64, delivered bool) {
	h.tell(member.ProposalDone{Number: number, Delivered: delivered})
}
func (h *host) Heard(r *embedded.Run) { h.tell(runOf(r).heard) }
func (h *host) Suspect(r *embedded.Run, gone bool) {
	h.tell(member.Suspect{By: runOf(r).Origin, Gone: gone})
}
func (h *host) Lease(sentMS int64)    { (*proc)(h).leased(sentMS) }
func (h *host) QuorumLost(why string) { h.tell(member.QuorumLost{Why: why}) }
func (h *host) QuorumHeld()           { h.tell(member.QuorumHeld{}) }

// Snapshot hands the loop a whole state.
func (h *host) Snapshot(s *embedded.Snapshot) {
	p, index := (*proc)(h), uint64(s.FSM.Index)
	p.push(func() {
		state, err := domain.Restore(s.Data)
		if err != nil {
			p.w.check.fail("V16", "%s cannot restore a snapshot: %v", p.n.name, err)
			return
		}
		state.Index = max(state.Index, index)
		p.w.check.restored(p, state)
		p.step(member.SnapshotInstalled{State: state})
	})
}

// Keep hands over the state of what the loop has read.
func (h *host) Keep(done func([]byte)) {
	p := (*proc)(h)
	p.push(func() {
		b, err := p.m.Domain().Snapshot()
		if err != nil {
			p.w.check.fail("V16", "%s cannot take a snapshot: %v", p.n.name, err)
			return
		}
		done(b)
	})
}
