package member

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// Drills (R16 a). The drilled node leaves and stays to be listened to; the actor cuts its power, listens, and gives it back; whoever comes back
// must have booted after that. What the actor saw is in its memory only: if it goes, the drill has proven nothing and is asked for again.

// drilling is what this node saw of the open drill, by its own clock.
type drilling struct {
	id                                 uint64
	node                               fence.NodeID
	askedAt, readyAt, claimedAt, cutAt int64 // 0: not yet
	onAt, cleanAt                      int64
	refusal                            string          // of this node, which is drilled: why it does not leave
	others                             []domain.Origin // who else was there when its power was about to be cut
	back                               domain.Origin   // the newest daemon of the drilled node that announced itself after the cut
	backAt, backUpMS                   int64
	offMS, verifyMS, listenMS          int64
}

// How long the parts of a drill may take: the leave; until somebody has claimed it; until the node is back. A server's firmware may need many minutes.
const (
	drillLeaveMS = 60_000
	drillStartMS = 180_000
	drillBackMS  = 20 * 60_000
)

// drills brings the open drill one step further, as far as it is this node's part.
func (m *Member) drills() {
	n := m.dom.OpenDrill()
	if n == nil {
		m.drill = nil
		return
	}
	d := n.Drill
	if m.drill == nil || m.drill.id != d.ID {
		m.drill = &drilling{id: d.ID, node: n.ID, askedAt: m.now}
	}
	m.drillTimes(n)
	switch {
	case d.Life == m.cfg.Self.Incarnation:
		m.beDrilled(n)
	case !m.Quorate() || !m.dom.Clean(m.cfg.Self.Node):
	case d.Claim == nil && d.Evidence == nil && m.now-m.drill.askedAt > drillStartMS+m.myTurn(nil):
		m.endDrill("nobody carried it out in time")
	case d.Evidence == nil:
	case d.Actor == m.cfg.Self:
		m.awaitBack(n)
	case m.now-m.drill.cutAt > drillBackMS+patienceMS+m.myTurn(nil):
		m.endDrill("its actor says nothing")
	}
}

func (m *Member) drillTimes(n *domain.Node) {
	w, d := m.drill, n.Drill
	mark := func(at *int64, reached bool) {
		if reached && *at == 0 {
			*at = m.now
		}
	}
	mark(&w.readyAt, d.Ready)
	mark(&w.claimedAt, d.Claim != nil)
	mark(&w.cutAt, d.Evidence != nil)
	mark(&w.onAt, d.Evidence != nil && n.PowerOn == nil)
	mark(&w.cleanAt, d.Evidence != nil && n.Life != d.Life && m.dom.Clean(n.ID))
}

// beDrilled is the drilled node's part: it leaves as ever, says when it holds nothing, and waits for its end. Why it cannot leave ends the drill.
func (m *Member) beDrilled(n *domain.Node) {
	w, d := m.drill, n.Drill
	switch {
	case w.refusal != "":
		m.endDrill(w.refusal)
	case m.leaving == nil && n.Phase == domain.PhaseMember:
		m.leaving = &leaving{why: bound(fmt.Sprintf("drill %d, asked for by %s", d.ID, d.Ask.By)), until: m.now + drillLeaveMS, drill: d.ID}
	case m.leaving != nil && m.leaving.closed && !d.Ready:
		m.propose(fmt.Sprintf("drill-ready/%d", d.ID), domain.Entry{DrillReady: &domain.DrillReady{Node: n.ID, Drill: d.ID}})
	}
}

// parked reports whether this node has left for a drill that is still open: then its daemon stays, so that its silence says something.
func (m *Member) parked() bool {
	n := m.dom.Node(m.cfg.Self.Node)
	return m.leaving != nil && m.leaving.drill != 0 && n != nil && n.Drill != nil && n.Drill.ID == m.leaving.drill
}

func (m *Member) endDrill(why string) {
	w := m.drill
	m.propose(fmt.Sprintf("drill-end/%d", w.id), domain.Entry{DrillEnd: &domain.DrillEnd{Node: w.node, Drill: w.id, Text: bound(why), Phases: m.drillPhases()}})
}

// claimDrill asks for the claim of the open drill when it is this node's turn and the drilled node is heard.
func (m *Member) claimDrill(n *domain.Node) {
	d := n.Drill
	mark := fmt.Sprintf("drill/%d", d.ID)
	if !d.Ready || d.Claim != nil || d.Evidence != nil || n.PowerOn != nil || len(n.Unquiet) > 0 || len(m.dom.Victims()) > 0 || !m.hears(d.Life) {
		m.since.drop(mark)
		return
	}
	if m.now < m.since.begin(mark, m.now)+m.myTurn(nil) {
		return
	}
	s := m.drillSpec(n, &domain.Claim{Number: n.NextClaim})
	m.propose(fmt.Sprintf(claimKey+"%d/%d", n.ID, n.NextClaim), domain.Entry{Claim: &domain.ClaimEntry{
		Node: n.ID, Boot: d.Life.Boot, Number: n.NextClaim, DurationMS: operation.Duration(s) + 2*m.listenMS(), Answers: true, Drill: true,
	}})
}

// hears reports whether a life was heard within two pings of now.
func (m *Member) hears(life fence.Incarnation) bool {
	at := m.lastHeard(life)
	return at >= 0 && m.now-at <= 2*m.dom.Roster.Timing.PingMS
}

// listenMS is how long a node must say nothing after its power read off: as long as it takes to notice any failure.
func (m *Member) listenMS() int64 { return m.dom.Roster.Timing.FailureTimeoutMS }

// drillSpec is the walk of a drill: one level, by an operator's wish, judged with what is being tested taken for proven.
func (m *Member) drillSpec(n *domain.Node, c *domain.Claim) operation.Spec {
	j := m.dom.JudgeDrill(n)
	j.Claim = c.Number
	return operation.Spec{
		Victim: n.DrillVictim(), Claim: c.Number, ReadIndex: m.dom.Index, Action: fence.ActionOff, Judge: j, StartLevel: n.Drill.Level, Only: true,
	}
}

// beginDrill notes who is there before the power is cut.
func (m *Member) beginDrill(n *domain.Node) {
	if m.drill == nil || m.drill.node != n.ID {
		m.drill = &drilling{id: n.Drill.ID, node: n.ID, askedAt: m.now}
	}
	m.drill.others = slices.DeleteFunc(slices.Clone(m.dom.View.Members), func(o domain.Origin) bool { return o.Node == n.ID || o == m.cfg.Self })
}

// concludeDrill says what the walk of a drill came to, once it was listened long enough (R16 a, d).
func (m *Member) concludeDrill(r *run) {
	e := &domain.DrillOff{
		Node: r.node, Number: r.claim, Commanded: r.result.Commanded, Quiet: r.quiet && m.now >= r.effectUntil(), Text: bound(r.result.FailedText), Attempts: m.attempts(r.result, r.logins),
		Times: domain.Times{OffMS: max(0, r.result.OffMS-r.result.StartedMS), VerifyMS: max(0, r.result.FinishedMS-r.result.OffMS)},
	}
	w := m.drill
	if r.result.Proven {
		why := m.notSilenced(r)
		if why == "" && m.now < r.result.FinishedMS+m.listenMS() {
			return // listening
		}
		if why != "" {
			r.result.Proven, r.result.FailedText, e.Text = false, why, bound(why)
		} else {
			e.Evidence = &r.result.Evidence
			w.offMS, w.verifyMS, w.listenMS = e.Times.OffMS, e.Times.VerifyMS, m.now-r.result.FinishedMS
		}
	}
	e.Phases = m.drillPhases()
	m.propose(fmt.Sprintf("drill-off/%d/%d", r.node, r.claim), domain.Entry{DrillOff: e})
}

// notSilenced says why the silence of the drilled node is not the work of the devices that read off, "" where it is, so far as was listened.
func (m *Member) notSilenced(r *run) string {
	off := r.result.FinishedMS // when the all-off pass began: until then supplies may hold up (R17)
	for _, d := range r.result.Evidence.Devices {
		off = min(off, d.Final.StartedMS)
	}
	name := m.dom.Roster.Name(r.node)
	switch {
	case m.lastHeardNode(r.node) >= off:
		return fmt.Sprintf("%s was heard after its power read off: these devices switch something else, or not all of its supplies", name)
	case m.lastHeard(r.life) < r.result.StartedMS-2*m.dom.Roster.Timing.PingMS:
		return fmt.Sprintf("%s fell silent before anything was switched: its silence proves nothing", name)
	case m.now < r.result.FinishedMS+m.listenMS():
		return ""
	}
	for _, o := range m.drill.others {
		if at := m.lastHeard(o.Incarnation); at < off {
			return fmt.Sprintf("%s fell silent at the same time: these devices switch more than %s", m.dom.Roster.Name(o.Node), name)
		}
	}
	return ""
}

// spoilDrills takes what was listened to for nothing: this node stood still and heard nobody (R20).
func (m *Member) spoilDrills() {
	for _, r := range m.running {
		if r.drill && r.done && r.result.Proven {
			r.result.Proven, r.result.FailedText = false, "the acting node stood still while it listened"
		}
	}
}

// heardBack notes when a daemon of the drilled node announced itself, and how long its machine had been up then.
func (m *Member) heardBack(by domain.Origin, a domain.Announce) {
	w := m.drill
	if w == nil || w.node != by.Node || w.cutAt == 0 || w.back == by {
		return
	}
	w.back, w.backAt, w.backUpMS = by, m.now, a.UpMS
}

// awaitBack is the actor's part after the cut: the node must come back as a life that booted after its power was cut.
func (m *Member) awaitBack(n *domain.Node) {
	w, d := m.drill, n.Drill
	name := m.dom.Roster.Name(n.ID)
	switch {
	case m.lastHeard(d.Life) > w.cutAt:
		m.endDrill(name + " came back as the boot that it was: its power was not cut, only its network")
	case m.dom.Clean(n.ID) && n.Life != d.Life && n.PowerOn == nil:
		m.judgeBack(n, name)
	case m.now-w.cutAt > drillBackMS:
		why := name + " is not back: look at its console, and whether its firmware starts it when power returns"
		if n.PowerOn != nil {
			why = name + " is not back: its power could not be switched on again"
		} else if n.Why != "" {
			why = name + " is back and not admitted: " + n.Why
		}
		m.endDrill(why)
	}
}

func (m *Member) judgeBack(n *domain.Node, name string) {
	w, d := m.drill, n.Drill
	switch {
	case w.back.Incarnation != n.Life:
		m.endDrill("this node did not see " + name + " come back: nothing is proven")
	case w.backUpMS <= 0:
		m.endDrill(name + " does not say how long it has been up: nothing shows that its power was cut")
	case w.backAt-w.backUpMS < w.cutAt:
		m.endDrill(fmt.Sprintf("%s had been up for %d ms when it came back, longer than its power is on again: something else reset it", name, w.backUpMS))
	default:
		m.propose(fmt.Sprintf("drill-passed/%d", w.id), domain.Entry{Mapping: &domain.Mapping{
			Node: n.ID, Mapping: d.Reach, Drill: d.ID, Phases: m.drillPhases(), Text: fmt.Sprintf("level %d is %s", d.Level+1, name),
		}})
	}
}

// drillPhases is how long each part took that is over.
func (m *Member) drillPhases() []domain.PhaseTime {
	w := m.drill
	var out []domain.PhaseTime
	add := func(name string, ms int64, known bool) {
		if known {
			out = append(out, domain.PhaseTime{Name: name, MS: max(0, ms)})
		}
	}
	add("leave", w.readyAt-w.askedAt, w.readyAt > 0)
	add("claim", w.claimedAt-w.readyAt, w.claimedAt > 0 && w.readyAt > 0)
	add("off", w.offMS, w.listenMS > 0)
	add("verify", w.verifyMS, w.listenMS > 0)
	add("listen", w.listenMS, w.listenMS > 0)
	add("on", w.onAt-w.cutAt, w.onAt > 0)
	add("boot", w.backAt-w.onAt, w.backAt > 0 && w.onAt > 0)
	add("admit", w.cleanAt-w.backAt, w.cleanAt > 0 && w.backAt > 0)
	add("total", m.now-w.askedAt, true)
	return out
}
