package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// A planned restart (R26, ADR 0094): a daemon says in the log that it ends and that the next one of the same boot goes on where it stood. Until the
// time it asked for is over its absence is no failure. Nothing else changes: its life stays stateful, nobody is released from it, nobody is granted
// anything while it is away, and whoever is not back in time, or comes back with another word, is what it would have been without: a victim.
// Kept for R26: R26-in-time.txt, V11.

// FeatureRestart is the feature level from which a restart is planned (R11).
const FeatureRestart = 3

// RestartPauseMS is how long after a planned restart of a life the next one is refused, by a member's own timer (R26).
const RestartPauseMS = 60 * 60 * 1000

// restartNeedMS is how much longer than failure_timeout a restart must be allowed to take: for so long the others may not even have noticed that the
// daemon went, or that another one came, and then the next one has to be in a view, scan, and be admitted.
const restartNeedMS = 1000

// LeastRestartMS is what must be left of a restart when its daemon goes, in milliseconds: with less a node that is well would be fenced for it.
func LeastRestartMS(t fence.Timing) int64 { return t.FailureTimeoutMS + restartNeedMS }

// RestartEntry is the proposer's word that its daemon is about to end, and that the next one of this boot, which knows the nonce, goes on.
type RestartEntry struct {
	Nonce string `json:"nonce"`
	// ForMS is how long it may be away, in milliseconds from this entry on: below the lease, so that its watchdog ends it no later (R14).
	ForMS int64  `json:"for_ms"`
	Why   string `json:"why,omitempty"`
}

// Restart is one that is under way. It ends with the admission of the next daemon, with the life, or with its time.
type Restart struct {
	Nonce string `json:"nonce"`
	// Since is the index of its entry, which a TimeOver names.
	Since uint64 `json:"since"`
	ForMS int64  `json:"for_ms"`
	// Instance is the daemon that goes. No other one's absence is borne.
	Instance string `json:"instance"`
}

// ErrActs: a daemon that holds a claim does not restart before another one has taken it over.
var ErrActs = fmt.Errorf("%w: it acts on another node, which another one has to take over first", fence.ErrRefused)

// Away reports whether the node's daemon is away for a planned restart, or back and not admitted yet.
func (n *Node) Away() bool { return n.Restart != nil && n.Phase != PhaseMember }

// MayRestart says why a planned restart of this node is refused now, nil if it is not (R26). Asked by Apply and by whoever is about to propose.
func (s *State) MayRestart(by Origin, forMS int64) error {
	n := s.Node(by.Node)
	if s.Feature < FeatureRestart {
		return fmt.Errorf("a planned restart needs feature level %d, the committed one is %d (R11)", FeatureRestart, s.Feature)
	}
	switch {
	case !s.Quorate():
		return fence.ErrNoQuorum
	case n == nil || !s.Clean(by.Node) || s.Witness(by.Node) || n.Outvoted():
		return errors.New("this node is no clean member: nothing of it is continued")
	case forMS <= 0 || forMS >= s.Roster.Timing.LeaseMS:
		return fmt.Errorf("a restart takes more than 0 ms and less than the lease, %d ms", s.Roster.Timing.LeaseMS)
	case forMS < LeastRestartMS(s.Roster.Timing):
		return fmt.Errorf("a restart may take %d ms here, below the lease, and needs %d ms, a second more than failure_timeout: raise timings.lease to %d ms or more, or leave and start again",
			forMS, LeastRestartMS(s.Roster.Timing), (LeastRestartMS(s.Roster.Timing)*10+8)/9)
	case n.Restart != nil:
		return fmt.Errorf("%w: a restart of it is under way, or was not followed and has to lapse", fence.ErrRefused)
	case n.Restarted != 0:
		return fmt.Errorf("%w: it was restarted less than an hour ago, at index %d", fence.ErrRefused, n.Restarted)
	case n.Drill != nil:
		return fmt.Errorf("%w: it is being drilled", fence.ErrRefused)
	case s.acts(by):
		return ErrActs
	}
	if i := slices.IndexFunc(s.Nodes, func(o Node) bool { return o.Restart != nil }); i >= 0 {
		return fmt.Errorf("%w: %s restarts, one goes after the other", fence.ErrRefused, s.Roster.Name(s.Nodes[i].ID))
	}
	if rest := s.Rest(by.Node); rest < s.Quorum() {
		return fmt.Errorf("%w: those who stay would have %d of the %d votes that quorum needs", fence.ErrUnsafe, rest, s.Quorum())
	}
	return nil
}

// acts reports whether a daemon holds a claim.
func (s *State) acts(by Origin) bool {
	for i := range s.Nodes {
		n := &s.Nodes[i]
		held := []*Claim{n.drillClaim()}
		if n.Victim != nil {
			held = append(held, n.Victim.Claim)
		}
		if n.PowerOn != nil {
			held = append(held, n.PowerOn.Claim)
		}
		if n.Cut != nil {
			held = append(held, n.Cut.Claim)
		}
		if slices.ContainsFunc(held, func(c *Claim) bool { return c != nil && c.Actor == by }) {
			return true
		}
	}
	return false
}

// restart begins one. The next daemon is admitted by the nonce, so a word that was lost and comes late does no harm: it is about this very daemon.
func (t *turn) restart(e RestartEntry) error {
	n, err := t.present()
	if err != nil {
		return err
	}
	if err := checkTexts(e.Nonce, e.Why); err != nil {
		return err
	}
	if e.Nonce == "" {
		return errors.New("a restart needs a nonce")
	}
	if err := t.s.MayRestart(t.by, e.ForMS); err != nil {
		return err
	}
	n.Restart = &Restart{Nonce: e.Nonce, Since: t.index, ForMS: e.ForMS, Instance: t.by.Instance}
	t.emit(Event{Kind: EventRestarting, Node: n.ID, Life: n.Life, On: true, Text: e.Why})
	return nil
}

// goesAway bears the absence of the daemon that said it would go; of a member only: who has become dirty meanwhile is not borne.
func (t *turn) goesAway(n *Node, instance string) bool {
	if n.Restart == nil || n.Restart.Instance != instance || n.Phase != PhaseMember {
		return false
	}
	n.Phase = PhaseAbsent
	return true
}

// restarting lets those that departed without quorum be away where a restart was under way.
func (t *turn) restarting() {
	for i := range t.s.Nodes {
		if n := &t.s.Nodes[i]; n.Suspect != "" && n.Instance == "" && t.goesAway(n, n.Suspect) {
			n.Suspect = ""
		}
	}
}

// resumes reports whether this announcement continues the life whose daemon went (R26): it knows the nonce of a restart that is under way.
func (n *Node) resumes(a Announce) bool {
	return n.Restart != nil && a.Resume != "" && a.Resume == n.Restart.Nonce
}

// resumed ends a restart well. It counts from here for an hour.
func (t *turn) resumed(n *Node, stateful bool) {
	if n.Restart == nil {
		return
	}
	n.Restart, n.Restarted = nil, t.index
	n.Stateful = n.Stateful || stateful // the word of another daemon of the same life makes nobody stateless (R12)
	t.emit(Event{Kind: EventRestarting, Node: n.ID, Life: n.Life, Text: "its next daemon goes on"})
}

// lateRestart is the end of the time that a daemon was given. One that has not gone stays what it is; one that is not admitted again by now has failed.
func (t *turn) lateRestart(n *Node) {
	if !n.Away() {
		n.Restart = nil
		t.emit(Event{Kind: EventRestarting, Node: n.ID, Life: n.Life, Text: "its daemon did not go"})
		return
	}
	t.makeVictim(n, n.Life, fence.CauseFailed)
	t.orphans()
}

// otherBoot notices that the machine of a daemon that went came back with another boot, or that another machine did: the life that went is over or it is not,
// and only a verdict says so. It is kept as one that lapsed, which is a victim in the next quorate view (R30).
func (n *Node) otherBoot(life fence.Incarnation) {
	if n.Restart != nil && n.Life != life {
		n.Restart, n.Lapsed = nil, n.Life
	}
}
