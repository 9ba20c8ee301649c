package member

import (
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// What the log says, entry by entry or as a whole, and what this node makes of it.

// recovered applies the beginning of another domain. Nothing that this node did in the one before counts in it.
func (m *Member) recovered(in Recovered) {
	events, atMS, err := m.dom.ApplyRecover(in.Index, in.Data)
	if err != nil {
		m.do(Notice{Kind: domain.EventRefused, Node: m.cfg.Self.Node, Text: err.Error()})
		return
	}
	m.quorum = false
	m.applied(in.Index, atMS, events)
}

// committed applies one entry, exactly as every other member does.
func (m *Member) committed(in EntryCommitted) {
	e, err := domain.Decode(in.Data)
	if err != nil {
		m.dom.Reject(in.Index)
		m.do(Notice{Kind: domain.EventRefused, Node: in.By.Node, Text: err.Error()})
		return
	}
	events, err := m.dom.Apply(in.Index, in.By, e)
	if err == nil {
		m.applied(in.Index, e.AtMS, events)
		if e.Announce != nil {
			m.heardBack(in.By, *e.Announce)
		}
		if e.Compare != nil {
			m.hashed(in.Index, *e.Compare)
		}
	} else {
		m.do(Notice{Kind: domain.EventRefused, Node: in.By.Node, Text: fmt.Sprintf("entry %d: %v", in.Index, err)})
	}
	if in.By == m.cfg.Self {
		if e.Verdict != nil && errors.Is(err, fence.ErrNotAdmissible) {
			m.refuted(e.Verdict.Node, e.Verdict.Evidence.Claim, err)
		}
		if e.DrillOff != nil && err != nil {
			m.refuted(e.DrillOff.Node, e.DrillOff.Number, err)
		}
		if e.Local != nil {
			m.localCommitted(*e.Local, err)
		}
		if e.Leave != nil {
			m.leaveCommitted(in.Number, err)
		}
		if e.Restart != nil {
			m.restartCommitted(e.Restart.Nonce, err)
		}
		if e.Stateful != nil {
			m.confirmed(in.Number, err)
		}
		m.answer(in.Number, in.Index, events, err)
	}
}

// applied turns committed events into what must happen at once on this node.
func (m *Member) applied(index uint64, atMS int64, events []domain.Event) {
	if len(events) > 0 {
		m.do(Transition{Index: index, AtMS: atMS, Events: events})
	}
	for _, e := range events {
		switch e.Kind {
		case domain.EventVictim:
			m.do(Deny{Life: e.Life})
		case domain.EventClaim:
			m.since.set(claimMark(e.Node, e.Claim), m.now)
		case domain.EventRelease:
			if !m.present() {
				continue // the log replays what was before this daemon came: its clients were told by others, or ask
			}
			m.releases = append(m.releases, release{index: index, at: m.now, verdict: *e.Verdict})
		}
	}
}

// present reports whether this very daemon is in the view.
func (m *Member) present() bool {
	return m.dom.Shows(&m.cfg.Self)
}

// snapshot replaces the domain and makes good for the entries that it skipped: nobody's pings are acknowledged who became a victim (R14), and
// every verdict is released (pitfall 4).
// Kept for R14: S1.14, V14.
func (m *Member) snapshot(s *domain.State) {
	old := m.dom
	m.dom = s
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Victim != nil {
			m.do(Deny{Life: n.Victim.Incarnation})
		}
		for _, boot := range n.Ended {
			m.do(Deny{Life: fence.Incarnation{Node: n.ID, Boot: boot}})
		}
	}
	m.missed(old, s)
	m.leaseFrom = m.now // all of it was applied just now
}
