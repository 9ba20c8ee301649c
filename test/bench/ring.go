package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// perRing bounds the start of a cluster of machines, perFence one death with its return.
const (
	perRing  = 90 * time.Second
	perFence = 60 * time.Second
)

// machines starts three machines in network namespaces, with an IPMI BMC each: over real corosync (token 1 s) or over the embedded membership.
func (r *run) machines(ctx context.Context, corosync bool) (*playground.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, perRing)
	defer cancel()
	opt := playground.Options{Netns: true, Build: r.build}
	if corosync {
		opt.Corosync = &playground.CorosyncSpec{Token: time.Second}
	}
	return playground.Start(ctx, opt)
}

// stopped stops a cluster of machines and says what went wrong with it.
func stopped(c *playground.Cluster, err error) error {
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, c.LogTails(8))
	}
	return errors.Join(err, c.Stop())
}

// ringActs takes the time from corosync's confchg to the plugin's first request for the node that it takes away.
func ringActs(ctx context.Context, r *run) error {
	if why := playground.CorosyncMissing(); why != "" {
		return r.skip(why, nameRingActs)
	}
	c, err := r.machines(ctx, true)
	if err != nil {
		return err
	}
	return stopped(c, r.confchgs(ctx, c))
}

func (r *run) confchgs(ctx context.Context, c *playground.Cluster) error {
	var whole, victim, claim []float64
	for i := range r.n() + 1 {
		spread(ctx)
		one, err := confchg(ctx, c, c.Node(size))
		if err != nil {
			return err
		}
		if i > 0 { // the first finds caches cold
			victim, claim, whole = append(victim, one[0]), append(claim, one[1]), append(whole, one[2])
		}
	}
	r.add(line(nameRingActs, "ms", "corosync's confchg at a survivor to the first request, from its event line (whole milliseconds)", whole))
	r.add(line(nameRingActs+":victim", "ms", "confchg to the event that names the victim: what follows a committed view", victim))
	r.add(line(nameRingActs+":claim", "ms", "confchg to the event of the claim's commit", claim))
	return nil
}

// confchg kills a machine, and returns the milliseconds from the first confchg without it, as a process beside corosync hears it, to the victim's name, the
// claim and the first request of the survivor that acts; then it waits until the machine is a member again. The line of the attempt comes at its end and says how long
// it was.
func confchg(ctx context.Context, c *playground.Cluster, victim *playground.Node) (out [3]float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, perFence)
	defer cancel() // ends the watch too
	life := victim.BootID()
	w, err := watchRing(ctx, c.Nodes()[victim.Index%size])
	if err != nil {
		return out, err
	}
	if _, err := w.await(ctx, victim, true); err != nil {
		return out, err
	}
	if err := victim.Kill(); err != nil {
		return out, err
	}
	gone, err := w.await(ctx, victim, false)
	if err != nil {
		return out, err
	}
	find := func(word string) (e playground.Event, ok bool) {
		for _, n := range c.Nodes() {
			for _, e := range c.Events(n.Index) {
				if e.Event.Event == word && e.Node == victim.Name && e.Incarnation == life && (word != client.EventAttempt || e.Actor == "") {
					return e, true
				}
			}
		}
		return e, false
	}
	var named, claim, attempt playground.Event
	if err := c.Await(ctx, "the first request for "+victim.Name, func() (ok bool) {
		named, _ = find(client.EventVictim)
		claim, _ = find(client.EventClaim)
		attempt, ok = find(client.EventAttempt)
		return ok
	}); err != nil {
		return out, err
	}
	first := attempt.At.Time.Add(-time.Duration(attempt.MS) * time.Millisecond)
	out = [3]float64{ms(named.At.Sub(gone)), ms(claim.At.Sub(gone)), ms(first.Sub(gone))}
	return out, c.AwaitClean(ctx)
}

// ringWatch tells of every ring that corosync tells a process of, with the time: daemons and this program have the same clock.
type ringWatch struct {
	rings chan ringAt
	err   error // why it ended; set before rings is closed
}

type ringAt struct {
	at    time.Time
	nodes []uint32
}

// watchRing joins a group of its own beside a node's corosync. It ends with ctx, which has a deadline.
func watchRing(ctx context.Context, n *playground.Node) (*ringWatch, error) {
	w := &ringWatch{rings: make(chan ringAt, 1024)}
	joined, ended := make(chan struct{}), make(chan error, 1)
	go func() { // ends with ctx, or with corosync
		w.err = n.BesideCorosync(func() error { return w.run(ctx, joined) })
		close(w.rings)
		ended <- w.err
	}()
	select {
	case <-joined:
		return w, nil
	case err := <-ended:
		return nil, fmt.Errorf("cannot watch the corosync of %s: %w", n.Name, err)
	}
}

// join asks again while the ring changes. Each watch has a group of its own: the one before it may still be leaving, and a process is in a group once.
func join(ctx context.Context, g *libcorosync.Group) error {
	group := fmt.Sprintf("fenced-bench-%d", time.Now().UnixNano())
	for {
		err := g.Join(group)
		if !errors.Is(err, libcorosync.TryAgain) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (w *ringWatch) run(ctx context.Context, joined chan<- struct{}) error {
	g, err := libcorosync.OpenGroup()
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }()
	if err := join(ctx, g); err != nil {
		return err
	}
	fd, err := g.FD()
	if err != nil {
		return err
	}
	close(joined)
	for ctx.Err() == nil {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		at := time.Now()
		events, _, err := g.Dispatch()
		if err != nil {
			return err
		}
		for _, e := range events {
			if ring, ok := e.(libcorosync.RingChanged); ok {
				select {
				case w.rings <- ringAt{at, ring.Nodes}:
				case <-ctx.Done():
				}
			}
		}
	}
	return ctx.Err()
}

// await returns when a ring began that has a node, or has it not.
func (w *ringWatch) await(ctx context.Context, n *playground.Node, has bool) (time.Time, error) {
	for {
		select {
		case r, ok := <-w.rings:
			if !ok {
				return time.Time{}, fmt.Errorf("cannot hear of corosync's rings: %w", w.err)
			}
			if slices.Contains(r.nodes, uint32(n.Index)) == has {
				return r.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("waited in vain for a ring with %s: %t: %w", n.Name, has, ctx.Err())
		}
	}
}
