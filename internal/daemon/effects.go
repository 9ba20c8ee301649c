package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/operation"
	"github.com/fenced-project/fenced/membership"

	"github.com/fenced-project/fenced/client"
)

// perform carries out one effect. Nothing here waits.
func (d *Daemon) perform(e member.Effect) {
	switch e := e.(type) {
	case member.Propose:
		d.propose(e)
	case member.Answer:
		if ch := d.replies[e.Reply]; ch != nil {
			delete(d.replies, e.Reply)
			ch <- e // has room for its one answer
		}
	case member.Scan:
		d.scan()
	case member.WriteSession:
		d.writeSession(e.Session)
	case member.StartOperation:
		d.endTests()
		if member.LocalWalk(e.Spec.Claim) {
			d.startLocal(e.Spec)
			return
		}
		d.startOperation(e.Spec)
	case member.Probe:
		d.startProbe(e)
	case member.CancelProbe:
		d.endProbe(e)
	case member.WriteLocal:
		d.writeLocal(e)
	case member.CancelOperation:
		d.engine.Cancel(e.Life, e.Claim, e.Why)
	case member.Deny:
		d.cfg.Provider.Deny(e.Life)
	case member.Vouch:
		if p, ok := d.cfg.Provider.(membership.Voucher); ok {
			d.log.Info("the other node's power is off, by this node's own reads: this node can commit without it", "node", d.name(e.Life.Node), "boot", e.Life.Boot)
			p.Vouch(e.Life)
		}
	case member.Expel:
		if p, ok := d.cfg.Provider.(membership.Expeller); ok {
			p.Expel(e.Life)
		}
	case member.Feed, member.Unfeed:
		d.keeper.tell(e)
	case member.SelfFence:
		d.selfFence(e)
	case member.Calm:
		d.calm(e.Lost)
	case member.Transition:
		d.transition(e)
	case member.Notice:
		d.alarm(e)
		d.note(client.Event{Event: string(e.Kind), Node: d.name(e.Node), Incarnation: e.Life.Boot, Text: e.Text})
	case member.Depart:
		d.departs = true
		d.again.Store(e.Restart)
	case member.Tell:
		d.tell(e)
	case member.Drop:
		d.drop(e)
	case member.Release:
		d.records.released(e.Life, d.cfg.Now())
		d.note(client.Event{
			Event: client.EventRelease, Node: d.name(e.Life.Node), Incarnation: e.Life.Boot, Index: e.Verdict.Index, Claim: e.Verdict.Claim,
			Actor: d.name(e.Verdict.Actor), Verdict: string(e.Verdict.Kind), Operation: d.records.of(e.Life),
		})
	}
}

func (d *Daemon) propose(e member.Propose) {
	e.Entry.AtMS = time.Now().UnixMilli()
	data, err := domain.Encode(e.Entry)
	if err == nil {
		err = d.cfg.Provider.Propose(e.Number, data)
	}
	if err != nil {
		d.log.Warn("cannot propose", "number", e.Number, "error", err)
		d.wg.Go(func() { d.post(member.ProposalDone{Number: e.Number}) })
	}
}

// scanDeadline bounds a residual scan as a whole; what did not answer by then counts as dirty (V12).
const scanDeadline = 20 * time.Second

func (d *Daemon) scan() {
	d.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), scanDeadline)
		defer cancel()
		d.post(d.cfg.Scan(ctx))
	})
}

func (d *Daemon) writeSession(s member.Session) {
	write := func() {
		answer := member.SessionWritten{}
		if err := d.session.save(s); err != nil {
			answer.Err = err.Error()
			d.log.Error("cannot write the session record: this node cannot announce itself", "error", err)
			d.post(func() { d.sessionLost(err) })
		} else {
			d.cfg.Provider.SetDurable(time.Now())
		}
		d.post(answer)
	}
	select {
	case d.disk <- write:
	default:
		d.wg.Go(func() { d.post(member.SessionWritten{Err: "too many writes wait for the disk"}) })
	}
}

// sessionLost takes a member out of the cluster whose record of its own session cannot be kept (R20, R26): its next daemon would not know what
// this one was. Who is no member yet only stays out, and tries again.
func (d *Daemon) sessionLost(err error) {
	self := fence.Incarnation{Node: d.cfg.Self.Node, Boot: d.cfg.Self.Boot}
	n := d.member.Domain().Node(self.Node)
	if n != nil && n.Life == self && n.Phase == domain.PhaseMember && d.outage == "" {
		d.cfg.Provider.Fail(err.Error())
	}
}

func (d *Daemon) startOperation(s operation.Spec) {
	d.records.started(s, d.cfg.Now())
	if err := d.engine.Start(s); err != nil {
		d.log.Error("cannot start operation", "node", d.name(s.Victim.Node), "claim", s.Claim, "error", err)
		d.wg.Go(func() {
			d.post(member.ReadResult{Node: s.Victim.Node, Claim: s.Claim, Quiet: true, Result: operation.Result{Ended: operation.EndedFailed, FailedText: err.Error()}})
		})
	}
}

func (d *Daemon) selfFence(e member.SelfFence) {
	d.note(client.Event{Event: client.EventDirty, Node: d.me(), Incarnation: d.cfg.Self.Boot, Text: "self-fence: " + e.Why})
	d.endLife(e)
}

// endLife has this machine ended, by its watchdog and by the daemon where that is allowed: where only the watchdog can, it leaves last words too.
func (d *Daemon) endLife(e member.SelfFence) {
	words, why := d.words, e.Why
	if d.keeper != nil {
		d.wg.Go(d.keeper.expire)
	} else if d.cfg.Reset == nil {
		d.log.Error("this machine must be reset and nothing here may do it", "why", why)
		d.stillHere = "nothing here may reset it (" + why + ")"
		return
	}
	d.wg.Go(func() {
		d.speak(words, e) // bounded: a hung disk holds up nothing
		if d.cfg.Reset == nil {
			d.log.Error("this machine must be reset, and only its watchdog may do it", "why", why)
		} else if err := d.cfg.Reset(why); err != nil {
			d.log.Error("self-fence failed: this machine is still running", "why", why, "error", err)
			d.post(func() { d.stillHere = err.Error() })
		}
	})
}

// note publishes an event line and logs it, once, in the fixed grammar.
func (d *Daemon) note(e client.Event) {
	if e.Epoch == 0 {
		e.Epoch = d.member.Domain().View.Index
	}
	e.Simulated = d.cfg.Config.Simulated
	d.feed.Publish(e)
	args := []any{"node", e.Node, "epoch", e.Epoch}
	add := func(key string, value any, set bool) {
		if set {
			args = append(args, key, value)
		}
	}
	add("client", e.Client, e.Client != "")
	add("op", e.Operation, e.Operation != 0)
	add("claim", e.Claim, e.Claim != 0)
	add("life", e.Incarnation, e.Incarnation != "")
	add("actor", e.Actor, e.Actor != "")
	add("cause", e.Cause, e.Cause != "")
	add("level", e.Level, e.Level != 0)
	add("device", e.Device, e.Device != "")
	add("action", e.Action, e.Action != "")
	add("class", e.Class, e.Class != "")
	add("result", e.Result, e.Result != "")
	add("verdict", e.Verdict, e.Verdict != "")
	if e.Evidence != nil {
		add("evidence", e.Evidence.Kind, true)
	}
	add("local", e.Local, e.Local)
	add("members", fmt.Sprint(e.Members), len(e.Members) > 0)
	add("ms", e.MS, e.MS != 0)
	add("text", e.Text, e.Text != "")
	d.log.Info(e.Event, args...)
}
