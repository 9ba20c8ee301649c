package member

import (
	"fmt"
	"math"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// run is an operation of this node, from its claim until nothing of it matters any more.
type run struct {
	node      fence.NodeID
	claim     uint64
	on, drill bool
	life      fence.Incarnation
	cancelled bool
	done      bool
	quiet     bool
	result    operation.Result
	logins    map[string]string // by which it logs in
}

func (r *run) effectUntil() int64 { return r.result.EffectUntilMS }

func (m *Member) run(node fence.NodeID, claim uint64) *run {
	for _, r := range m.running {
		if r.node == node && r.claim == claim {
			return r
		}
	}
	return nil
}

// operations starts what this node has claimed, cancels what it may not go on with, and proposes what came of it.
func (m *Member) operations() {
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		for _, c := range active(n) {
			if c.Actor == m.cfg.Self && m.run(n.ID, c.Number) == nil {
				m.begin(n, c)
			}
		}
	}
	kept := m.running[:0]
	for _, r := range m.running {
		n := m.dom.Node(r.node)
		inForce := m.inForce(n, r)
		switch {
		case inForce && r.done:
			m.conclude(n, r)
		case !inForce && !r.done && !r.cancelled:
			r.cancelled = true
			m.do(CancelOperation{Life: r.life, Claim: r.claim, Why: "the claim is not in force any more"})
		}
		if inForce || !r.done || !r.quiet || waited(n, r) {
			kept = append(kept, r)
		}
	}
	m.running = kept
}

// begin starts a claimed walk, if this node asked for the claim just now and is in contact with a quorate view (V3). A node that was stopped
// or lagged learns of its claim when the others may have ended it, seen it quiet and admitted the next life: it touches nothing (R9).
func (m *Member) begin(n *domain.Node, c domain.Claim) {
	s := m.spec(n, &c)
	r := &run{node: n.ID, claim: c.Number, on: c.On, drill: c.Drill, life: s.Victim.Incarnation, logins: m.cfg.Logins}
	if c.Drill {
		m.beginDrill(n)
	}
	m.running = append(m.running, r)
	asked := m.since.get(askedMark(n.ID, c.Number), -1)
	if m.closing() || m.rewiring || asked < 0 || m.now-asked > m.late() || m.now < m.gapUntil || !m.Quorate() {
		r.done, r.quiet = true, true
		r.result.Ended, r.result.FailedText = operation.EndedCancelled, "the claim was committed too late, without contact to a quorate view, while this node leaves, or while its devices change: nothing was begun (R9)"
		return
	}
	s.EndMS = asked + c.DurationMS
	m.do(StartOperation{Spec: s})
}

// abandon cancels every walk that runs.
func (m *Member) abandon(why string) {
	for _, r := range m.running {
		if !r.done && !r.cancelled {
			r.cancelled = true
			m.do(CancelOperation{Life: r.life, Claim: r.claim, Why: why})
		}
	}
	m.abandonLocals(why)
}

// refuted takes the domain's word that an evidence proves nothing, as after a change of the roster: the walk has failed.
func (m *Member) refuted(node fence.NodeID, claim uint64, err error) {
	if r := m.run(node, claim); r != nil {
		r.result.Proven, r.result.FailedText = false, bound(err.Error())
	}
}

func (m *Member) inForce(n *domain.Node, r *run) bool {
	if n == nil {
		return false
	}
	for _, c := range active(n) {
		if c.Number == r.claim && c.Actor == m.cfg.Self {
			return true
		}
	}
	return false
}

// waited reports whether the domain still waits for this claim's calls (R9).
func waited(n *domain.Node, r *run) bool {
	if n == nil {
		return false
	}
	for _, c := range n.Unquiet {
		if c.Number == r.claim {
			return true
		}
	}
	return false
}

// finished takes the end of an operation from the engine.
func (m *Member) finished(in ReadResult) {
	if r := m.run(in.Node, in.Claim); r != nil && !r.done {
		r.done, r.quiet, r.result = true, r.quiet || in.Quiet, in.Result
		m.noteLogins(r)
	}
}

// conclude proposes what an operation in force came to. Proof is proposed only if the actor heard nothing from that life since its first
// read began (R16 d): that is the actor's own judgement, never Apply's.
func (m *Member) conclude(n *domain.Node, r *run) {
	quiet := r.quiet && m.now >= r.effectUntil()
	if r.drill {
		m.concludeDrill(r)
		return
	}
	if r.on {
		m.propose(fmt.Sprintf("on-done/%d/%d", r.node, r.claim), domain.Entry{PowerOn: &domain.PowerDone{
			Node: r.node, Number: r.claim, OK: r.result.Proven, Quiet: quiet, Text: bound(r.result.FailedText), Attempts: m.attempts(r.result, r.logins),
		}})
		return
	}
	if r.result.Proven {
		if m.lastHeardNode(r.node) < silentFrom(r.result) {
			m.propose(fmt.Sprintf("verdict/%d/%d", r.node, r.claim), domain.Entry{Verdict: &domain.Proof{
				Node: r.node, Boot: r.life.Boot, Evidence: r.result.Evidence, Quiet: quiet, Attempts: m.attempts(r.result, r.logins), Switched: m.switched(r),
				Times: domain.Times{OffMS: r.result.OffMS - r.result.StartedMS, VerifyMS: r.result.FinishedMS - r.result.OffMS},
			}})
			return
		}
		if m.lastHeard(r.life) >= silentFrom(r.result) {
			m.do(Notice{Kind: domain.EventRefused, Node: r.node, Life: r.life, Text: "it was heard after it read off: the device lies or is another machine's (R16 d)"})
		} else { // no alarm: a later life is there, somebody restored its power
			m.do(Notice{Kind: domain.EventRefused, Node: r.node, Text: "a later life was heard after its machine read off: somebody switched it on meanwhile (R16 d)"})
		}
		r.result.Proven, r.result.FailedText = false, "the life was heard after its device read off (R16 d)"
	}
	m.propose(fmt.Sprintf("failed/%d/%d", r.node, r.claim), domain.Entry{ClaimEnd: &domain.ClaimEnd{
		Node: r.node, Number: r.claim, Quiet: quiet, Text: bound(r.result.FailedText), Attempts: m.attempts(r.result, r.logins), Switched: m.switched(r),
	}})
}

// switched is what a walk to off says of the levels that it touched, once all members understand it (R11).
func (m *Member) switched(r *run) []int {
	if m.dom.Feature < domain.FeatureSwitched {
		return nil
	}
	return r.result.Switched
}

// silentFrom is since when the victim must have been silent: the first read of the evidence, or the whole wait for its watchdog (R16 d). A cut life
// goes on, so its voice refutes nothing (R18).
func silentFrom(r operation.Result) int64 {
	if r.Evidence.Kind == fence.EvidenceStorageCut {
		return math.MaxInt64
	}
	if len(r.Evidence.Devices) == 0 {
		return r.FinishedMS - r.Evidence.WaitedMS
	}
	first := r.Evidence.Devices[0].First.StartedMS
	for _, d := range r.Evidence.Devices {
		first = min(first, d.First.StartedMS)
	}
	return first
}

// attempts carries an operation's attempts into an entry, the newest where there are more than fit; logins are the digests by which it logged in.
func (m *Member) attempts(r operation.Result, logins map[string]string) []domain.Attempt {
	as := r.Attempts
	if len(as) > domain.MaxAttempts {
		as = as[len(as)-domain.MaxAttempts:]
	}
	out := make([]domain.Attempt, 0, len(as))
	for _, a := range as {
		device := a.Device
		if a.Target != "" {
			device += "[" + a.Target + "]"
		}
		e := domain.Attempt{Level: a.Level, Device: bound(device), Action: string(a.Action), Result: bound(string(a.Result)), Class: string(a.Class), MS: a.MS, Text: bound(a.Text)}
		if m.dom.Feature >= domain.FeatureHealth && (e.Class == domain.HealthAuth || e.Class == domain.Healthy) {
			e.Login = logins[a.Device]
		}
		out = append(out, e)
	}
	return out
}
