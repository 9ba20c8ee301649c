package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
)

// localPoll is how often a forced power is looked at.
const localPoll = 200 * time.Millisecond

// localMeans is what --local is, in plain words: shown before it is done, and where it is refused.
const localMeans = `this node alone commands the devices of %s, without claim and quorum. Another node may be working on it at the same time, or
may hold what it held. It is no proof for anybody: nobody is released, and the cluster fences it again once it has quorum.`

// localFlags refuses what makes no sense together.
func localFlags(action, node string, f *actFlags) error {
	switch {
	case f.noWait, f.dryRun:
		return usage("--local goes with neither --no-wait nor --dry-run (fenced plan %s --read shows what would happen)", node)
	case !f.force:
		e := client.Errorf(client.CodeUnsafe, "%s --local needs --force: "+localMeans, action, node)
		e.Next = fmt.Sprintf("fenced %s %s, which needs quorum and gives a verdict", action, node)
		return e
	case strings.TrimSpace(f.reason) == "":
		return usage("%s --local needs --reason", action)
	}
	return nil
}

// actLocal is `fenced off|reboot NODE --local --force --reason R` (R31).
func (a *app) actLocal(ctx context.Context, action, node string, f *actFlags) error {
	if err := localFlags(action, node, f); err != nil {
		return err
	}
	a.say("%s --local: "+localMeans, action, node)
	if err := a.confirm(f.yes, action, node); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, errLimit)
	defer cancel()
	c := a.client()
	defer c.Close()
	l, err := a.beginLocal(ctx, c, client.Local{ID: strings.ToLower(rand.Text()), Node: node, Action: action, Reason: f.reason, Force: true})
	if err != nil {
		return err
	}
	a.say("begun: nothing more is asked of a device after %s", time.Duration(l.DeadlineMS)*time.Millisecond)
	if l, err = a.awaitLocal(ctx, c, l); err != nil {
		return err
	}
	if a.format == formatJSON || l.Code == client.CodeOK {
		a.show(l, func(w io.Writer) { fmt.Fprintf(w, "%s: %s; no verdict, nobody is released\n", l.Node, l.Text) })
	}
	if !l.Told {
		a.say("the cluster does not know yet: it is told at the next quorum")
	}
	switch {
	case l.Code == client.CodeOK:
		return nil
	case a.format == formatJSON:
		return silent(l.Code)
	}
	for _, t := range l.Attempts {
		a.say("level %d %s %s: %s %s", t.Level, t.Device, t.Action, t.Class, t.Text)
	}
	return client.Errorf(l.Code, "%s %s: %s", action, l.Node, l.Text)
}

// beginLocal asks once more where the answer got lost: the same id is the same command.
func (a *app) beginLocal(ctx context.Context, c *client.Client, q client.Local) (client.LocalPower, error) {
	for try := 1; ; try++ {
		limit, cancel := context.WithTimeout(ctx, actTimeout)
		l, err := c.ForceLocal(limit, q)
		cancel()
		if err == nil || client.CodeOf(err) != client.CodeUnknown || try == 2 || ctx.Err() != nil {
			return l, err
		}
		a.say("%v; asking again for the same command", err)
	}
}

// awaitLocal looks until it is done. Whoever stops looking does not stop it.
func (a *app) awaitLocal(ctx context.Context, c *client.Client, l client.LocalPower) (client.LocalPower, error) {
	for !l.Done {
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errLimit) {
				return l, client.Errorf(client.CodeTimeout, "not over in time: it goes on")
			}
			return l, client.Errorf(client.CodeUnknown, "interrupted: it goes on, and its outcome is unknown here")
		case <-time.After(localPoll):
		}
		limit, cancel := context.WithTimeout(ctx, queryTimeout)
		next, err := c.LocalPower(limit, l.ID)
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			return l, client.Errorf(client.CodeUnknown, "the outcome is unknown: %v", err)
		default:
			l = next
		}
	}
	return l, nil
}
