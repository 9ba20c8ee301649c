package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// commit proposes an entry in the loop and waits for its fate, at most until ctx ends. make may read the domain; it runs in the loop.
func (d *Daemon) commit(ctx context.Context, build func() (domain.Entry, error)) (member.Answer, error) {
	ch := make(chan member.Answer, 1)
	var id uint64
	var failed error
	err := d.ask(ctx, func() {
		e, err := build()
		if err != nil {
			failed = err
			return
		}
		d.reply++
		id = d.reply
		d.replies[id] = ch
		d.step(member.Requested{Reply: id, Entry: e})
	})
	if err != nil || failed != nil {
		return member.Answer{}, errors.Join(failed, err)
	}
	select {
	case a := <-ch:
		if a.Unknown {
			return a, client.Errorf(client.CodeUnknown, "the outcome is unknown: it may still be committed; look with fenced history")
		}
		return a, coded(a.Err)
	case <-d.done:
		return member.Answer{}, client.Errorf(client.CodeUnknown, "the daemon goes down, the outcome is unknown")
	case <-ctx.Done():
		return member.Answer{}, client.Errorf(client.CodeUnknown, "the outcome is unknown: no answer within the time given")
	}
}

// coded gives an error its exit code (INTERFACES.md).
func coded(err error) error {
	var e *client.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	text := rejected(err)
	switch {
	case errors.Is(err, fence.ErrNoQuorum):
		return client.Errorf(client.CodeNoQuorum, "no quorum: nothing may be decided")
	case errors.Is(err, fence.ErrNotArmed):
		e = client.Errorf(client.CodeNotArmed, "the cluster is not armed: no device is touched")
		if errors.Is(err, domain.ErrDisarming) {
			e.Text = "the cluster is being disarmed: what runs is finished, nothing new begins"
		}
		e.Next = "fenced arm"
		return e
	case errors.Is(err, fence.ErrUnsafe):
		return client.Errorf(client.CodeUnsafe, "%s", text)
	case errors.Is(err, fence.ErrStale):
		return client.Errorf(client.CodeTryAgain, "%s", text)
	case errors.Is(err, fence.ErrNoSuchNode), errors.Is(err, fence.ErrNoCut):
		return client.Errorf(client.CodeNoSuch, "%s", text)
	}
	return client.Errorf(client.CodeError, "%s", text)
}

// rejected is an error's text without the word that every rejected entry's begins with.
func rejected(err error) string {
	return strings.TrimPrefix(err.Error(), domain.ErrRejected.Error()+": ")
}

// find resolves a node's name; it runs in the loop.
func (d *Daemon) find(name string) (*domain.Node, error) {
	roster := &d.member.Domain().Roster
	r, ok := roster.ByName(name)
	if !ok {
		var known []string
		for _, n := range roster.Nodes {
			known = append(known, n.Name)
		}
		return nil, client.NoSuch("node", name, known)
	}
	return d.member.Domain().Node(r.ID), nil
}

// who is the requester as history keeps it.
func (d *Daemon) who(c api.Caller) string {
	return fmt.Sprintf("%s@%s", c, d.me())
}

// Request implements api.Operator.
func (d *Daemon) Request(ctx context.Context, a api.RequestArgs) (client.Accepted, error) {
	out := client.Accepted{API: client.API, ID: a.ID, Seq: d.feed.Last()}
	if known, err := d.asked(ctx, a.ID, &out); known || err != nil {
		return out, err
	}
	answer, err := d.commit(ctx, func() (domain.Entry, error) {
		n, err := d.find(a.Node)
		if err != nil {
			return domain.Entry{}, err
		}
		r := &domain.Request{
			ID: a.ID, Node: n.ID, Boot: a.Boot, Action: fence.Action(a.Action), Cause: fence.CauseOperator, By: d.who(a.By), Reason: a.Reason, Force: a.Force,
		}
		return domain.Entry{Request: r}, d.asker(a, r)
	})
	if err != nil {
		return out, err
	}
	for _, e := range answer.Events {
		if e.Kind != domain.EventRequest {
			continue
		}
		out.Operation, out.Victim, out.Incarnation = e.Operation, a.Node, e.Life.Boot
		out.Done = e.Verdict != nil
		out.Joined = strings.HasSuffix(e.Text, "(joined)")
	}
	return out, nil
}

// asked answers a request that was committed before from what became of it.
func (d *Daemon) asked(ctx context.Context, id string, out *client.Accepted) (bool, error) {
	found := false
	err := d.ask(ctx, func() {
		for _, rec := range d.records.byID {
			for _, q := range rec.requests {
				if q.ID == id {
					found = true
					out.Operation, out.Victim, out.Incarnation, out.Joined = rec.line.ID, rec.line.Victim, rec.line.Incarnation, true
				}
			}
		}
	})
	return found, err
}

// Ack implements api.Operator.
func (d *Daemon) Ack(ctx context.Context, a api.AckArgs) (client.Committed, error) {
	answer, err := d.commit(ctx, func() (domain.Entry, error) {
		n, err := d.find(a.Node)
		if err != nil {
			return domain.Entry{}, err
		}
		if n.Victim != nil && n.Victim.Boot != a.Boot && strings.HasPrefix(n.Victim.Boot, a.Boot) && len(a.Boot) >= 8 {
			a.Boot = n.Victim.Boot // the short form that status shows
		}
		if n.Victim != nil && n.Victim.Boot != a.Boot {
			return domain.Entry{}, client.NoSuch("life of "+a.Node, a.Boot, []string{n.Victim.Boot})
		}
		return domain.Entry{Ack: &domain.Ack{Node: n.ID, Boot: a.Boot, By: d.who(a.By), Reason: a.Reason}}, nil
	})
	return client.Committed{API: client.API, Index: answer.Index, Text: a.Node + " is acknowledged"}, err
}

// Arm implements api.Steward.
func (d *Daemon) Arm(ctx context.Context, a api.ArmArgs) (client.Committed, error) {
	var unclean []string
	answer, err := d.commit(ctx, func() (domain.Entry, error) {
		dom := d.member.Domain()
		if dom.Roster.Version == 0 {
			return domain.Entry{}, client.Errorf(client.CodeError, "there is no committed roster yet: fenced bootstrap first")
		}
		for _, id := range dom.Unresolved() {
			unclean = append(unclean, d.name(id))
		}
		if (a.For > 0 || a.Now) && dom.Feature < domain.FeatureDisarm { // a member of an older version could not read it (R11)
			return domain.Entry{}, client.Errorf(client.CodeTryAgain, "not every node has a version that knows this: disarm without --for and --now, or update them")
		}
		return domain.Entry{Arm: &domain.Arm{Armed: a.Armed, By: d.who(a.By), Reason: a.Reason, ForMS: a.For.Milliseconds(), Now: a.Now}}, nil
	})
	word, pending := "disarmed", false
	switch {
	case a.Armed:
		word = "armed"
	case err == nil && slices.ContainsFunc(answer.Events, func(e domain.Event) bool { return e.Kind == domain.EventDisarms }):
		pending = true
		word = "pending: operations run; nothing new begins, and it takes effect when they have ended, after " + disarmWait.String() + " at the latest"
	case a.For > 0:
		word = "disarmed; the cluster arms itself again after " + a.For.String()
	}
	if a.Armed && len(unclean) > 0 {
		word += "; not clean, and fenced after post_join_delay unless they announce themselves: " + strings.Join(unclean, ", ")
	}
	return client.Committed{API: client.API, Index: answer.Index, Text: word, Pending: pending}, err
}

// Bootstrap implements api.Steward: it makes the domain, once, and commits the roster of this node's file as the first (R3, R4).
func (d *Daemon) Bootstrap(ctx context.Context, a api.BootstrapArgs) (client.Bootstrapped, error) {
	var roster fence.Roster
	if err := d.ask(ctx, func() { roster = d.cfg.Config.Roster }); err != nil {
		return client.Bootstrapped{}, err
	}
	cluster := roster.Cluster
	if a.Cluster != cluster {
		return client.Bootstrapped{}, client.Errorf(client.CodeUsage, "this node's configuration names the cluster %q, not %q", cluster, a.Cluster)
	}
	id := d.cfg.Provider.Info().Domain
	var err error
	if id == "" || d.hasRoster(ctx) { // a bootstrap that died between the domain and its first roster goes on where it stopped
		if id, err = d.cfg.Provider.Bootstrap(); err != nil {
			return client.Bootstrapped{}, client.Errorf(client.CodeError, "%v", err)
		}
	}
	roster.Version = 1
	for {
		_, err = d.commit(ctx, func() (domain.Entry, error) {
			return domain.Entry{Roster: &domain.Roster{Roster: roster, By: d.who(a.By), Reason: "bootstrap"}}, nil
		})
		if client.CodeOf(err) != client.CodeUnknown || ctx.Err() != nil {
			break
		}
		if d.hasRoster(ctx) { // a proposal whose fate was unknown was committed after all
			err = nil
			break
		}
	}
	if err != nil {
		return client.Bootstrapped{}, fmt.Errorf("cannot commit the first roster: %w", err)
	}
	return client.Bootstrapped{API: client.API, Cluster: cluster, Domain: id}, nil
}

func (d *Daemon) hasRoster(ctx context.Context) bool {
	has := false
	_ = d.ask(ctx, func() { has = d.member.Domain().Roster.Version > 0 })
	return has
}

// History implements api.Historian.
func (d *Daemon) History(ctx context.Context, q api.HistoryQuery) (client.History, error) {
	out := client.History{API: client.API}
	var failed error
	err := d.ask(ctx, func() {
		n, unknown := d.find(q.Node)
		of := func(r *record) bool { // a node that was removed still has a past
			return q.Node == "" || (n != nil && r.node == n.ID) || (r.line.Victim == q.Node && (n == nil || r.node == 0))
		}
		oldest := time.Time{}
		if q.SinceMS > 0 {
			oldest = time.Now().Add(-time.Duration(q.SinceMS) * time.Millisecond)
		}
		out.Lines = d.records.lines(func(r *record) bool {
			if !of(r) || r.line.Started.Before(oldest) {
				return false
			}
			return !q.Failed || r.line.Verdict == "" && r.line.Resolution != client.ResolutionWould || slices.ContainsFunc(r.line.Attempts, func(a client.Attempt) bool { return a.Class != client.ClassOK })
		})
		if q.Node != "" && unknown != nil && len(out.Lines) == 0 {
			failed = unknown
		}
	})
	if n := len(out.Lines); q.Limit > 0 && n > q.Limit {
		out.Lines, out.Truncated = out.Lines[n-q.Limit:], true
	}
	return out, errors.Join(failed, err)
}

// Show implements api.Historian.
func (d *Daemon) Show(ctx context.Context, id uint64) (client.Show, error) {
	out := client.Show{API: client.API}
	var failed error
	err := d.ask(ctx, func() {
		rec := d.records.byID[id]
		if rec == nil {
			failed = client.Errorf(client.CodeNoSuch, "no such operation: %d", id)
			return
		}
		out.History, out.Requests = rec.line, rec.requests
		dom := d.member.Domain()
		for i := range dom.Nodes {
			n := &dom.Nodes[i]
			if o := d.openOperation(n); o != nil && o.ID == id {
				out.Operation = o
				if n.Victim != nil && n.Victim.Round > 0 {
					out.Code, out.Error = client.CodeNeedsOperator, "nobody could prove it, all levels were tried"
				}
			}
		}
		out.Done = out.Operation == nil
		if out.Done && out.History.Resolution == client.ResolutionFailed {
			out.Code, out.Error = client.CodeError, fmt.Sprintf("the drill of %s failed: %s", out.History.Victim, out.History.Text)
		}
	})
	return out, errors.Join(failed, err)
}
