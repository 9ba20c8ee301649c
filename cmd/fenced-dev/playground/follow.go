package playground

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fenced-project/fenced/client"
)

// follower reads the event stream of every node into the record, across all their lives, until it is stopped.
type follower struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func (c *Cluster) startFollower() *follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{cancel: cancel}
	for _, n := range c.nodes {
		f.wg.Go(func() { c.followNode(ctx, n) })
	}
	return f
}

func (f *follower) stop() {
	f.cancel()
	f.wg.Wait()
}

// followNode ends with ctx. A broken connection is no event; a gap in what a living daemon sent is kept, because a judgement over a stream
// with a hole is worth nothing.
func (c *Cluster) followNode(ctx context.Context, n *Node) {
	cl := client.New(n.Socket(), "fenced-dev")
	defer cl.Close()
	for e, err := range cl.Watch(ctx, client.WatchFrom{}) {
		var gap *client.GapError
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &gap) && !gap.Restarted:
			c.record.gap(n.Index, err.Error())
		case err == nil:
			c.record.add(Event{Event: e, Since: c.Since(), From: n.Index})
		}
	}
}

// Events returns what node i has said so far, in its order, over all its lives. Each life is a Stream of its own.
func (c *Cluster) Events(i int) []Event { return c.record.of(i) }

// Gaps returns the holes in what node i has said; with any of them Events proves nothing.
func (c *Cluster) Gaps(i int) []string { return c.record.gapsOf(i) }

// recheck is how long await trusts that nothing changes without an event: power and status have none.
const recheck = 100 * time.Millisecond

// Await waits until cond holds, looking again at every event of any node and every tenth of a second. The error says what was waited for.
func (c *Cluster) Await(ctx context.Context, what string, cond func() bool) error {
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for {
		changed := c.record.changed()
		if cond() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, ctx.Err())
		case <-changed:
		case <-tick.C:
		}
	}
}

// AwaitClean waits until every node sees every node as a member with the life that it really has.
func (c *Cluster) AwaitClean(ctx context.Context) error {
	var last string
	err := c.Await(ctx, fmt.Sprintf("%d clean members", len(c.seated)), func() bool {
		for _, n := range c.seated {
			for _, m := range c.seated {
				if why := n.notYet(ctx, m.Name, client.StateMember, m.BootID()); why != "" {
					last = why
					return false
				}
			}
		}
		return true
	})
	if err != nil {
		for _, n := range c.seated {
			if !n.Running() {
				last += "; the daemon of " + n.Name + " does not run: its log says why"
			}
		}
		err = fmt.Errorf("%w (%s)", err, last)
	}
	return err
}

func (c *Cluster) bootstrap(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := c.nodes[0].Client().Bootstrap(ctx, client.Bootstrap{Cluster: clusterName}); err != nil {
		return fmt.Errorf("cannot bootstrap: %w", err)
	}
	return nil
}

func (c *Cluster) arm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var refused error
	err := c.Await(ctx, "a node that arms", func() bool {
		_, refused = c.nodes[0].Client().Arm(ctx, client.Arm{Armed: true, Reason: "fenced dev"})
		return client.CodeOf(refused) != client.CodeNoQuorum // a machine under load may have stood still just now, and decides nothing for one lease (R20)
	})
	if err = errors.Join(err, refused); err != nil {
		return fmt.Errorf("cannot arm: %w", err)
	}
	return c.Await(ctx, "every node to be armed", func() bool {
		for _, n := range c.first() {
			if s, err := n.Client().Status(ctx); err != nil || !s.Armed {
				return false
			}
		}
		return true
	})
}
