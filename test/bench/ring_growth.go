package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

var ringCostNames = []string{nameRingRSS, nameRingChanges, nameRingGrowRSS, nameRingRoutines, nameRingWaits}

// moreMemory is by how many MiB a daemon over corosync may be larger than one over the embedded membership, and larger after ring changes than before
// them: a heap of this size moves by some of that between two collections.
const moreMemory = 5

// ringCosts measures what corosync costs a daemon: memory beside the embedded membership, and what many ring changes leave behind. Counting goroutines
// ends a process, so those before are of a cluster that did the same and had no ring changes.
func ringCosts(ctx context.Context, r *run) error {
	if why := playground.CorosyncMissing(); why != "" {
		return r.skip(why, ringCostNames...)
	}
	embedded, err := r.ringCost(ctx, false, func(c *playground.Cluster, o *ringState) error { return o.memory(c.Nodes()) })
	if err != nil {
		return err
	}
	quiet, err := r.ringCost(ctx, true, func(c *playground.Cluster, o *ringState) error {
		if err := o.memory(c.Nodes()); err != nil {
			return err
		}
		if err := leave(ctx, c); err != nil {
			return err
		}
		return errors.Join(pause(ctx, r.rest()), o.waitsOf(ctx, c), o.routinesOf(ctx, c))
	})
	if err != nil {
		return err
	}
	base := slices.Max(embedded.rss)
	r.add(line(nameRingRSS, "MiB", fmt.Sprintf("resident over corosync, the largest of three; the aim is %d MiB more than embedded", moreMemory), quiet.rss).
		against(slices.Max(quiet.rss), goal{aim: base + moreMemory, peer: base, who: "the same over embedded"}))
	return r.ringGrowth(ctx, quiet)
}

// ringGrowth changes the ring many times, and compares.
func (r *run) ringGrowth(ctx context.Context, quiet *ringState) error {
	changes := 50
	if r.quick {
		changes = 4
	}
	before := &ringState{}
	var took time.Duration
	after, err := r.ringCost(ctx, true, func(c *playground.Cluster, o *ringState) error {
		err := leave(ctx, c)
		if err == nil {
			err = errors.Join(pause(ctx, r.rest()), before.memory(c.Nodes()[:size-1]))
		}
		if err == nil {
			took, err = changeRing(ctx, c, changes)
		}
		if err == nil {
			err = errors.Join(pause(ctx, r.rest()), o.memory(c.Nodes()[:size-1]), o.waitsOf(ctx, c), o.routinesOf(ctx, c))
		}
		return err
	})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("after %d ring changes in %s", changes, took.Round(time.Second))
	r.add(line(nameRingChanges, "s", fmt.Sprintf("for %d ring changes: a node's corosync ends and begins", changes), []float64{took.Seconds()}))
	b, a := slices.Max(before.rss), slices.Max(after.rss)
	r.add(line(nameRingGrowRSS, "MiB", what+"; the peer is the same process before them", after.rss).against(a, goal{aim: b + moreMemory, peer: b, who: "before"}))
	b, a = slices.Max(quiet.routines), slices.Max(after.routines)
	r.add(line(nameRingRoutines, "", what+"; the peer is a cluster without", after.routines).against(a, goal{aim: b + 1, peer: b, who: "without ring changes"}))
	r.add(line(nameRingWaits, "", what+": what status waits for, and open operations", after.waits).against(slices.Max(after.waits), goal{aim: 1}))
	return nil
}

// rest is how long a cluster is left alone before it is looked at.
func (r *run) rest() time.Duration {
	if r.quick {
		return time.Second
	}
	return 10 * time.Second
}

// ringCost starts a cluster, leaves it alone for a while, and looks at it.
func (r *run) ringCost(ctx context.Context, corosync bool, look func(*playground.Cluster, *ringState) error) (*ringState, error) {
	c, err := r.machines(ctx, corosync)
	if err != nil {
		return nil, err
	}
	o := &ringState{}
	if err = pause(ctx, r.rest()); err == nil {
		err = look(c, o)
	}
	return o, stopped(c, err)
}

// ringState is what daemons take, one figure for each.
type ringState struct{ rss, waits, routines []float64 }

func (o *ringState) memory(nodes []*playground.Node) error {
	for _, n := range nodes {
		kib, err := resident(n.PID())
		if err != nil {
			return err
		}
		o.rss = append(o.rss, kib/1024)
	}
	return nil
}

// waitsOf asks all daemons but the last what they wait for, and for open operations. Whoever was asked keeps a goroutine for the connection, so they are
// asked in every cluster whose goroutines are compared.
func (o *ringState) waitsOf(ctx context.Context, c *playground.Cluster) error {
	for _, n := range c.Nodes()[:size-1] {
		s, err := n.Client().Status(ctx)
		if err != nil {
			return err
		}
		o.waits = append(o.waits, float64(len(s.Waiting)+len(s.Operations)))
	}
	return nil
}

// routinesOf makes all daemons but the last dump their stacks and die, and counts their goroutines.
func (o *ringState) routinesOf(ctx context.Context, c *playground.Cluster) error {
	nodes := c.Nodes()[:size-1]
	for _, n := range nodes { // all at once: one alone would see the other go
		if err := n.SignalDaemon(unix.SIGQUIT); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, perFence)
	defer cancel()
	for _, n := range nodes {
		if err := c.Await(ctx, n.Name+" to dump its stacks", func() bool { return !n.Running() }); err != nil {
			return err
		}
		text, err := os.ReadFile(n.LogPath())
		if err != nil {
			return err
		}
		count := bytes.Count(text, []byte("\ngoroutine "))
		if count == 0 {
			return fmt.Errorf("%s dumped no stacks", n.Name)
		}
		o.routines = append(o.routines, float64(count))
	}
	return nil
}

// leave ends the last node's daemon in order: what its corosync does harms nobody then.
func leave(ctx context.Context, c *playground.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, perFence)
	defer cancel()
	last := c.Node(size)
	if err := last.Terminate(); err != nil {
		return err
	}
	return c.Await(ctx, last.Name+" to have left", func() bool {
		s, err := c.Node(1).Client().Status(ctx)
		return err == nil && !last.Running() && slices.ContainsFunc(s.Nodes, func(m client.Node) bool { return m.Name == last.Name && m.State == client.StateLeft })
	})
}

// changeRing ends and begins the last node's corosync until another one has heard of so many changes, and says how long that took.
func changeRing(ctx context.Context, c *playground.Cluster, changes int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel() // ends the watch too
	last := c.Node(size)
	w, err := watchRing(ctx, c.Node(1))
	if err != nil {
		return 0, err
	}
	if _, err := w.await(ctx, last, true); err != nil {
		return 0, err
	}
	began := time.Now()
	for range changes / 2 {
		if err := last.SignalCorosync(ctx, unix.SIGTERM); err != nil {
			return 0, err
		}
		if _, err := w.await(ctx, last, false); err != nil {
			return 0, err
		}
		if err := last.StartCorosync(ctx); err != nil {
			return 0, err
		}
		if _, err := w.await(ctx, last, true); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
