package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/operation"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/store"

	"github.com/fenced-project/fenced/client"
)

// LocalPath is where forced power is noted until the domain knows of it (R31).
func LocalPath(stateDir string) string { return filepath.Join(stateDir, "local.json") }

// foundLocal reads what an earlier daemon noted. A note that cannot be read is said loudly: what was forced then is waited for by nobody.
func (d *Daemon) foundLocal() member.LocalFound {
	var in member.LocalFound
	b, err := store.Read(LocalPath(d.cfg.Config.StateDir))
	if errors.Is(err, fs.ErrNotExist) {
		return in
	}
	if err == nil {
		err = json.Unmarshal(b, &in.Records)
	}
	if err != nil {
		in.Records = nil
		text := "the note of forced power is unreadable: what this node forced before it started is told to nobody, and may still take effect"
		d.log.Error(text, "error", err)
		d.alarms = append(d.alarms, alarm{node: d.cfg.Self.Node, text: text, at: time.Now()})
	}
	return in
}

// writeLocal makes the list of what is not told durable, in the order in which it was asked for.
func (d *Daemon) writeLocal(e member.WriteLocal) {
	write := func() {
		answer := member.LocalWritten{Number: e.Number}
		b, err := json.Marshal(e.Records)
		if err == nil {
			err = d.forced.Write(b)
		}
		if err != nil {
			answer.Err = err.Error()
			d.log.Error("cannot note forced power", "error", err)
		}
		d.post(answer)
	}
	select {
	case d.disk <- write:
	default:
		d.wg.Go(func() { d.post(member.LocalWritten{Number: e.Number, Err: "too many writes wait for the disk"}) })
	}
}

// Local implements api.Forcer.
func (d *Daemon) Local(ctx context.Context, a api.LocalArgs) (client.LocalPower, error) {
	ch := make(chan member.Answer, 1)
	var failed error
	err := d.ask(ctx, func() {
		n, err := d.find(a.Node)
		if err != nil {
			failed = err
			return
		}
		if n == nil {
			failed = client.NoSuch("node", a.Node, nil)
			return
		}
		d.reply++
		d.replies[d.reply] = ch
		d.step(member.LocalRequested{Reply: d.reply, ID: a.ID, Node: n.ID, Action: fence.Action(a.Action), By: d.who(a.By), Reason: a.Reason})
	})
	if err != nil || failed != nil {
		return client.LocalPower{}, errors.Join(failed, err)
	}
	select {
	case answer := <-ch:
		if answer.Err != nil {
			return client.LocalPower{}, coded(answer.Err)
		}
		return d.LocalPower(ctx, a.ID)
	case <-d.done:
		return client.LocalPower{}, client.Errorf(client.CodeUnknown, "the daemon goes down, the outcome is unknown")
	case <-ctx.Done():
		return client.LocalPower{}, client.Errorf(client.CodeUnknown, "the outcome is unknown: no answer within the time given")
	}
}

// LocalPower implements api.Forcer.
func (d *Daemon) LocalPower(ctx context.Context, id string) (client.LocalPower, error) {
	var doc client.LocalPower
	var failed error
	err := d.ask(ctx, func() {
		l := d.member.Local(id)
		if l == nil {
			failed = client.Errorf(client.CodeNoSuch, "no such forced power on this node: %s", id)
			return
		}
		doc = d.localDoc(l)
	})
	return doc, errors.Join(failed, err)
}

// localDoc puts where a forced power stands in the API's words.
func (d *Daemon) localDoc(l *member.LocalPower) client.LocalPower {
	doc := client.LocalPower{
		API: client.API, ID: l.ID, Node: d.name(l.Node), Incarnation: l.Life, Action: string(l.Action), Local: true, State: client.PowerUnknown, Done: l.Done,
		DeadlineMS: max(0, l.EndMS-d.cfg.Now()), Told: l.Told, Simulated: d.cfg.Config.Simulated,
	}
	for _, r := range []*operation.Result{l.Off, l.On} {
		if r != nil {
			doc.Attempts = append(doc.Attempts, attemptsShown(r.Attempts)...)
		}
	}
	off := l.Off != nil && l.Off.Proven
	on := l.On != nil && l.On.Proven
	switch {
	case on:
		doc.State, doc.Text = client.PowerOn, "read back off, then on"
	case off:
		doc.State, doc.Text = client.PowerOff, "read back off"
	case l.Off != nil:
		doc.Text = "it was not read back off: " + l.Off.FailedText
	case l.Done:
		doc.Text = "an earlier daemon of this node began it; how it ended is not known"
	}
	if off && l.On != nil && !on {
		doc.Text = "read back off, and not switched on again: " + l.On.FailedText
	}
	if l.Done {
		doc.Code = localCode(l, off, on)
	}
	return doc
}

// localCode is what the command ends with: 0 only where what was asked for was read back.
func localCode(l *member.LocalPower, off, on bool) client.Code {
	switch {
	case on, off && l.Action == fence.ActionOff:
		return client.CodeOK
	case off: // it is known how it stands
		return client.CodeError
	case l.Off == nil:
		return client.CodeUnknown
	}
	for _, a := range l.Off.Attempts {
		switch a.Class {
		case operation.ClassTimeout, operation.ClassUnknown, operation.ClassLied, operation.ClassLimbo, operation.ClassPluginDied:
			return client.CodeUnknown // something may have been commanded
		}
	}
	return client.CodeError
}

func attemptsShown(as []operation.Attempt) []client.Attempt {
	var out []client.Attempt
	for _, a := range as {
		step := fence.Step{Device: a.Device, Target: a.Target}
		out = append(out, client.Attempt{
			Level: a.Level + 1, Device: step.String(), Action: string(a.Action), Result: string(a.Result), Class: string(a.Class), MS: a.MS, Text: a.Text,
		})
	}
	return out
}

// startLocal performs a walk of forced power. Its events are marked; it is no operation of the cluster's history.
func (d *Daemon) startLocal(s operation.Spec) {
	action := client.ActionOff
	if s.Action == fence.ActionOn {
		action = client.ActionOn
	}
	d.note(client.Event{
		Event: client.EventLocalPower, Node: d.name(s.Victim.Node), Incarnation: s.Victim.Boot, Actor: d.cfg.Config.SelfName, Action: action, Local: true,
		Text: "begins: no claim, no quorum, no verdict",
	})
	if err := d.engine.Start(s); err != nil {
		d.log.Error("cannot start forced power", "node", d.name(s.Victim.Node), "error", err)
		d.wg.Go(func() {
			d.post(member.ReadResult{Node: s.Victim.Node, Claim: s.Claim, Quiet: true, Result: operation.Result{Ended: operation.EndedFailed, FailedText: err.Error()}})
		})
	}
}

// claimOf is the claim that an event of the engine belongs to.
func claimOf(ev engine.Event) uint64 {
	switch ev := ev.(type) {
	case engine.Finished:
		return ev.Claim
	case engine.Returned:
		return ev.Claim
	case engine.Progress:
		return ev.Claim
	case engine.Tried:
		return ev.Claim
	}
	return 0
}

// localEvent tells what the engine says of forced power, marked.
func (d *Daemon) localEvent(ev engine.Event) {
	switch ev := ev.(type) {
	case engine.Finished:
		d.post(func() {
			result := "failed"
			if ev.Result.Proven {
				result = "read back"
			}
			d.note(client.Event{
				Event: client.EventLocalPower, Node: d.name(ev.Victim.Node), Incarnation: ev.Victim.Boot, Actor: d.cfg.Config.SelfName, Local: true,
				Result: result, Text: ev.Result.FailedText,
			})
		})
		d.post(member.ReadResult{Node: ev.Victim.Node, Claim: ev.Claim, Quiet: ev.Quiet, Result: ev.Result})
	case engine.Returned:
		d.post(member.CallsReturned{Node: ev.Victim.Node, Claim: ev.Claim})
	case engine.Tried:
		d.post(func() {
			d.note(client.Event{
				Event: client.EventAttempt, Node: d.name(ev.Victim.Node), Incarnation: ev.Victim.Boot, Actor: d.cfg.Config.SelfName, Level: ev.Level + 1, Local: true,
				Device: ev.Device, Action: string(ev.Action), Class: string(ev.Class), Result: string(ev.Result), MS: ev.MS, Text: ev.Text,
			})
		})
	}
}

// untold is the attention of forced power that the cluster does not know of.
func (d *Daemon) untold() []client.Attention {
	var out []client.Attention
	for _, r := range d.member.Untold() {
		name := d.name(r.Node)
		out = append(out, client.Attention{
			Code: client.AttentionLocalPower, Node: name, Text: fmt.Sprintf("%s was forced on %s from this node by %s, and the cluster does not know yet: it is told at the next quorum", r.Action, name, r.By),
			Next: "fenced status -o wide",
		})
	}
	return out
}
