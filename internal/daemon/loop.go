package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/membership"

	"github.com/fenced-project/fenced/client"
)

// errProviderClosed ends the daemon: without membership it can decide nothing.
var errProviderClosed = errors.New("membership provider closed")

// loop is the deciding loop. Nothing in it waits for anything but its own channels.
func (d *Daemon) loop(ctx context.Context) error {
	d.step(d.notes)
	d.pace = newPace()
	defer d.pace.stop()
	events := d.cfg.Provider.Events()
	var bye farewell
	stop := ctx.Done()
	for !d.departs && d.broken == nil {
		d.beat.Store(d.cfg.Now())
		select {
		case ev, ok := <-events:
			if !ok {
				if ctx.Err() != nil {
					return nil
				}
				return errProviderClosed
			}
			d.provided(ev)
		case in := <-d.inputs:
			switch in := in.(type) {
			case func():
				in()
			case member.Input:
				d.step(in)
			}
		case <-d.pace.c():
			d.step(member.Tick{})
			d.rewired()
			d.follow(false)
			d.rest()
		case <-stop:
			if stop = nil; !bye.begin(d) {
				return nil
			}
		case a := <-bye.answer:
			bye.told(d, a)
			return nil
		case <-bye.limit:
			bye.told(d, member.Answer{Unknown: true})
			return nil
		}
	}
	if d.broken != nil {
		return d.broken
	}
	select {
	case a := <-bye.answer: // it was given in the turn in which this node departed
		bye.told(d, a)
	default:
	}
	return nil
}

// step feeds the member and carries out what it wants.
func (d *Daemon) step(in member.Input) {
	effects := d.member.Step(d.cfg.Now(), in)
	if len(effects) > 0 || !d.member.Quorate() {
		d.pace.hurry(d.cfg.Now())
	}
	for _, e := range effects {
		d.perform(e)
	}
	for len(d.locals.gone) > 0 { // clients that ended meanwhile; each ends once, so this comes to an end
		gone := d.locals.gone[0]
		d.locals.gone = d.locals.gone[1:]
		d.step(gone)
	}
}

// provided turns a provider's event into an input.
func (d *Daemon) provided(ev membership.Event) {
	switch ev := ev.(type) {
	case membership.ViewInstalled:
		members := make([]domain.Origin, 0, len(ev.View.Members))
		for _, m := range ev.View.Members {
			members = append(members, origin(m))
		}
		d.step(member.ViewInstalled{Index: ev.Index, Members: members, Quorate: ev.View.Quorate})
	case membership.Committed:
		d.step(member.EntryCommitted{Index: ev.Index, By: origin(ev.Proposer), Number: ev.Number, Data: ev.Data})
	case membership.Outcome:
		d.step(member.ProposalDone{Number: ev.Number, Delivered: ev.Delivered})
	case membership.QuorumLost:
		if ev.Final {
			d.outage = ev.Why
		}
		d.note(client.Event{Event: client.EventFrozen, Text: ev.Why})
		d.step(member.QuorumLost{Why: ev.Why})
	case membership.QuorumHeld:
		d.note(client.Event{Event: client.EventThawed})
		d.step(member.QuorumHeld{})
	case membership.NewInstance:
		d.step(member.NewInstance{Instance: ev.Instance})
	case membership.TwoNode:
		d.step(member.TwoNode{RingMS: ev.RingMS, Word: ev.Word})
	case membership.SidesQuorate:
		d.step(member.SidesQuorate{})
	case membership.Parted:
		d.step(member.Parted{By: origin(ev.Member)})
	case membership.Heard:
		d.step(member.Heard{By: origin(ev.Member)})
	case membership.Recovered:
		d.step(member.Recovered{Index: ev.Index, Data: ev.Data})
	case membership.Elsewhere:
		d.step(member.HeardElsewhere{By: origin(ev.Member)})
	case membership.Suspect:
		d.suspected(ev)
	case membership.LeaseRenewed:
		d.step(member.LeaseRenewed{SentMS: ev.SentMS})
	case membership.SnapshotWanted:
		d.snapshot(ev.Reply)
	case membership.SnapshotInstalled:
		d.restore(ev)
	case membership.Refused:
		d.refusals.note(ev, time.Now())
		d.note(client.Event{Event: client.EventRefused, Node: ev.Peer, Text: ev.Reason})
	}
}

func (d *Daemon) suspected(ev membership.Suspect) {
	word := client.EventSuspect
	if !ev.Gone {
		word = client.EventUnsuspect
	}
	if ev.Gone {
		d.suspect[ev.Member.Node] = ev.Member.Instance
	} else {
		delete(d.suspect, ev.Member.Node)
	}
	d.note(client.Event{Event: word, Node: d.name(ev.Member.Node), Incarnation: ev.Member.Boot})
	d.step(member.Suspect{By: origin(ev.Member), Gone: ev.Gone})
}

// snapshot hands over the domain as of everything read so far. Reply has room for it.
func (d *Daemon) snapshot(reply chan<- []byte) {
	b, err := d.member.Domain().Snapshot()
	if err != nil { // no answer: the provider keeps its log, a snapshot without the state would forget victims
		d.log.Error("cannot take a snapshot", "error", err)
		return
	}
	select {
	case reply <- b:
	default: // the provider gave up waiting
	}
}

// restore replaces the domain. A snapshot that does not decode must not be believed: the daemon goes down and says why.
func (d *Daemon) restore(ev membership.SnapshotInstalled) {
	state, err := domain.Restore(ev.Data)
	if err != nil {
		d.broken = fmt.Errorf("cannot install the snapshot of index %d, and without it this node would believe an older story: %w", ev.Index, err)
		return
	}
	state.Index = max(state.Index, ev.Index)
	d.step(member.SnapshotInstalled{State: state})
	d.members()
	d.records.snapshot(state)
}

func origin(m membership.Member) domain.Origin {
	return domain.Origin{Incarnation: m.Incarnation, Instance: m.Instance}
}

// report takes events of the engine; it runs in the engine's own goroutine, which may wait.
func (d *Daemon) report(ev engine.Event) {
	if member.LocalWalk(claimOf(ev)) {
		d.localEvent(ev)
		return
	}
	switch ev := ev.(type) {
	case engine.Finished:
		if len(ev.Result.Evidence.Devices) > 0 {
			d.post(func() { d.proved(ev) })
		}
		d.post(member.ReadResult{Node: ev.Victim.Node, Claim: ev.Claim, Quiet: ev.Quiet, Result: ev.Result})
	case engine.Returned:
		d.post(member.CallsReturned{Node: ev.Victim.Node, Claim: ev.Claim})
	case engine.Progress:
		d.post(func() { d.records.progress(ev) })
	case engine.Tried:
		d.post(func() { d.tried(ev) })
	}
}

func (d *Daemon) tried(ev engine.Tried) {
	d.note(client.Event{
		Event: client.EventAttempt, Node: d.name(ev.Victim.Node), Incarnation: ev.Victim.Boot, Claim: ev.Claim, Level: ev.Level + 1,
		Operation: d.operation(ev.Victim.Node), Device: ev.Device, Action: string(ev.Action), Class: string(ev.Class), Result: string(ev.Result), MS: ev.MS, Text: ev.Text,
	})
}

// proved tells what this node read as actor, before anything of it is proposed.
func (d *Daemon) proved(ev engine.Finished) {
	e := d.evidence(&fence.Verdict{Incarnation: ev.Victim, Evidence: ev.Result.Evidence})
	d.note(client.Event{
		Event: client.EventEvidence, Node: d.name(ev.Victim.Node), Incarnation: ev.Victim.Boot, Claim: ev.Claim, Actor: d.me(),
		Level: ev.Result.Evidence.Level + 1, Operation: d.operation(ev.Victim.Node), Evidence: &e, Text: e.Detail,
	})
}

// operation is the number of a node's open operation.
func (d *Daemon) operation(id fence.NodeID) uint64 {
	n := d.member.Domain().Node(id)
	switch {
	case n == nil:
		return 0
	case n.Victim != nil:
		return n.Victim.ID
	case n.Drill != nil:
		return n.Drill.ID
	case n.PowerOn != nil:
		return n.PowerOn.ID
	case n.Cut != nil && n.Cut.Claim != nil:
		return n.Cut.ID
	}
	return 0
}

// me is this node's name: by the committed roster, or by its own file before there is one. Loop only.
func (d *Daemon) me() string { return d.name(d.cfg.Self.Node) }

func (d *Daemon) name(id fence.NodeID) string {
	if id == 0 {
		return ""
	}
	if n, ok := d.member.Domain().Roster.Node(id); ok {
		return n.Name
	}
	return d.cfg.Config.Roster.Name(id)
}

// ask runs f in the loop and waits for it, at most until ctx ends.
func (d *Daemon) ask(ctx context.Context, f func()) error {
	var taken atomic.Bool // by whoever comes first: the loop, or a caller who gives up; what is given up is never run
	done := make(chan struct{})
	select {
	case d.inputs <- func() {
		if taken.CompareAndSwap(false, true) {
			f()
			close(done)
		}
	}:
	case <-d.done:
		return client.Errorf(client.CodeUnreachable, "the daemon is going down")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-d.done:
	case <-ctx.Done():
	}
	if !taken.CompareAndSwap(false, true) { // the loop is at it, and never waits: so this does not either
		<-done
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return client.Errorf(client.CodeUnreachable, "the daemon is going down")
}
