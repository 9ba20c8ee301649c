package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// proposal is one entry on its way. The key keeps this node from asking twice for the same thing.
type proposal struct {
	key      string
	number   uint64
	reply    uint64 // of a Requested, 0 for our own
	answered bool
	until    int64 // given up, or not to be asked again before
	done     bool
}

// How long an outcome is waited for at most, and how long the same thing is not asked again after it was answered.
const (
	proposalMS = 15_000
	againMS    = 500
)

// propose asks for an entry unless the same thing is on its way or was asked just now.
func (m *Member) propose(key string, e domain.Entry) {
	if m.now < m.gapUntil {
		return // R20; what is wished for is compared again at the next input
	}
	if m.cmp.why != "" && e.Compare == nil && e.Local == nil {
		return // frozen: it says only what it is and what an administrator did here
	}
	for _, p := range m.proposals {
		if p.key == key {
			return
		}
	}
	if c := e.Claim; c != nil {
		m.since.set(askedMark(c.Node, c.Number), m.now)
	}
	m.send(proposal{key: key}, e)
}

func (m *Member) send(p proposal, e domain.Entry) {
	m.number++
	p.number, p.until = m.number, m.now+proposalMS
	m.proposals = append(m.proposals, p)
	m.do(Propose{Number: p.number, Entry: e})
}

// maxRequests bounds what administrators may have open at once.
const maxRequests = 256

// requested proposes what somebody asked for, or answers at once where it cannot be decided here: a victim is told that nothing goes by way of it.
// Kept for R22: S1.12, V3.
func (m *Member) requested(r Requested) {
	open := 0
	for _, p := range m.proposals {
		if p.reply != 0 {
			open++
		}
	}
	switch {
	case m.fell:
		m.do(Answer{Reply: r.Reply, Err: fmt.Errorf("%w: this node ends its own life", fence.ErrRefused)})
	case m.over() != "": // a member that lags may not know it: the log decides (R22)
		m.do(Answer{Reply: r.Reply, Err: fmt.Errorf("%w: %s: ask another node, and reboot this one (R22)", fence.ErrRefused, m.over())})
	case m.cmp.why != "":
		m.do(Answer{Reply: r.Reply, Err: m.errFrozen()})
	case open >= maxRequests:
		m.do(Answer{Reply: r.Reply, Err: fmt.Errorf("%w: %d requests are open", fence.ErrRefused, open)})
	case r.Entry.Roster == nil && !m.Quorate():
		m.do(Answer{Reply: r.Reply, Err: fence.ErrNoQuorum})
	default:
		m.send(proposal{key: fmt.Sprintf("request/%d", r.Reply), reply: r.Reply}, r.Entry)
	}
}

// answer tells the asker what became of its entry.
func (m *Member) answer(number, index uint64, events []domain.Event, err error) {
	for i := range m.proposals {
		p := &m.proposals[i]
		if p.number == number && p.reply != 0 && !p.answered {
			p.answered = true
			m.do(Answer{Reply: p.reply, Events: events, Index: index, Err: err})
		}
	}
}

// proposalDone ends a proposal. What was wished for is still compared with the domain afterwards, so an unknown fate needs no memory.
func (m *Member) proposalDone(in ProposalDone) {
	for i := range m.proposals {
		p := &m.proposals[i]
		if p.number != in.Number {
			continue
		}
		if p.reply != 0 && !p.answered && !in.Delivered {
			p.answered = true
			m.do(Answer{Reply: p.reply, Unknown: true})
		}
		p.done, p.until = true, m.now+againMS
		if lost := lostMark(p.key); in.Delivered {
			m.since.drop(lost)
		} else {
			p.until = m.now + min(lostMS, max(againMS, (m.now-m.since.begin(lost, m.now))/2))
		}
	}
}

// lostMS is how long at most the same thing is not asked again whose fate stays unknown: without contact it would be asked twice a second for as
// long as that lasts. It is half of what has passed so far, so that the end of a short outage is not waited for; and short, because a proof must be
// on its way when a last voter's next life brings quorum back: once that life was heard, it is void (R16 d, R21).
const lostMS = 2000

// lostPrefix begins the marks of proposals of which nobody knows what became of them.
const lostPrefix = "lost/"

func lostMark(key string) string { return lostPrefix + key }

// reachable lets what was asked in vain be asked at once: there is contact again.
func (m *Member) reachable() {
	m.since.dropAll(lostPrefix)
	for i := range m.proposals {
		if p := &m.proposals[i]; p.done {
			p.until = min(p.until, m.now+againMS)
		}
	}
}

// expireProposals gives up what the provider never answered, and allows what was answered a while ago to be asked again.
func (m *Member) expireProposals() {
	kept := m.proposals[:0]
	for _, p := range m.proposals {
		switch {
		case m.now < p.until && !(p.done && p.reply != 0):
			kept = append(kept, p)
		case p.reply != 0 && !p.answered:
			m.do(Answer{Reply: p.reply, Unknown: true})
		}
	}
	m.proposals = kept
}
