package member

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// claims proposes claims on victims and power-on obligations whose turn it is for this node (R8): rank order times the stagger, after the
// delays that apply, and under the brake (R21).
func (m *Member) claims() {
	free := m.slots()
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		if n.ID == m.cfg.Self.Node {
			continue
		}
		switch {
		case n.Victim != nil:
			if m.claimVictim(n, free > 0) {
				free--
			}
		case n.Cut != nil && m.claimUnfence(n):
		case n.PowerOn != nil:
			m.claimPowerOn(n)
		case n.Drill != nil:
			m.claimDrill(n)
		}
	}
}

// slots is how many automatic operations may begin (R21, max_concurrent); asking for more would only be refused, again and again.
func (m *Member) slots() int {
	free := m.dom.Roster.Policy.MaxConcurrent
	for i := range m.dom.Nodes {
		if v := m.dom.Nodes[i].Victim; v != nil && v.Claim != nil {
			free--
		}
	}
	return free
}

// claimKey begins the key of every proposed claim.
const claimKey = "claim/"

// claimVictim reports whether it asks for a claim.
func (m *Member) claimVictim(n *domain.Node, slot bool) bool {
	v := n.Victim
	began := m.since.begin(victimMark(v.Incarnation), m.now)
	mark := "free/" + claimName(n.ID, n.NextClaim) + "/" + strconv.Itoa(v.Round)
	if v.Claim != nil || n.Reborn() || domain.OnInFlight(n) || m.dom.MayFence(n) != nil {
		m.since.drop(mark)
		return false
	}
	ready := max(m.since.begin(mark, m.now), m.delayed(n, began))
	ready += m.myTurn(v.Tried) + m.patience(v.Tried) + pause(v.Round) // the order of rank holds after a delay too: else all ask at once when it is over (R8)
	if m.foreign(v) {
		m.held = append(m.held, n.ID)
		return false
	}
	if m.now < ready || !(slot || v.Cause == fence.CauseOperator) || m.dom.Before(n) != nil {
		return false
	}
	answers := m.answers(v)
	if answers && !v.Named && !v.Force && !m.dom.Braked(v.Incarnation) && len(m.dom.Answering) >= m.dom.BrakeLimit() {
		m.held = append(m.held, n.ID)
		return false
	}
	s := m.spec(n, &domain.Claim{Number: n.NextClaim})
	m.propose(fmt.Sprintf(claimKey+"%d/%d", n.ID, n.NextClaim), domain.Entry{Claim: &domain.ClaimEntry{
		Node: n.ID, Boot: v.Boot, Number: n.NextClaim, DurationMS: operation.Duration(s), Answers: answers, Again: m.patience(v.Tried) > 0,
	}})
	return true
}

// lastVoter reports whether quorum goes with this victim while another voter that is nobody's victim may still come, perhaps with a new store:
// whose power is cut then is proven off to nobody, and nobody may power it on again. It is waited for as long as for any node that has to
// announce itself (R10, R21).
func (m *Member) lastVoter(n *domain.Node) bool {
	v := n.Victim
	if n.Instance == "" || v.Force || v.Named || m.dom.Votes(n.ID) >= m.dom.Quorum() {
		return false
	}
	away := m.dom.Uncounted()
	return slices.ContainsFunc(m.dom.Roster.Nodes, func(r fence.RosterNode) bool {
		o := m.dom.Node(r.ID)
		return r.Votes > 0 && o != nil && o.Instance == "" && o.Victim == nil && !o.OffHeld && o.Phase != domain.PhaseLeft && !slices.Contains(away, r.ID)
	})
}

// returner is until when this victim is not claimed because its node may be just coming (pitfall 11): a later life of it is in the view and has
// not said yet what it is, or is heard and no view has shown it yet, or the view had its quorum only from a join. Its word is waited for once, as
// long as for any node that has to announce itself; then it is fenced like any other (R10). Whoever was named by an operator is waited for only
// where that life gives the quorum: cut, it takes the actor's lease and the proof with it, and its next life does so again (S2.7).
func (m *Member) returner(n *domain.Node) int64 {
	v, until := n.Victim, int64(0)
	named := v.Named || v.Force
	if named && m.dom.Votes(n.ID) >= m.dom.Quorum() {
		return 0
	}
	if v.Joined != 0 && !named {
		until = m.since.begin(joinedMark(v.Incarnation), m.now) + m.dom.Roster.Timing.PostJoinDelayMS
	}
	silent := n.Instance != "" && n.Life.Boot != v.Boot && n.Phase == domain.PhaseJoining && n.Pending == nil && n.Why == "" && n.Foreign == nil &&
		!m.dom.IsOver(n.Life)
	if silent || m.coming(n) {
		until = max(until, m.since.begin(returnedMark(v.Incarnation), m.now)+m.dom.Roster.Timing.PostJoinDelayMS)
	}
	return until
}

// coming reports whether a life of a victim's node is heard that no view has shown yet: the view that dropped its last one may have been made
// between its first ping and its start in the log, and the next one shows it. What it may prove it must say itself (R2).
func (m *Member) coming(n *domain.Node) bool {
	return slices.ContainsFunc(m.heard, func(h heard) bool {
		life := h.by.Incarnation
		return life.Node == n.ID && life.Boot != n.Victim.Boot && life != n.Life && m.now-h.at <= m.dom.Roster.Timing.FailureTimeoutMS && !m.dom.IsOver(life)
	})
}

// patienceMS is how long a member that tried waits for the others of its round; one whose loop hangs must not block them for ever (R8).
const patienceMS = 15_000

// patience is 0 for who has not tried, and for all when everybody has.
func (m *Member) patience(tried []fence.NodeID) int64 {
	if !slices.Contains(tried, m.cfg.Self.Node) {
		return 0
	}
	for _, id := range m.dom.Eligibles() {
		if !slices.Contains(tried, id) {
			return patienceMS
		}
	}
	return 0
}

// windowsMS is how often this node looks at the brake's windows: they are long.
const windowsMS = 1000

// windows says when the brake's window for a victim is over: by this node's own timer since it knew of that claim, afresh after a restart and
// a gap, so it is late and never early (R21).
func (m *Member) windows() {
	if m.now-m.windowsAt < windowsMS {
		return
	}
	m.windowsAt = m.now
	for _, life := range m.dom.Answering {
		name := "window/" + victimMark(life)
		if m.now-m.since.begin(name, m.now) > m.dom.Roster.Policy.BrakeWindowMS+m.myTurn(nil) {
			m.propose(name, domain.Entry{Window: &domain.Window{Life: life}})
		}
	}
}

func (m *Member) claimPowerOn(n *domain.Node) {
	p := n.PowerOn
	mark := fmt.Sprintf("on/%d/%d/%d", n.ID, n.NextClaim, p.Round)
	if p.Claim != nil || len(n.Unquiet) > 0 || m.dom.MayPowerOn(n) != nil {
		m.since.drop(mark)
		return
	}
	if m.now < m.since.begin(mark, m.now)+m.myTurn(p.Tried)+m.patience(p.Tried)+pause(p.Round) {
		return
	}
	s := m.spec(n, &domain.Claim{Number: n.NextClaim, On: true})
	m.propose(fmt.Sprintf(claimKey+"%d/%d", n.ID, n.NextClaim), domain.Entry{Claim: &domain.ClaimEntry{
		Node: n.ID, Boot: p.For.Boot, Number: n.NextClaim, On: true, DurationMS: operation.Duration(s), Again: m.patience(p.Tried) > 0,
	}})
}

// myTurn is how long this node waits because others come before it: its rank among those eligible who have not tried, times the stagger (R8).
// Who has tried comes after all of them.
func (m *Member) myTurn(tried []fence.NodeID) int64 {
	rank, mine := int64(0), int64(0)
	for i := range m.dom.Nodes { // in rank order, like Eligibles, and without a list: this is asked with each input
		id := m.dom.Nodes[i].ID
		if !m.dom.Eligible(id) || slices.Contains(tried, id) {
			continue
		}
		if id == m.cfg.Self.Node {
			mine = rank
		}
		rank++
	}
	if slices.Contains(tried, m.cfg.Self.Node) {
		mine = rank
	}
	return mine * m.dom.Roster.Timing.StaggerMS
}

// pause lies before each full round in which nobody succeeded: nothing before the first two, then up to 15 s. It repeats until done or
// acknowledged (L1: the status says needs-operator from the first failed round on).
func pause(round int) int64 {
	if round <= 1 {
		return 0
	}
	return int64(min(15_000, 500<<min(round-1, 10)))
}

// overdue proposes lives that had post_join_delay to announce themselves clean, by this node's own clock (R10, S2.8).
func (m *Member) overdue() {
	var lives []fence.Incarnation // at most maxOverdue, so that the entry always fits; the rest follows
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		life := m.dom.OverdueLife(n)
		if life.Zero() || !m.dom.Armed || m.isElsewhere(n.ID) {
			m.dropOverdue(n.ID)
			continue
		}
		if m.now-m.overdueSince(n.ID, life) >= m.dom.Roster.Timing.PostJoinDelayMS+m.myTurn(nil) && len(lives) < maxOverdue {
			lives = append(lives, life)
		}
	}
	if len(lives) > 0 {
		m.propose(fmt.Sprintf("overdue/%v", lives), domain.Entry{Overdue: &domain.Overdue{Lives: lives}})
	}
}

// maxOverdue bounds one entry.
const maxOverdue = 256

// late is how long after it was asked for a claim may still be acted upon (R9): the others count its duration from their own apply, which may
// come before ours if this node was stopped or lagged.
func (m *Member) late() int64 { return m.dom.Roster.Timing.FailureTimeoutMS }

// quiesce says when nothing of an earlier claim can take effect any more: the actor as soon as its calls returned, anybody after the
// claim's duration and the longest effect time by its own timer since it applied the claim (R9). It also ends claims that ran out (R8).
func (m *Member) quiesce() {
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		for _, c := range n.Unquiet {
			m.quiesceOne(n, c)
		}
		for _, c := range active(n) {
			over := m.now - m.since.begin(claimMark(n.ID, c.Number), m.now) - c.DurationMS - m.late()
			if over > 0 && over > m.myTurn(nil) && m.dom.Clean(m.cfg.Self.Node) { // whose turn it is takes long to say
				m.propose(fmt.Sprintf("expire/%d/%d", n.ID, c.Number), domain.Entry{ClaimEnd: &domain.ClaimEnd{
					Node: n.ID, Number: c.Number, Expired: true, Text: "its duration is over",
				}})
			}
		}
	}
}

func (m *Member) quiesceOne(n *domain.Node, c domain.Claim) {
	key := "returned/" + claimName(n.ID, c.Number)
	if l := m.Local(c.Local); c.Local != "" && c.Actor == m.cfg.Self && l != nil {
		if m.localQuiet(l) {
			m.propose(key, domain.Entry{Returned: &domain.Returned{Node: n.ID, Number: c.Number}})
		}
		return
	}
	if c.Actor == m.cfg.Self && c.Local == "" {
		if r := m.run(n.ID, c.Number); r == nil || (r.done && r.quiet && m.now >= r.effectUntil()) {
			m.propose(key, domain.Entry{Returned: &domain.Returned{Node: n.ID, Number: c.Number}})
			return
		}
	}
	if over := m.now - m.since.begin(claimMark(n.ID, c.Number), m.now) - c.DurationMS - c.EffectMS - 2*m.late(); over > 0 && over > m.myTurn(nil) {
		m.propose(key, domain.Entry{Returned: &domain.Returned{Node: n.ID, Number: c.Number, Elapsed: true}})
	}
}

// active returns the claims on a node that are in force.
func active(n *domain.Node) []domain.Claim {
	var cs []domain.Claim
	if n.Victim != nil && n.Victim.Claim != nil {
		cs = append(cs, *n.Victim.Claim)
	}
	if n.PowerOn != nil && n.PowerOn.Claim != nil {
		cs = append(cs, *n.PowerOn.Claim)
	}
	if n.Drill != nil && n.Drill.Claim != nil {
		cs = append(cs, *n.Drill.Claim)
	}
	if n.Cut != nil && n.Cut.Claim != nil {
		cs = append(cs, *n.Cut.Claim)
	}
	return cs
}
