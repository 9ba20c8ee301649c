package domain

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// drawView draws who is there: some have booted anew, or only their daemons are other ones; somebody may be unknown, or there twice.
func (p *sides) drawView() {
	var ms []Origin
	for _, n := range p.s.Nodes {
		switch p.r.IntN(20) {
		case 0:
			p.boots[n.ID]++
		case 1:
			p.daemons[n.ID]++
		case 2, 3, 4:
			continue
		case 5:
			if p.one(8) {
				ms = append(ms, p.origin(n.ID))
				p.boots[n.ID]++
			}
		}
		ms = append(ms, p.origin(n.ID))
	}
	if p.one(6) {
		ms = append(ms, p.origin(9))
	}
	p.install(ms, p.s.quorateWith(ms) != p.one(8))
}

// target is a node, rather one with which something is the matter.
func (p *sides) target() *Node {
	n := &p.s.Nodes[p.r.IntN(len(p.s.Nodes))]
	for range 3 {
		if n.Victim != nil || n.PowerOn != nil || n.Drill != nil || n.Cut != nil || len(n.Unquiet) > 0 || n.Restart != nil {
			break
		}
		n = &p.s.Nodes[p.r.IntN(len(p.s.Nodes))]
	}
	return n
}

// claimed is the node's active claim, nil for none.
func claimed(n *Node) *Claim {
	for _, c := range []*Claim{claimOf(*n), onClaimOf(*n), n.drillClaim()} {
		if c != nil {
			return c
		}
	}
	if n.Cut != nil {
		return n.Cut.Claim
	}
	return nil
}

func (p *sides) announce(id fence.NodeID, clean bool) Entry {
	a := &Announce{Clean: clean, Machine: p.machine(id), Roster: p.s.RosterHash, Feature: FeatureLevel}
	n := p.s.Node(id)
	if n == nil {
		return Entry{Announce: a}
	}
	a.Since = n.Arrived
	if r, _ := p.s.Roster.Node(id); p.s.Feature >= FeatureCut {
		a.Shared = r.Shared
	}
	if len(p.s.Nodes) == 2 && p.s.Feature == FeatureLevel {
		a.TwoMS = 3000
	}
	if n.Restart != nil && !p.one(3) {
		a.Resume = n.Restart.Nonce
	}
	a.Halt = !clean && p.one(2)
	a.Machine = p.announced(n)
	return Entry{Announce: a}
}

// evidence is what the actor of a claim reads at one level.
func (p *sides) evidence(n *Node, level int, c *Claim) fence.Evidence {
	id := p.identity(n)
	d := fence.DeviceEvidence{
		Device: fmt.Sprintf("bmc-%d", n.ID), Mapping: fmt.Sprintf("map-bmc-%d", n.ID), Before: fence.PowerOn, CommandedMS: 10,
		First: fence.Read{State: fence.PowerOff, Identity: id, StartedMS: 20, FinishedMS: 30},
		Final: fence.Read{State: fence.PowerOff, Identity: id, StartedMS: 200, FinishedMS: 210},
	}
	if p.one(4) {
		d.First.Identity = p.identity(n) // between the reads it may become another's
	}
	ev := fence.Evidence{Kind: fence.EvidencePowerOff, Claim: c.Number, ReadIndex: c.Index, Level: level}
	if r, _ := p.s.Roster.Node(n.ID); level < len(r.Levels) && r.Levels[level].Steps[0].Device == "fc" {
		ev.Kind, d.Device, d.Target, d.Mapping = fence.EvidenceStorageCut, "fc", r.Name, "map-fc"
		d.First.Identity, d.Final.Identity = fence.Identity{}, fence.Identity{}
	}
	ev.Devices = []fence.DeviceEvidence{d}
	return ev
}

// draw draws an entry that the state may take: most of its words are true, some are not.
func (p *sides) draw() (Origin, Entry) {
	by, n := p.origin(p.target().ID), p.target()
	if ms := p.s.View.Members; len(ms) > 0 && !p.one(12) {
		by = ms[p.r.IntN(len(ms))]
	}
	own := p.origin(n.ID)
	if c := claimed(n); c != nil && p.one(2) {
		return p.drawEnd(by, n, c)
	}
	if d := n.Drill; d != nil && p.one(2) {
		return p.drawDrill(by, n, d)
	}
	if len(n.Unquiet) > 0 && p.one(3) {
		return by, Entry{Returned: &Returned{Node: n.ID, Number: n.Unquiet[0].Number, Elapsed: true}}
	}
	switch p.r.IntN(24) {
	case 0, 1, 2:
		return own, p.announce(n.ID, !p.one(12))
	case 3, 4, 5, 6, 7:
		return by, p.drawClaim(n)
	case 8:
		return own, Entry{Leave: &Leave{Force: p.one(6)}}
	case 9, 10:
		return by, Entry{Request: &Request{
			ID: fmt.Sprint(p.s.Index), Node: n.ID, Action: []fence.Action{fence.ActionOff, fence.ActionReboot, fence.ActionOn, fence.ActionUnfence}[p.r.IntN(4)],
			Cause: []fence.Cause{fence.CauseOperator, fence.CauseReported}[p.r.IntN(2)], By: "op", Force: p.one(4),
		}}
	case 11:
		o := &Overdue{}
		for i := range p.s.Nodes {
			o.Lives = append(o.Lives, p.s.OverdueLife(&p.s.Nodes[i]))
		}
		return by, Entry{Overdue: o}
	case 12:
		if n.Victim != nil && p.one(2) {
			return by, Entry{Ack: &Ack{Node: n.ID, Boot: n.Victim.Boot, By: "op", Reason: "seen"}}
		}
		return by, Entry{Stateful: &Stateful{On: p.one(2), Since: n.StatefulAt}}
	case 13:
		return by, Entry{Local: &LocalPower{ID: fmt.Sprint(p.s.Index), Node: n.ID, Action: fence.ActionOff, By: "op", Reason: "now", DurationMS: 10, EffectMS: 10, Quiet: p.one(2)}}
	case 14, 15:
		return by, p.drawRoster(n)
	case 16, 17:
		return own, Entry{Restart: &RestartEntry{Nonce: "n", ForMS: 4000}}
	case 18:
		return by, Entry{TimeOver: &TimeOver{Index: p.since(n)}}
	case 19:
		return by, Entry{Arm: &Arm{Armed: p.one(2) || !p.s.Armed, By: "op", Now: p.s.Feature >= FeatureDisarm && p.s.Armed && p.one(4)}}
	}
	return p.drawRare(by, n)
}

func (p *sides) drawRare(by Origin, n *Node) (Origin, Entry) {
	switch p.r.IntN(8) {
	case 0:
		return by, Entry{Pause: &PauseEntry{Node: n.ID * fence.NodeID(p.r.IntN(2)), On: !p.one(3), By: "op", Reason: "work", ForMS: 0}}
	case 1, 2:
		return by, Entry{Drill: &DrillStart{ID: "d", Node: n.ID, Level: p.r.IntN(2), By: "op"}}
	case 3, 4:
		c := &Compare{Hash: []string{"", hashA, hashA, hashA, hashB}[p.r.IntN(5)]}
		if p.s.Comparison != nil {
			c.At = p.s.Comparison.Index
		}
		return by, Entry{Compare: c}
	case 5:
		if len(p.s.Answering) > 0 {
			return by, Entry{Window: &Window{Life: p.s.Answering[0]}}
		}
		return by, Entry{Feature: &Feature{Level: p.s.Feature + 1}}
	case 6:
		return by, p.replace()
	}
	return by, p.health()
}

// since is an index at which something began that ends by time.
func (p *sides) since(n *Node) uint64 {
	if p.s.Disarm != nil && p.one(2) {
		return p.s.Disarm.Since
	}
	for _, o := range p.s.Nodes {
		if o.Restart != nil {
			return o.Restart.Since
		}
	}
	return max(n.Restarted, n.Losses.Since)
}

func (p *sides) drawClaim(n *Node) Entry {
	e := &ClaimEntry{Node: n.ID, Boot: n.Life.Boot, Number: n.NextClaim, DurationMS: 1000, Answers: p.one(3), Again: p.one(2)}
	switch {
	case n.Victim != nil:
		e.Boot = n.Victim.Boot
	case n.Drill != nil:
		e.Boot, e.Drill, e.Answers = n.Drill.Life.Boot, true, true
	case n.PowerOn != nil && p.one(2):
		e.Boot, e.On = n.PowerOn.For.Boot, true
	default:
		e.Unfence = true
	}
	return Entry{Claim: e}
}

// drawEnd ends a claim, mostly by its actor.
func (p *sides) drawEnd(by Origin, n *Node, c *Claim) (Origin, Entry) {
	if !p.one(4) {
		by = c.Actor
	}
	switch {
	case p.one(4):
		return by, Entry{ClaimEnd: &ClaimEnd{Node: n.ID, Number: c.Number, Expired: p.one(3), Quiet: p.one(2), Attempts: p.attempts()}}
	case n.drillClaim() == c:
		ev := p.evidence(n, n.Drill.Level, c)
		return by, Entry{DrillOff: &DrillOff{Node: n.ID, Number: c.Number, Evidence: &ev, Commanded: p.one(2), Quiet: p.one(2)}}
	case c.On:
		return by, Entry{PowerOn: &PowerDone{Node: n.ID, Number: c.Number, OK: !p.one(3), Quiet: p.one(2), Attempts: p.attempts()}}
	}
	r, _ := p.s.Roster.Node(n.ID)
	return by, Entry{Verdict: &Proof{Node: n.ID, Boot: n.Victim.Boot, Quiet: p.one(2), Attempts: p.attempts(), Evidence: p.evidence(n, p.r.IntN(max(1, len(r.Levels))), c)}}
}

// drawDrill leads a drill on, or ends it.
func (p *sides) drawDrill(by Origin, n *Node, d *Drill) (Origin, Entry) {
	switch {
	case p.one(8):
		return by, Entry{DrillEnd: &DrillEnd{Node: n.ID, Drill: d.ID, Text: "no"}}
	case d.Evidence != nil:
		return d.Actor, Entry{Mapping: &Mapping{Node: n.ID, Drill: d.ID, Mapping: d.Reach}}
	case d.Ready:
		return by, p.drawClaim(n)
	case n.Phase == PhaseLeft:
		return p.origin(n.ID), Entry{DrillReady: &DrillReady{Node: n.ID, Drill: d.ID}}
	}
	return p.origin(n.ID), Entry{Leave: &Leave{}}
}

// drawRoster draws the next one: a node comes or goes, or votes change.
func (p *sides) drawRoster(n *Node) Entry {
	r := p.s.Roster
	r.Version++
	r.Nodes, r.Devices = slices.Clone(r.Nodes), slices.Clone(r.Devices)
	i, _ := r.Place(n.ID)
	switch p.r.IntN(4) {
	case 3:
		m := p.machine(n.ID)
		r.Nodes[i].Machine = &m // declared
	case 0:
		if len(r.Nodes) > 2 {
			r.Nodes = slices.Delete(r.Nodes, i, i+1)
		}
	case 1:
		for _, rn := range roster(7).Nodes {
			if _, have := r.Node(rn.ID); !have {
				at, _ := r.Place(rn.ID)
				r.Nodes = slices.Insert(r.Nodes, at, rn)
				break
			}
		}
	default:
		r.Nodes[i].Votes = p.r.IntN(4)
	}
	return Entry{Roster: &Roster{Roster: r, By: "op", Force: p.one(3)}}
}
