package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// Plan implements api.Reader: it runs the domain's own rules on a copy of the state, as if the request were committed now, and asks devices
// for a read where that is wanted. Nothing is switched.
func (d *Daemon) Plan(ctx context.Context, q api.PlanQuery) (client.Plan, error) {
	var out client.Plan
	var failed error
	var roster fence.Roster
	var machine fence.Machine
	err := d.ask(ctx, func() {
		var n *domain.Node
		if n, failed = d.find(q.Node); failed == nil {
			machine = n.Machine
			out, failed = d.plan(n, fence.Action(q.Action))
			roster = d.member.Domain().Roster
		}
	})
	if err := errors.Join(failed, err); err != nil {
		return out, err
	}
	if q.Read {
		rn, _ := roster.ByName(q.Node)
		out.Reads = d.reads(ctx, rn, machine)
	}
	return out, nil
}

// plan runs in the loop.
func (d *Daemon) plan(n *domain.Node, action fence.Action) (client.Plan, error) {
	dom := d.member.Domain()
	out := client.Plan{
		API: client.API, Victim: d.name(n.ID), Incarnation: n.Life.Boot, Action: string(action), State: d.state(n), Simulated: d.cfg.Config.Simulated,
		Machine: client.Machine{UUID: n.Machine.UUID, Serial: n.Machine.Serial},
	}
	r, _ := dom.Roster.Node(n.ID)
	for i, l := range r.Levels {
		pl := client.PlanLevel{N: i + 1}
		for _, s := range l.Steps {
			pl.Steps = append(pl.Steps, s.String())
		}
		out.Levels = append(out.Levels, pl)
	}
	if len(r.Levels) > 0 {
		out.ExpectedMS = expected(dom.Roster, r.Levels[0])
	} else {
		out.BlockedBy = append(out.BlockedBy, client.Block{Code: client.CodeNeedsOperator, Text: "the node has no levels: only an acknowledgement ends its operation"})
	}
	have := dom.Votes(n.ID)
	out.QuorumAfter = client.QuorumAfter{Have: have, Need: dom.Quorum(), Quorate: have >= dom.Quorum()}
	for _, id := range dom.Eligibles() {
		if id == n.ID {
			continue
		}
		if out.Actor == "" {
			out.Actor = d.name(id)
		}
		out.Releases = append(out.Releases, d.name(id))
	}
	for i := range dom.Nodes {
		if o := &dom.Nodes[i]; o.ID != n.ID && !dom.Clean(o.ID) {
			out.Down = append(out.Down, d.name(o.ID))
		}
	}
	if !d.member.Quorate() {
		out.BlockedBy = append(out.BlockedBy, client.Block{Code: client.CodeNoQuorum, Text: "no quorum"})
	}
	if out.Actor == "" {
		out.BlockedBy = append(out.BlockedBy, client.Block{Code: client.CodeNeedsOperator, Text: "no member is eligible to act"})
	}
	return out, d.rehearse(n, action, &out)
}

// rehearse applies the request to a copy of the state and reports what the rules say.
func (d *Daemon) rehearse(n *domain.Node, action fence.Action, out *client.Plan) error {
	b, err := d.member.Domain().Snapshot()
	if err != nil {
		return err
	}
	again, err := domain.Restore(b)
	if err != nil {
		return err
	}
	_, err = again.Apply(again.Index+1, d.member.Self(), domain.Entry{Request: &domain.Request{
		ID: "plan", Node: n.ID, Action: action, Cause: fence.CauseOperator, By: "plan",
	}})
	var e *client.Error
	if err != nil && errors.As(coded(err), &e) && !slices.ContainsFunc(out.BlockedBy, func(b client.Block) bool { return b.Code == e.Code }) {
		out.BlockedBy = append(out.BlockedBy, client.Block{Code: e.Code, Text: e.Text})
	}
	return nil
}

// expected is how long a level takes if every device answers at once: its longest settle and hold-up time.
func expected(r fence.Roster, l fence.Level) int64 {
	var ms int64
	for _, s := range l.Steps {
		if dev, ok := r.Device(s.Device); ok {
			ms = max(ms, dev.SettleMS, dev.HoldUpMS)
		}
	}
	return ms
}

// readTimeout bounds one device's answer in a plan.
const readTimeout = 10 * time.Second

// reads asks every device of every level for power state and identity. Off the loop; nothing is commanded.
func (d *Daemon) reads(ctx context.Context, r fence.RosterNode, machine fence.Machine) []client.PlanRead {
	var out []client.PlanRead
	for i, l := range r.Levels {
		for _, s := range l.Steps {
			if s.Device == "" {
				continue
			}
			begin := time.Now()
			one, cancel := context.WithTimeout(ctx, readTimeout)
			got, err := d.cfg.Devices.Status(one, s.Device, s.Target)
			cancel()
			read := client.PlanRead{Level: i + 1, Device: s.String(), State: string(got.State), Class: client.ClassOK, Text: got.Detail, MS: time.Since(begin).Milliseconds()}
			switch {
			case err != nil:
				read.State, read.Class, read.Text = string(fence.PowerUnknown), classOf(err), err.Error()
			case !got.Identity.Empty() && !got.Identity.Matches(machine):
				read.Class, read.Text = client.ClassMismatch, "the device identifies itself as another machine"
			}
			read.Identity = spelled(got.Identity, machine)
			out = append(out, read)
		}
	}
	return out
}

func classOf(err error) string {
	var c interface{ Class() string }
	if errors.As(err, &c) {
		return c.Class()
	}
	return client.ClassUnknown
}

// ReloadPlugins implements api.Steward. The loop knows nothing of it: to it a device is asked as before. Which checksums are demanded is read from the
// file first; a file that cannot be used changes nothing.
func (d *Daemon) ReloadPlugins(ctx context.Context, plugins []string, _ api.Caller) (client.PluginsReloaded, error) {
	fresh, err := d.cfg.Reload()
	if err != nil {
		return client.PluginsReloaded{API: client.API}, err
	}
	var refused error
	if err := d.ask(ctx, func() { refused = d.mayTake(fresh) }); err != nil || refused != nil {
		return client.PluginsReloaded{API: client.API}, errors.Join(err, refused)
	}
	d.cfg.Devices.Demand(ctx, fresh)
	return d.cfg.Devices.Reload(ctx, plugins)
}

// Plugins implements api.Reader.
func (d *Daemon) Plugins(context.Context) (client.Plugins, error) {
	return d.cfg.Devices.Plugins(), nil
}
