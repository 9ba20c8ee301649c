package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/api"
)

// Pause implements api.Steward.
func (d *Daemon) Pause(ctx context.Context, a api.PauseArgs) (client.Committed, error) {
	answer, err := d.commit(ctx, func() (domain.Entry, error) {
		e := domain.PauseEntry{On: a.On, By: d.who(a.By), Reason: a.Reason, ForMS: a.For.Milliseconds()}
		if !a.All {
			n, err := d.find(a.Node)
			if err != nil {
				return domain.Entry{}, err
			}
			e.Node = n.ID
		}
		if d.member.Domain().Feature < domain.FeaturePause { // a member of an older version could not read it (R11)
			return domain.Entry{}, client.Errorf(client.CodeTryAgain, "not every node has a version that knows pauses: update them")
		}
		return domain.Entry{Pause: &e}, nil
	})
	return client.Committed{API: client.API, Index: answer.Index}, err
}

// pauses are those in force.
func (d *Daemon) pauses() client.List[client.Pause] {
	var out client.List[client.Pause]
	for _, p := range d.member.Domain().Paused {
		x := client.Pause{By: p.By, Reason: p.Reason, ForMS: p.ForMS}
		if p.Node != 0 {
			x.Node = d.name(p.Node)
		}
		if p.ForMS > 0 {
			x.Deadline = client.At(time.Now().Add(time.Duration(d.member.TimeLeftMS(p.Since, p.ForMS)) * time.Millisecond))
		}
		out = append(out, x)
	}
	return out
}

// pausedAttention shows every pause: none is forgotten (L10).
func (d *Daemon) pausedAttention(add func(code, node, text, next string)) {
	for _, p := range d.pauses() {
		whom, next := p.Node, "fenced resume "+p.Node
		if whom == "" {
			whom, next = "every node", "fenced resume --all"
		}
		text := fmt.Sprintf("%s is paused (%s: %s): nobody acts on it by himself", whom, p.By, p.Reason)
		if !p.Deadline.IsZero() {
			text += "; it ends at " + p.Deadline.UTC().Format(time.RFC3339)
		}
		add(client.AttentionPaused, p.Node, text, next)
	}
}

// pauseWaits names the nodes whose operation waits for the end of a pause, and so whoever waits for those.
func (d *Daemon) pauseWaits() []client.Waiting {
	dom := d.member.Domain()
	var names client.List[string]
	for i := range dom.Nodes {
		n := &dom.Nodes[i]
		off := n.Victim != nil && n.Victim.Claim == nil && errors.Is(dom.MayFence(n), domain.ErrPaused)
		if off || n.Victim == nil && n.PowerOn != nil && n.PowerOn.Claim == nil && errors.Is(dom.MayPowerOn(n), domain.ErrPaused) {
			names = append(names, d.name(n.ID))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []client.Waiting{{What: "paused", For: names}}
}
