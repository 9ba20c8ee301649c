package daemon

import (
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"

	"github.com/fenced-project/fenced/client"
)

// transition tells log, history and watchers of committed events, in their order. What was committed before this daemon first appeared in a
// view is the past that the log replays at a start: history takes it, watchers and the log do not hear it a second time.
func (d *Daemon) transition(t member.Transition) {
	if in, ok := d.member.Domain().InView(d.cfg.Self.Node); ok && in == d.member.Self() && !d.live {
		d.live = true
		d.follow(false) // before the next roster comes: which one this node's file is, is known only while it is
	}
	defer d.states()
	for _, e := range t.Events {
		d.records.take(e, moment{now: d.cfg.Now(), at: d.wall(t.AtMS), live: d.live})
		if e.Kind == domain.EventRelease {
			continue // told by the Release effect, behind the lease (R13)
		}
		switch e.Kind {
		case domain.EventVictim, domain.EventClaim: // whoever acts: a BMC has few sessions, and a test from here may hold the one that is needed
			d.endTests()
		case domain.EventRoster, domain.EventView, domain.EventRecover, domain.EventClean: // who comes for the first time counts from then on
			d.members()
		}
		if e.Kind == domain.EventClean && e.Node == d.cfg.Self.Node && e.Life.Boot == d.cfg.Self.Boot {
			d.settled()
		}
		if e.Kind == domain.EventRoster {
			d.feed.Rename(d.me())
			d.follow(true)
		}
		if !d.live {
			d.log.Debug("replayed "+string(e.Kind), "index", t.Index, "node", d.name(e.Node))
			continue
		}
		d.note(d.line(t.Index, e))
		if e.Kind == domain.EventVerdict {
			d.attemptsOf(e)
		}
	}
}

// line is the event line of a committed event.
func (d *Daemon) line(index uint64, e domain.Event) client.Event {
	l := client.Event{
		Event: string(e.Kind), Node: d.name(e.Node), Index: index, Incarnation: e.Life.Boot, Operation: e.Operation, Claim: e.Claim,
		Actor: d.name(e.Actor), Cause: string(e.Cause), Request: e.Request, Text: e.Text,
	}
	switch e.Kind {
	case domain.EventView:
		v := d.member.Domain().View
		q := v.Quorate
		l.Quorate, l.Epoch = &q, v.Index
		for _, m := range v.Members {
			l.Members = append(l.Members, d.name(m.Node))
		}
	case domain.EventClaim, domain.EventClaimEnd, domain.EventHandover:
		if e.On {
			l.Action = client.ActionOn
		}
	case domain.EventHealth:
		l.Device, l.Class, l.Result = e.Device, e.Class, client.HealthFailing
		if e.On {
			l.Result = client.HealthOK
		}
	case domain.EventDrill:
		l.Action, l.Result = client.ActionDrill, string(e.Step)
		if n := d.member.Domain().Node(e.Node); n != nil && n.Drill != nil {
			l.Level = n.Drill.Level + 1
		}
	case domain.EventLocal:
		l.Action, l.Local = string(e.Action), true
	case domain.EventUnfence:
		l.Action, l.Result = client.ActionUnfence, "failed"
		if e.On {
			l.Result = "on"
		}
	case domain.EventPowerOn:
		l.Action, l.Result = client.ActionOn, "failed"
		if e.On {
			l.Result = "on"
		}
	case domain.EventStateful:
		l.Result = "stateless"
		if e.On {
			l.Result = "stateful"
		}
	case domain.EventClean:
		if n := d.member.Domain().Node(e.Node); n != nil {
			l.Instance = n.Instance
		}
	}
	if e.Verdict != nil {
		l.Verdict = string(e.Verdict.Kind)
		ev := d.evidence(e.Verdict)
		l.Evidence = &ev
	}
	return l
}

// attemptsOf shows the evidence of a verdict as an event of its own on nodes that did not act: they saw none of the attempts.
func (d *Daemon) attemptsOf(e domain.Event) {
	if e.Actor == d.cfg.Self.Node {
		return
	}
	for _, a := range e.Attempts {
		d.note(client.Event{
			Event: client.EventAttempt, Node: d.name(e.Node), Incarnation: e.Life.Boot, Operation: e.Operation, Claim: e.Claim, Actor: d.name(e.Actor),
			Level: a.Level + 1, Device: a.Device, Action: a.Action, Class: a.Class, Result: a.Result, MS: a.MS, Text: a.Text,
		})
	}
}

// wall is when an entry was written. A live event happened now; for one of the past the proposer's own word is the best there is.
func (d *Daemon) wall(atMS int64) time.Time {
	if d.live || atMS == 0 {
		return time.Now()
	}
	return time.UnixMilli(atMS)
}

// members tells the provider who is in the committed roster, where that is new to it. What it refuses it refuses alike on every node, and says
// so there.
func (d *Daemon) members() {
	dom := d.member.Domain()
	added, lost := dom.Added(), dom.Lost()
	if d.told.version == dom.Roster.Version && slices.Equal(d.told.added, added) && slices.Equal(d.told.lost, lost) {
		return
	}
	d.told = toldRoster{version: dom.Roster.Version, added: added, lost: lost}
	if err := d.cfg.Provider.Members(dom.Roster, added, lost); err != nil {
		d.log.Error("membership does not take the committed roster; it goes on with the one before", "error", err)
	}
}

// states notes since when each node is in its state.
func (d *Daemon) states() {
	dom := d.member.Domain()
	for i := range dom.Nodes {
		d.since(dom.Nodes[i].ID, d.state(&dom.Nodes[i]))
	}
}

// evidence puts what a verdict rests on in words.
func (d *Daemon) evidence(v *fence.Verdict) client.Evidence {
	e := v.Evidence
	var machine fence.Machine
	if n := d.member.Domain().Node(v.Node); n != nil {
		machine = n.Machine
	}
	out := client.Evidence{Kind: string(e.Kind), ReadIndex: e.ReadIndex}
	for i, p := range e.Devices {
		if i > 0 {
			out.Device += "+"
			out.Detail += "; "
		}
		step := fence.Step{Device: p.Device, Target: p.Target}
		out.Device += step.String()
		out.Detail += step.String() + " read off twice"
		if u := spelled(p.Final.Identity, machine); u != "" {
			out.Detail += ", identity " + u
		}
	}
	switch e.Kind {
	case fence.EvidenceBootChanged:
		out.Detail = "boot id " + fence.ShortBoot(e.Boot) + " of the same machine " + e.Machine.UUID
	case fence.EvidenceOperator:
		out.Detail = e.By + ": " + e.Reason
	}
	return out
}

// spelled is the spelling of a device's identity that is the machine's: one device gives several (byte orders).
func spelled(id fence.Identity, m fence.Machine) string {
	for _, u := range id.UUIDs {
		if n := fence.NormalUUID(u); n != "" && n == fence.NormalUUID(m.UUID) {
			return u
		}
	}
	if len(id.UUIDs) > 0 {
		return id.UUIDs[0]
	}
	return id.Serial
}
