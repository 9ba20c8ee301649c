package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// Drill implements api.Tester.
func (d *Daemon) Drill(ctx context.Context, a api.DrillArgs) (client.Accepted, error) {
	out := client.Accepted{API: client.API, ID: a.ID, Victim: a.Node, Seq: d.feed.Last()}
	if known, err := d.asked(ctx, a.ID, &out); known || err != nil {
		return out, err
	}
	answer, err := d.commit(ctx, func() (domain.Entry, error) {
		n, err := d.find(a.Node)
		if err != nil {
			return domain.Entry{}, err
		}
		if !d.member.Quorate() {
			return domain.Entry{}, fence.ErrNoQuorum
		}
		if err := d.member.Domain().MayDrill(n, a.Level-1); err != nil {
			return domain.Entry{}, coded(err)
		}
		return domain.Entry{Drill: &domain.DrillStart{ID: a.ID, Node: n.ID, Level: a.Level - 1, By: d.who(a.By), Reason: a.Reason}}, nil
	})
	for _, e := range answer.Events {
		if e.Kind == domain.EventDrill {
			out.Operation, out.Incarnation = e.Operation, e.Life.Boot
		}
	}
	return out, coded(err)
}

// drillOperation is an open drill as an operation.
func (d *Daemon) drillOperation(n *domain.Node) *client.Operation {
	dr := n.Drill
	o := &client.Operation{
		ID: dr.ID, Victim: d.name(n.ID), Incarnation: dr.Life.Boot, Action: client.ActionDrill, Cause: client.CauseOperator, RequestedBy: dr.Ask.By,
		Level: dr.Level + 1, Phase: client.PhaseWaiting, Why: "it leaves first, so that nothing there uses what is shared",
	}
	if r, ok := d.member.Domain().Roster.Node(n.ID); ok {
		o.Levels = len(r.Levels)
	}
	switch {
	case dr.Claim != nil:
		o.Actor, o.Phase, o.Why = d.name(dr.Claim.Actor.Node), client.PhaseClaimed, ""
	case dr.Evidence != nil && n.PowerOn != nil:
		o.Actor, o.Phase, o.Why = d.name(dr.Actor.Node), client.PhasePoweringOn, ""
	case dr.Evidence != nil:
		o.Actor, o.Why = d.name(dr.Actor.Node), "its power is on again: it must come back as a new boot"
	case dr.Ready:
		o.Why = "it has left; waiting for a claim"
	}
	return o
}

// drilled projects an event of a drill into history.
func (r *records) drilled(rec *record, e domain.Event, m moment) {
	l := &rec.line
	l.Action, l.Cause = client.ActionDrill, client.CauseOperator
	rec.attempts(e.Attempts)
	switch e.Step {
	case domain.DrillAsked:
		r.request(rec, e)
	case domain.DrillIsOff:
		l.Times.OffMS, l.Times.VerifyMS = e.Times.OffMS, e.Times.VerifyMS
		if n := r.d.member.Domain().Node(e.Node); n != nil && n.Drill != nil && n.Drill.Evidence != nil {
			l.Evidence = r.d.evidence(&fence.Verdict{Incarnation: n.Drill.Life, Evidence: *n.Drill.Evidence})
		}
	case domain.DrillPassed, domain.DrillFailed:
		l.Resolution, l.Text, l.Phases = string(e.Step), e.Text, phasesOf(e.Phases)
		if l.Finished.IsZero() {
			l.Finished = client.At(m.at)
			r.store(rec)
		}
	}
}

func phasesOf(ps []domain.PhaseTime) []client.PhaseTime {
	out := make([]client.PhaseTime, 0, len(ps))
	for _, p := range ps {
		out = append(out, client.PhaseTime(p))
	}
	return out
}

// lastDrill is what came of a node's newest drill, nil where there was none.
func (d *Daemon) lastDrill(n *domain.Node) *client.LastDrill {
	l := n.LastDrill
	if l == nil {
		return nil
	}
	out := &client.LastDrill{Operation: l.ID, Level: l.Level + 1, Passed: l.Passed, Text: l.Text, Phases: phasesOf(l.Phases)}
	if rec := d.records.byID[l.ID]; rec != nil {
		out.At = rec.line.Finished
	}
	return out
}

// mapped names the steps of a node's levels that a drill has proven and that are as they were.
func (d *Daemon) mapped(n *domain.Node, r fence.RosterNode) []string {
	var out []string
	for i, l := range r.Levels {
		for _, s := range l.Steps {
			if s.Device != "" && d.member.Domain().Proves(n, i, s) {
				out = append(out, fmt.Sprintf("level %d %s", i+1, s))
			}
		}
	}
	return out
}

// testWidth bounds how many devices a test asks at once.
const testWidth = 16

// testTask is one device of one level to be read.
type testTask struct {
	step    fence.Step
	machine fence.Machine
	drilled bool
	vouched bool   // its mapping is declared by accept_mapping
	login   string // the digest of what this node logs in with
	refused bool   // it refused this login lately: only who names its node tries again (R28)
	to      *client.TestRead
}

// Test implements api.Tester: every device of a node's levels is logged in to and read, off the loop. An operation that begins ends it.
func (d *Daemon) Test(ctx context.Context, node string) (client.Test, error) {
	out := client.Test{API: client.API, Simulated: d.cfg.Config.Simulated}
	var tasks []testTask
	var failed error
	var id uint64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := d.ask(ctx, func() {
		if ops := d.operations(); len(ops) > 0 {
			failed = client.Errorf(client.CodeInProgress, "operation %d on %s is open: no test delays it", ops[0].ID, ops[0].Victim)
			return
		}
		if tasks, failed = d.testTasks(node, &out); failed == nil {
			d.reply++
			id = d.reply
			if d.tests == nil {
				d.tests = map[uint64]context.CancelCauseFunc{}
			}
			d.tests[id] = cancel
		}
	})
	if err := errors.Join(failed, err); err != nil {
		return out, err
	}
	defer d.post(func() { delete(d.tests, id) })
	slots, wg := make(chan struct{}, testWidth), sync.WaitGroup{}
	for _, t := range tasks {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			d.testOne(ctx, t)
		})
	}
	wg.Wait()
	d.tellTested(ctx, tasks)
	for i := range out.Nodes {
		n := &out.Nodes[i]
		n.OK = n.Text == "" && !slices.ContainsFunc(n.Devices, func(r client.TestRead) bool { return !r.OK })
	}
	return out, nil
}

// testTasks lists what is to be read, in the loop; the answers have their places already.
func (d *Daemon) testTasks(node string, out *client.Test) ([]testTask, error) {
	dom := d.member.Domain()
	if node != "" {
		if _, err := d.find(node); err != nil {
			return nil, err
		}
	}
	out.By = d.me()
	logins := d.cfg.Config.Logins()
	var tasks []testTask
	for _, r := range dom.Roster.Nodes {
		n := dom.Node(r.ID)
		if r.Witness || n == nil || (node != "" && r.Name != node) {
			continue
		}
		tn := client.TestNode{Node: r.Name, Machine: client.Machine{UUID: n.Machine.UUID, Serial: n.Machine.Serial}}
		var own []testTask
		for i, l := range r.Levels {
			for _, s := range l.Steps {
				if s.Device == "" {
					continue
				}
				tn.Devices = append(tn.Devices, client.TestRead{Level: i + 1, Device: s.String()})
				own = append(own, testTask{step: s, machine: n.Machine, drilled: dom.Proves(n, i, s), vouched: declared(&dom.Roster, s), login: logins[s.Device], refused: node == "" && dom.Repeats(s.Device, logins[s.Device])})
			}
		}
		if len(own) == 0 {
			tn.Text = "no device can fence it"
		}
		for i := range own {
			own[i].to = &tn.Devices[i]
		}
		tasks = append(tasks, own...)
		out.Nodes = append(out.Nodes, tn)
	}
	if len(out.Nodes) == 0 {
		return nil, client.Errorf(client.CodeError, "there is nothing to test: no roster is committed, or it is a witness")
	}
	return tasks, nil
}

// testOne reads one device and judges what it says, as a fence would before it switches.
func (d *Daemon) testOne(ctx context.Context, t testTask) {
	if t.refused {
		*t.to = client.TestRead{
			Level: t.to.Level, Device: t.to.Device, State: string(fence.PowerUnknown), Proof: client.ProofNone, Class: client.ClassAuth,
			Text: "it refused this login before, and is not asked again, so that the account is not locked: correct the password, which is tried then, or test its node by name",
		}
		return
	}
	begin := time.Now()
	one, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	got, err := d.cfg.Devices.Look(one, t.step.Device, t.step.Target)
	r := t.to
	r.State, r.Class, r.Proof, r.MS = string(got.State), client.ClassOK, client.ProofNone, time.Since(begin).Milliseconds()
	r.Identity, r.Note = spelled(got.Identity, t.machine), got.Detail
	switch {
	case err != nil:
		r.State, r.Class, r.Text = string(fence.PowerUnknown), classOf(err), err.Error()
		if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
			r.Text = cause.Error()
		}
	case got.Identity.Empty() && t.drilled:
		r.Proof = client.ProofDrill
	case got.Identity.Empty() && t.vouched:
		r.Proof = client.ProofDeclared
	case got.Identity.Empty():
		r.Text = "it gives no identity, and no drill has proven what it switches: it is not used by itself and proves nothing"
	case !got.Identity.Matches(t.machine):
		r.Class, r.Text = client.ClassMismatch, "the device identifies itself as another machine"
	default:
		r.Proof = client.ProofIdentity
	}
	if r.Text == "" && got.State != fence.PowerOn && got.State != fence.PowerOff {
		r.State, r.Text = string(fence.PowerUnknown), "it reads neither on nor off"
	}
	r.OK = r.Text == ""
}

// errOperationFirst ends a test.
var errOperationFirst = errors.New("not asked to the end: an operation began, and no test delays it")

// endTests ends every test that runs; loop only.
func (d *Daemon) endTests() {
	for _, cancel := range d.tests {
		cancel(errOperationFirst)
	}
}

// tellTested tells the log what is news of logins: one that was refused is repeated by nobody, one that works ends that (R28).
func (d *Daemon) tellTested(ctx context.Context, tasks []testTask) {
	for _, t := range tasks {
		if t.refused {
			continue
		}
		_, err := d.commit(ctx, func() (domain.Entry, error) {
			dom := d.member.Domain()
			dev, ok := dom.Roster.Device(t.step.Device)
			if !ok || dom.Feature < domain.FeatureHealth || !dom.LoginNews(t.step.Device, t.login, t.to.Class) {
				return domain.Entry{}, errNoNews
			}
			h := domain.DeviceHealth{
				Device: t.step.Device, Target: t.step.Target, Mapping: dev.Mapping, Class: t.to.Class, Named: t.to.Proof == client.ProofIdentity,
				Text: t.to.Text, AtMS: time.Now().UnixMilli(),
			}
			return domain.Entry{Health: &domain.HealthEntry{Health: h, Login: t.login}}, nil
		})
		if err != nil && !errors.Is(err, errNoNews) {
			d.log.Warn("cannot tell what a test found of a login", "device", t.step.Device, "error", err)
		}
	}
}

// errNoNews keeps an entry from being proposed.
var errNoNews = errors.New("it is known")
