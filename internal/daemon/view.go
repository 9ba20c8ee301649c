package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/membership"

	"github.com/fenced-project/fenced/client"
)

// Status implements api.Reader. It is made in the loop, from memory alone.
func (d *Daemon) Status(ctx context.Context) (client.Status, error) {
	info := d.cfg.Provider.Info()
	plugins := d.cfg.Devices.Plugins()
	var s client.Status
	err := d.ask(ctx, func() {
		dom := d.member.Domain()
		s = client.Status{
			API: client.API, Cluster: d.cfg.Config.Roster.Cluster, Domain: info.Domain, Node: d.me(), Version: d.cfg.Version,
			Simulated: d.cfg.Config.Simulated, Armed: dom.Armed, Provider: info.Provider, Epoch: dom.View.Index, Quorate: d.member.Quorate(),
			Votes:  d.votes(info),
			Roster: client.RosterState{Version: dom.Roster.Version, Hash: dom.RosterHash, Equal: d.rosterEqual()},
		}
		s.FrozenWhy = d.member.Frozen()
		s.Frozen = s.FrozenWhy != ""
		if s.Ring = info.Ring; info.Leader != 0 {
			s.Ring = "leader " + d.name(info.Leader)
		}
		for _, w := range info.Waiting {
			s.Waiting = append(s.Waiting, client.Waiting{What: w.What, For: w.For, Since: client.At(w.Since)})
		}
		s.Brake.Count, s.Brake.Limit = d.member.Brake()
		s.Rejected = dom.Rejected
		for _, id := range d.member.Held() {
			s.Brake.Held = append(s.Brake.Held, d.name(id))
		}
		if s.Disarm = d.disarm(); s.Disarm != nil && s.Disarm.Pending {
			s.Waiting = append(s.Waiting, client.Waiting{What: "disarm", For: s.Disarm.For, Deadline: s.Disarm.Deadline})
		}
		s.Paused = d.pauses()
		s.Waiting = append(s.Waiting, d.pauseWaits()...)
		d.nodes(&s)
		s.Operations = d.operations()
		s.Clients = d.locals.list()
		s.Attention = append(d.attention(info.Domain, joins(info), plugins), d.strangers(info)...)
	})
	return s, err
}

// disarmWait is how long at most a disarm waits for the operations that run.
const disarmWait = domain.DisarmWaitMS * time.Millisecond

// disarm is what there is to say of a disarm, nil for nothing: below its feature level nobody remembers who said so.
func (d *Daemon) disarm() *client.Disarm {
	dom := d.member.Domain()
	if dom.Disarm == nil {
		return nil
	}
	out := &client.Disarm{Pending: dom.Disarm.Pending, By: dom.Disarm.By, Reason: dom.Disarm.Reason, ForMS: dom.Disarm.ForMS}
	if out.Pending {
		for _, id := range dom.Finishing() {
			out.For = append(out.For, d.name(id))
		}
	}
	if out.Pending || out.ForMS > 0 {
		out.Deadline = client.At(time.Now().Add(time.Duration(d.member.DisarmLeftMS()) * time.Millisecond))
	}
	return out
}

// disarmedBy says who disarmed the cluster, and until when.
func (d *Daemon) disarmedBy() string {
	x := d.disarm()
	if x == nil {
		return ""
	}
	text := " (" + x.By + ": " + x.Reason + ")"
	if !x.Deadline.IsZero() {
		text += "; it arms itself again at " + x.Deadline.UTC().Format(time.RFC3339)
	}
	return text
}

// joins is why the others have not let this node in yet, as the provider knows it; "" where nobody has said anything.
func joins(info membership.Info) string {
	for _, w := range info.Waiting {
		if why, ok := strings.CutPrefix(w.What, "join: "); ok {
			return why
		}
	}
	return ""
}

// votes are those that this node counts on: of the view while it is in contact with a quorate one, else of those whom it hears itself.
func (d *Daemon) votes(info membership.Info) client.Votes {
	v := client.Votes{Have: info.Votes, Need: info.Need, Source: cmp.Or(info.Source, "roster")}
	if info.Source != "" || d.member.Quorate() {
		return v
	}
	dom := d.member.Domain()
	v.Have = 0
	for _, r := range dom.Roster.Nodes {
		if r.ID == d.cfg.Self.Node || slices.ContainsFunc(info.Paths, func(p membership.Path) bool {
			return p.Node == r.ID && p.LastSeen >= 0 && p.LastSeen.Milliseconds() < dom.Roster.Timing.FailureTimeoutMS
		}) {
			if n := dom.Node(r.ID); n == nil || !n.Lost && !n.Added {
				v.Have += r.Votes
			}
		}
	}
	return v
}

// halted says whose votes do not count although they are there, "" where there are none (R24).
func (d *Daemon) halted() string {
	dom := d.member.Domain()
	var names []string
	for _, m := range dom.View.Members {
		if dom.Halts(m.Incarnation) {
			names = append(names, d.name(m.Node))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; without the votes of those who halt, which a reboot gives back: " + strings.Join(names, ", ")
}

// nodes lists the configured nodes, from the committed roster or, before there is one, from this node's file.
func (d *Daemon) nodes(s *client.Status) {
	dom := d.member.Domain()
	roster := dom.Roster
	if roster.Version == 0 {
		roster = d.cfg.Config.Roster
	}
	for _, r := range roster.Nodes {
		n := dom.Node(r.ID)
		if n == nil {
			n = &domain.Node{ID: r.ID, Phase: domain.PhaseAbsent}
		}
		out := client.Node{
			Name: r.Name, ID: uint32(r.ID), Role: client.RoleNode, State: d.state(n), BootID: n.Life.Boot, Instance: n.Instance, Version: n.Version, Why: n.Why,
			Watchdog: client.Watchdog{Kind: n.Watchdog.Kind, LeaseMS: n.Watchdog.LeaseMS, HardwareMS: n.Watchdog.HardwareMS},
		}
		if r.Witness {
			out.Role = client.RoleWitness
			out.Flags = append(out.Flags, client.FlagWitness)
		}
		if dom.IsPaused(n.ID) {
			out.Flags = append(out.Flags, client.FlagPaused)
		}
		if n.OffHeld {
			out.Flags = append(out.Flags, client.FlagOffHeld)
			if n.Kept() {
				out.Why = n.KeptWhy()
			}
		}
		if n.Cut != nil {
			out.Flags = append(out.Flags, client.FlagUnfencePending)
		}
		if n.Outvoted() {
			out.Flags = append(out.Flags, client.FlagFrozen)
		}
		if n.Restart != nil {
			out.Flags = append(out.Flags, client.FlagRestarting)
		}
		if n.Phase == domain.PhaseUnguarded {
			out.Flags = append(out.Flags, client.FlagUnguarded)
		}
		if dom.Roster.Policy.IdleStateless && n.Phase == domain.PhaseMember && n.Victim == nil && !n.Stateful {
			out.Flags = append(out.Flags, client.FlagStateless)
		}
		for _, l := range r.Levels {
			out.Levels = append(out.Levels, levelName(l))
		}
		switch out.State {
		case client.StateMember:
			if !r.Witness { // it scans nothing
				out.Residual = "clean"
			}
		case client.StateDirty:
			out.Residual = "dirty"
		}
		if n.Last != nil {
			last := &client.LastVerdict{Verdict: string(n.Last.Kind), Evidence: string(n.Last.Evidence.Kind), Operation: n.LastOperation}
			if rec := d.records.byID[n.LastOperation]; rec != nil {
				last.At = rec.line.Finished
			}
			out.Last = last
		}
		out.Paths = d.paths(r)
		out.Drill, out.Mapped = d.lastDrill(n), d.mapped(n, r)
		out.Declared = d.declaredSteps(r)
		if n.Drill != nil {
			out.Flags = append(out.Flags, client.FlagDrilled)
		}
		out.Since = d.since(r.ID, out.State)
		s.Nodes = append(s.Nodes, out)
	}
}

// since remembers when the loop first saw a node in its present state. Status is asked rarely, so transition calls it too.
func (d *Daemon) since(id fence.NodeID, state string) client.Time {
	if s, ok := d.seen[id]; ok && s.state == state {
		return client.At(s.since)
	}
	d.seen[id] = seen{state: state, since: time.Now()}
	return client.At(d.seen[id].since)
}

// state is the one word that users see. Unknown is never shown as anything better.
func (d *Daemon) state(n *domain.Node) string {
	dom, self := d.member.Domain(), d.member.Self()
	switch {
	case n.Victim != nil && n.Victim.Round > 0:
		return client.StateNeedsOperator
	case n.Victim != nil && n.Victim.Claim != nil:
		return client.StateFencing
	case n.Victim != nil:
		return client.StateFailed
	case n.Suspect != "", n.Instance != "" && d.suspect[n.ID] == n.Instance:
		return client.StateSuspect
	case n.Phase == domain.PhaseMember && n.ID == d.cfg.Self.Node && !dom.Shows(&self):
		return client.StateJoining // an earlier daemon was the member: this one reads its log, and nobody has seen it yet
	case n.Phase == domain.PhaseMember && n.ID == d.cfg.Self.Node && (d.member.Leaving() || d.member.Restarting()):
		return client.StateLeaving
	case n.Phase == domain.PhaseMember:
		return client.StateMember
	case n.Phase == domain.PhaseJoining:
		return client.StateJoining
	case n.Phase == domain.PhaseDirty, n.Phase == domain.PhaseUnguarded:
		return client.StateDirty
	case n.Phase == domain.PhaseLeft:
		return client.StateLeft
	case n.Unknown:
		return client.StateUnknown
	case n.Last != nil && (n.Life == n.Last.Incarnation || dom.IsOver(n.Life)):
		return client.StateFenced
	}
	return client.StateAbsent
}

func levelName(l fence.Level) string {
	names := make([]string, 0, len(l.Steps))
	for _, s := range l.Steps {
		names = append(names, s.String())
	}
	return strings.Join(names, "+")
}

// operations lists the open operations.
func (d *Daemon) operations() []client.Operation {
	dom := d.member.Domain()
	var out []client.Operation
	for i := range dom.Nodes {
		if o := d.openOperation(&dom.Nodes[i]); o != nil {
			out = append(out, *o)
		}
	}
	return out
}

// openOperation is the open operation on a node, nil if there is none.
func (d *Daemon) openOperation(n *domain.Node) *client.Operation {
	var claim *domain.Claim
	o := client.Operation{Victim: d.name(n.ID), Phase: client.PhaseWaiting}
	switch {
	case n.Victim != nil:
		v := n.Victim
		claim = v.Claim
		o.ID, o.Incarnation, o.Action, o.Cause = v.ID, v.Boot, string(v.Action), string(v.Cause)
		if len(v.Requests) > 0 {
			o.RequestedBy = v.Requests[0].By
		}
		if claim == nil {
			o.Why = d.whyNoClaim(n)
		}
	case n.Drill != nil:
		o = *d.drillOperation(n)
		claim = n.Drill.Claim
		if n.PowerOn != nil && n.PowerOn.Claim != nil {
			claim = n.PowerOn.Claim
		}
	case n.PowerOn != nil:
		p := n.PowerOn
		claim = p.Claim
		o.ID, o.Incarnation, o.Action, o.Phase = p.ID, p.For.Boot, client.ActionOn, client.PhasePoweringOn
		if claim == nil && len(n.Unquiet) > 0 {
			o.Phase, o.Why = client.PhaseWaiting, "an earlier claim may still have something in flight"
		} else if err := d.member.Domain().MayPowerOn(n); claim == nil && err != nil {
			o.Phase, o.Why = client.PhaseWaiting, strings.TrimPrefix(err.Error(), fence.ErrRefused.Error()+": ")
		}
	case n.Cut != nil && len(n.Cut.Steps) > 0 && d.member.Domain().MayUnfence(n) == nil:
		claim = n.Cut.Claim
		o.ID, o.Incarnation, o.Action, o.Phase = n.Cut.ID, n.Life.Boot, client.ActionUnfence, client.PhasePoweringOn
		o.Why = d.whyNotOpened(n)
	default:
		return nil
	}
	if r, ok := d.member.Domain().Roster.Node(n.ID); ok {
		o.Levels = len(r.Levels)
	}
	rec := d.records.byID[o.ID]
	if rec != nil {
		o.Started = rec.line.Started
	}
	if claim == nil {
		return &o
	}
	o.Actor = d.name(claim.Actor.Node)
	if !claim.On {
		o.Phase = client.PhaseClaimed
	}
	if rec != nil && claim.Actor.Node == d.cfg.Self.Node && rec.progress.Phase != "" {
		p := rec.progress
		o.Phase, o.Level, o.Step, o.Device, o.Attempt, o.Attempts = string(p.Phase), p.Level+1, p.Step+1, p.Device, p.Attempt, p.Attempts
		if p.DeadlineMS > 0 {
			o.DeadlineMS = max(0, p.DeadlineMS-d.cfg.Now())
		}
	}
	return &o
}

// whyNoClaim says why nobody acts on a victim at this moment.
func (d *Daemon) whyNoClaim(n *domain.Node) string {
	dom := d.member.Domain()
	switch {
	case !d.member.Quorate():
		return "no quorum"
	case dom.MayFence(n) != nil && !dom.Armed:
		return "the cluster is not armed"
	case dom.MayFence(n) != nil:
		return strings.TrimPrefix(dom.MayFence(n).Error(), fence.ErrRefused.Error()+": ")
	case n.Pending != nil:
		return "a clean later life waits until nothing of an earlier claim is in flight"
	case len(dom.Eligibles()) == 0:
		return "no member is eligible"
	}
	for _, id := range d.member.Held() {
		if id == n.ID {
			return "it still answers and the brake is reached"
		}
	}
	return "waiting for a claim"
}
