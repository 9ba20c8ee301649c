package member

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence/domain"
)

// TroubleKind is what became of shared storage under a running member.
type TroubleKind string

// The kinds. TroubleWithdrawn: a cluster file system has given up and keeps its locks, and only a reset takes them from it; no other kind ever ends a
// life. TroubleSuspended: writes wait, which an administrator's command and a wait for fencing do as well. TroubleUnknown: it could not be seen.
const (
	TroubleWithdrawn TroubleKind = "withdrawn"
	TroubleSuspended TroubleKind = "suspended"
	TroubleUnknown   TroubleKind = "unknown"
)

// Trouble is one of them. Name tells it from another of its kind.
type Trouble struct {
	Kind TroubleKind
	Name string
	Text string
}

// KernelSeen is what a look at the kernel of a running node saw, whole: what is not in it is over.
type KernelSeen struct{ Troubles []Trouble }

// Calm: this life has lasted so long as a member beside no withdrawn file system, or with Lost beside no process that died, that the row of those that
// ended themselves for one is over (R24).
type Calm struct{ Lost bool }

// Standing is a trouble that lasts, for a person. Kept says why a withdrawn file system does not end this life, "" where it will.
type Standing struct {
	Trouble
	Kept string
}

// OnWithdrawSelfFence is the Config.OnWithdraw that ends a life whose file system has withdrawn.
const OnWithdrawSelfFence = "self-fence"

// The bounds of troubles: how many are remembered, how long one other than a withdrawal must last to be shown, in how many looks in a row a
// withdrawal is seen before it counts, and how long a life must have been a member to end a row of withdrawals.
const (
	maxTroubles     = 64
	troubleLastsMS  = 30_000
	withdrawalLooks = 2
	withdrawCalmMS  = 3_600_000
)

// troubled is a trouble and since when this node sees it.
type troubled struct {
	Trouble
	since int64
	looks int
}

// trouble is what this node sees and since when it might act on it.
type trouble struct {
	seen      []troubled
	turnSince int64 // a withdrawal counts and nothing keeps this life, 0 for not
	calmSince int64 // a member beside no withdrawn file system, 0 for not
	fatal     bool  // this life ended itself for one
}

// kernelSeen takes a look. Time counts for as long as each look saw it.
func (m *Member) kernelSeen(in KernelSeen) {
	var kept []troubled
	for _, t := range in.Troubles[:min(len(in.Troubles), maxTroubles)] {
		now := troubled{Trouble: t, since: m.now}
		if i := slices.IndexFunc(m.trouble.seen, func(o troubled) bool { return o.Kind == t.Kind && o.Name == t.Name }); i >= 0 {
			now.since, now.looks = m.trouble.seen[i].since, m.trouble.seen[i].looks
		}
		now.Text, now.looks = bound(t.Text), now.looks+1
		kept = append(kept, now)
	}
	m.trouble.seen = kept
}

// Standing lists what lasts: a withdrawal at once, anything else after half a minute.
func (m *Member) Standing() []Standing {
	var out []Standing
	for _, t := range m.trouble.seen {
		switch {
		case t.Kind == TroubleWithdrawn:
			out = append(out, Standing{Trouble: t.Trouble, Kept: m.keptBy()})
		case m.now-t.since >= troubleLastsMS:
			out = append(out, Standing{Trouble: t.Trouble})
		}
	}
	return out
}

// withdrawn ends the life of a member one of whose file systems has withdrawn, where this node's own policy says so. It would otherwise hold the
// locks that the others wait for until a person comes. The others learn of it as of every life that ends itself: by confess, and as their victim,
// because it is stateful (R12, R22); its watchdog, which is not fed any more, ends it where nothing else does (R14, R24).
func (m *Member) withdrawn() {
	if m.fell {
		return
	}
	m.calms()
	i := slices.IndexFunc(m.trouble.seen, func(t troubled) bool { return t.Kind == TroubleWithdrawn && t.looks >= withdrawalLooks })
	if i < 0 || m.keptBy() != "" {
		m.trouble.turnSince = 0
		return
	}
	if m.trouble.turnSince == 0 {
		m.trouble.turnSince = max(m.now, 1)
	}
	if m.now-m.trouble.turnSince >= m.withdrawTurnMS() {
		m.trouble.fatal = true
		m.fall(m.trouble.seen[i].Text + " (on_withdraw)")
	}
}

// calms ends the row of lives that ended themselves for a withdrawn file system, once this one has been a member beside none for an hour (R24). An
// admission does not: whoever mounts a bad disk withdraws after each.
func (m *Member) calms() {
	t, n := &m.trouble, m.dom.Node(m.cfg.Self.Node)
	sees := func(o troubled) bool { return o.Kind == TroubleWithdrawn }
	if m.cfg.Withdrawals == 0 || n == nil || n.Life != m.cfg.Self.Incarnation || n.Phase != domain.PhaseMember || !m.present() || slices.ContainsFunc(t.seen, sees) {
		t.calmSince = 0
		return
	}
	if t.calmSince == 0 {
		t.calmSince = max(m.now, 1)
	}
	if m.now-t.calmSince >= withdrawCalmMS {
		m.cfg.Withdrawals = 0
		m.do(Calm{})
	}
}

// stoodStill begins anew what was measured before this node was stopped (R20).
func (t *trouble) stoodStill(now int64) {
	t.turnSince, t.calmSince = 0, 0
	for i := range t.seen {
		t.seen[i].since, t.seen[i].looks = now, 0
	}
}

// withdrawTurnMS is how long this node waits for those before it in the view. One bad array makes the file systems of all members withdraw at once;
// they then go one after the other, each when the one before it is missed, and only as long as those who remain are quorate.
func (m *Member) withdrawTurnMS() int64 {
	before := int64(0)
	for _, o := range m.dom.View.Members {
		if o.Node < m.cfg.Self.Node && !m.dom.Witness(o.Node) {
			before++
		}
	}
	return before * 2 * m.dom.Roster.Timing.FailureTimeoutMS
}

// keptBy says why this life does not end itself for a withdrawn file system, "" where it does.
func (m *Member) keptBy() string {
	n := m.dom.Node(m.cfg.Self.Node)
	switch {
	case m.cfg.OnWithdraw != OnWithdrawSelfFence:
		return "residual.on_withdraw is attention"
	case !m.dom.Armed:
		return "the cluster is not armed"
	case n == nil || n.Life != m.cfg.Self.Incarnation || n.Phase != domain.PhaseMember || n.Victim != nil:
		return "this node is no member" // the start table judges what is found there
	case m.cfg.Withdrawals >= maxSelfFences:
		return fmt.Sprintf("%d lives in a row ended themselves for one: a reset does not help", m.cfg.Withdrawals)
	case !m.Quorate():
		return "no quorum"
	case m.unclean() != "":
		return m.unclean() + " is in the view and not clean" // it may be about to go, for the same reason
	case m.dom.Rest(n.ID) < m.dom.Quorum() && !m.dom.ByProof(n.ID):
		return fmt.Sprintf("those who stay would have %d of the %d votes that quorum needs", m.dom.Rest(n.ID), m.dom.Quorum())
	}
	return ""
}

// unclean names a node of the view, other than this one, that is no clean member, "" for none.
func (m *Member) unclean() string {
	for _, o := range m.dom.View.Members {
		if o.Node != m.cfg.Self.Node && !m.dom.Witness(o.Node) && !m.dom.Clean(o.Node) {
			return m.dom.Roster.Name(o.Node)
		}
	}
	return ""
}

func (KernelSeen) input() {}
func (Calm) effect()      {}
