package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// comparing is what this node adds to the comparisons of states.
type comparing struct {
	index uint64 // of the newest comparison whose beginning this daemon applied while it was in the view
	hash  string // of its state right after
	why   string // this node is frozen by what came of it, "" if not
	asked uint64 // the index at which the domain was asked last what came of it
	came  domain.Agreement
	final bool // the majority is against it: only another daemon thaws this node
}

// compareEveryMS lies at least between two comparisons. While nothing is committed there is none: equal states stay equal.
const compareEveryMS = 10_000

// hashed takes the hash of the state as of the entry that begins a comparison. What the log replays was before this daemon came, and the
// others have compared it.
func (m *Member) hashed(index uint64, c domain.Compare) {
	if c.Hash == "" && m.present() {
		m.cmp.index, m.cmp.hash = index, m.dom.Hash()
	}
}

// compare says this node's hash, begins the next comparison when it is time, and freezes this node when its state is not the others' (I3).
func (m *Member) compare() {
	if m.dom.Feature < domain.FeatureCompare || !m.present() {
		return
	}
	m.judge()
	if !m.Quorate() || !m.dom.Clean(m.cfg.Self.Node) || m.closing() {
		return
	}
	c := m.dom.Comparison
	if c != nil && c.Index == m.cmp.index && !said(c, m.cfg.Self) {
		m.propose(fmt.Sprintf("compare/%d", c.Index), domain.Entry{Compare: &domain.Compare{At: c.Index, Hash: m.cmp.hash}})
		return
	}
	at, last := uint64(0), uint64(0)
	if c != nil {
		at, last = c.Index, c.Last
	}
	if m.dom.Index == last || m.cmp.why != "" || m.witness() {
		return
	}
	// Everybody may begin one, in the order of rank: also where the first has a loop that hangs.
	if waited := m.now - m.since.begin(fmt.Sprintf("compare/%d", at), m.now); waited >= compareEveryMS && waited >= compareEveryMS+m.myTurn(nil) {
		m.propose(fmt.Sprintf("compare/after/%d", at), domain.Entry{Compare: &domain.Compare{At: at}})
	}
}

func said(c *domain.Comparison, by domain.Origin) bool {
	for _, w := range c.Words {
		if w.By == by {
			return true
		}
	}
	return false
}

// judge draws the consequence of the newest comparison for this node. While no state is the majority's, everybody who has told another one than
// somebody else waits for the next word; that is over when the majority's word is for it.
func (m *Member) judge() {
	if m.cmp.final {
		return
	}
	n := m.dom.Node(m.cfg.Self.Node)
	if m.cmp.asked != m.dom.Index { // with each entry, not with each input: the answer depends on the committed state alone, and looks at all words of all members
		m.cmp.asked, m.cmp.came = m.dom.Index, m.dom.Compared(m.cfg.Self)
	}
	agreement := m.cmp.came
	switch {
	case agreement == domain.Diverged || n.Outvoted():
		m.cmp.final = true
		m.split("the state of this node is not that of the majority: it needs a reset and a new store (I3)")
	case agreement == domain.Doubtful:
		m.split(fmt.Sprintf("members have different states and none is the majority's, as of index %d (I3)", m.dom.Comparison.Index))
	case agreement == domain.Alike && m.cmp.why != "":
		m.cmp.why = ""
		m.do(Notice{Kind: domain.EventThawed, Node: m.cfg.Self.Node, Text: "the state of this node is the majority's"})
	}
}

func (m *Member) split(why string) {
	if m.cmp.why != why {
		m.cmp.why = why
		m.do(Notice{Kind: domain.EventFrozen, Node: m.cfg.Self.Node, Life: m.cfg.Self.Incarnation, Text: why})
	}
	m.abandon(why)
}

// errFrozen is what a frozen node answers to whoever asks it to have something decided.
func (m *Member) errFrozen() error { return fmt.Errorf("%w: %s", fence.ErrRefused, m.cmp.why) }

// Frozen says why this node releases nothing, grants nothing and has no duty now, "" when it does or when nobody has, because the cluster is
// not armed. A witness has none to be kept from.
func (m *Member) Frozen() string {
	switch {
	case m.cmp.why != "":
		return m.cmp.why
	case m.witness(), !m.dom.Armed:
		return ""
	}
	return m.shut()
}
