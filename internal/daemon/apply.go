package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"

	"github.com/fenced-project/fenced/client"
)

// rosterProposal is a roster that somebody wants, beside the state that it was judged by.
type rosterProposal struct {
	state  *domain.State // a copy
	by     domain.Origin
	base   rosterBase
	member bool // this daemon is in contact with a quorate view
	entry  domain.Roster
	force  bool
	plan   bool // from a caller, not from this node's file: nothing is known of what it was made from
}

// Apply implements api.Steward. What is judged is a copy of the state: the loop only takes the picture.
func (d *Daemon) Apply(ctx context.Context, a api.ApplyArgs) (client.Applied, error) {
	out := client.Applied{API: client.API, DryRun: a.DryRun}
	roster, fresh, err := d.wanted(ctx, a)
	if err != nil {
		return out, err
	}
	p, err := d.picture(ctx, roster, a)
	if err != nil {
		return out, err
	}
	out.Hash, out.Version, out.From = p.entry.Roster.Hash(), p.entry.Roster.Version, p.state.Roster.Version
	if a.Hash != "" && a.Hash != out.Hash {
		return out, client.Errorf(client.CodeTryAgain, "the file that the daemon of %s reads says something else (%s) than what was shown (%s): is it another file, or was it edited meanwhile?",
			d.selfName(ctx), out.Hash, a.Hash)
	}
	if out.Hash == p.state.RosterHash {
		out.Version = p.state.Roster.Version
		if a.DryRun {
			return out, nil
		}
		return out, d.takeAndWait(ctx, fresh)
	}
	p.describe(&out)
	out.BlockedBy = p.blocks()
	switch {
	case a.DryRun:
		return out, nil
	case len(out.BlockedBy) > 0:
		b := out.BlockedBy[0]
		e := client.Errorf(b.Code, "%s", b.Text)
		e.Next = b.Next
		return out, e
	}
	if _, err := d.commit(ctx, func() (domain.Entry, error) { return domain.Entry{Roster: &p.entry}, nil }); err != nil {
		return out, err
	}
	return out, d.takeAndWait(ctx, fresh)
}

// wanted is the roster of the file, or the one that a caller only wants to have judged.
func (d *Daemon) wanted(ctx context.Context, a api.ApplyArgs) (fence.Roster, *config.Config, error) {
	if len(a.Roster) > 0 {
		var r fence.Roster
		if !a.DryRun {
			return r, nil, client.Errorf(client.CodeUsage, "a roster is proposed from the file of a node; one that is sent can only be judged (dry_run)")
		}
		if err := json.Unmarshal(a.Roster, &r); err != nil {
			return r, nil, client.Errorf(client.CodeUsage, "cannot read the roster: %v", err)
		}
		return r, nil, nil
	}
	fresh, err := d.examined(ctx)
	if err != nil {
		return fence.Roster{}, nil, err
	}
	return fresh.Roster, fresh, nil
}

// picture copies what the proposal is judged by.
func (d *Daemon) picture(ctx context.Context, roster fence.Roster, a api.ApplyArgs) (*rosterProposal, error) {
	p := &rosterProposal{force: a.Force, plan: len(a.Roster) > 0}
	var snap []byte
	var failed error
	err := d.ask(ctx, func() {
		dom := d.member.Domain()
		if snap, failed = dom.Snapshot(); failed != nil {
			return
		}
		if dom.Roster.Version == 0 {
			failed = client.Errorf(client.CodeError, "there is no committed roster yet: fenced bootstrap first")
			return
		}
		p.by = d.member.Self()
		p.base, p.member = d.base.base, d.member.Quorate()
		roster.Version = dom.Roster.Version + 1 // what is committed later is refused if another was committed in between
		p.entry = domain.Roster{Roster: roster, By: d.who(a.By), Reason: a.Reason, Force: a.Force}
	})
	if err := errors.Join(failed, err); err != nil {
		return nil, err
	}
	p.state, err = domain.Restore(snap)
	return p, err
}

func (d *Daemon) selfName(ctx context.Context) string {
	name := "this node"
	_ = d.ask(ctx, func() { name = d.me() })
	return name
}

// rehearse applies the entry to a copy of the state and returns what became of it.
func (p *rosterProposal) rehearse(force bool) (*domain.State, error) {
	b, err := p.state.Snapshot()
	if err != nil {
		return nil, err
	}
	s, err := domain.Restore(b)
	if err != nil {
		return nil, err
	}
	e := p.entry
	e.Force = force
	_, err = s.Apply(s.Index+1, p.by, domain.Entry{Roster: &e})
	return s, err
}

// blocks lists what forbids the roster now: a file that was made from an older one (S5.8), and what the domain's own rules say.
func (p *rosterProposal) blocks() []client.Block {
	var out []client.Block
	if p.state.EverArmed && !p.member {
		out = append(out, client.Block{Code: client.CodeNoQuorum, Text: "no quorum: nothing may be decided", Next: "fenced status"})
	}
	if text := p.stale(); text != "" && !p.force && !p.plan {
		out = append(out, client.Block{Code: client.CodeUnsafe, Text: text, Next: "copy the configuration of a node whose file is the committed roster, then change that; or fenced apply --force"})
	}
	var e *client.Error
	if _, err := p.rehearse(p.force); err != nil && errors.As(coded(err), &e) && (len(out) == 0 || e.Code != client.CodeNoQuorum) {
		out = append(out, client.Block{Code: e.Code, Text: e.Text, Next: p.next(err)})
	}
	return out
}

// stale says why the file may be older than what is committed, "" if it was made from that.
func (p *rosterProposal) stale() string {
	committed := fmt.Sprintf("roster %d is committed", p.state.Roster.Version)
	switch {
	case p.base.Hash == p.state.RosterHash:
		return ""
	case p.base.Version == 0:
		return "the file of this node was never the committed roster, and " + committed + ": it may be an old one"
	case p.base.Hash == p.entry.Roster.Hash():
		return fmt.Sprintf("the file of this node is still roster %d, and %s: it would take back what was applied since", p.base.Version, committed)
	}
	return fmt.Sprintf("the file of this node was made from roster %d, and %s: it would take back what was applied since", p.base.Version, committed)
}

// next is the command that comes before a removal that the domain refuses.
func (p *rosterProposal) next(err error) string {
	for _, n := range p.state.Roster.Nodes {
		if _, kept := p.entry.Roster.Node(n.ID); kept || p.state.Node(n.ID) == nil {
			continue
		}
		switch s := p.state.Node(n.ID); {
		case s.Victim != nil:
			return "fenced status " + n.Name
		case s.Instance != "" && s.Victim == nil:
			return "fenced leave, on " + n.Name
		case s.Unknown, s.Phase == domain.PhaseAbsent, s.Phase == domain.PhaseGone:
			return "fenced off " + n.Name
		}
	}
	if errors.Is(err, fence.ErrUnsafe) {
		return "fenced apply --force"
	}
	return ""
}
