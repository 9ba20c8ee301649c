package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fenced-project/fenced/client"
)

// Cluster is a running cluster. Its methods are safe for concurrent use.
type Cluster struct {
	opt     Options
	owner   owner
	dir     string
	net     *network
	guard   *guard
	nodes   []*Node
	seated  []*Node // those that AwaitClean waits for
	bmcs    []*BMC
	began   time.Time
	record  *record
	follow  *follower
	stopped sync.Once
	stopErr error
}

// Start builds a cluster and returns when all nodes are clean members and (unless Disarmed) the cluster is armed. On an error nothing is
// left, and the error carries the end of the logs. ctx bounds the start only; Stop ends the cluster.
func Start(ctx context.Context, opt Options) (*Cluster, error) {
	if err := opt.fill(); err != nil {
		return nil, err
	}
	if err := sweepStale(); err != nil {
		fmt.Fprintf(opt.Log, "cannot sweep what earlier runs left: %v\n", err)
	}
	o, err := newOwner()
	if err != nil {
		return nil, err
	}
	c := &Cluster{opt: opt, owner: o, dir: opt.Dir, began: time.Now(), record: newRecord()}
	if c.dir == "" {
		c.dir = tempDir(o)
	}
	if err := emptyDir(c.dir); err != nil {
		return nil, err
	}
	if c.guard, err = startGuard(opt.fencedDev(), o); err != nil {
		_ = sweep(o)
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		err = fmt.Errorf("cannot start the cluster: %w\n%s", err, c.LogTails(15))
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// emptyDir makes a directory for one cluster; one that holds anything already is refused, because Stop and the logs assume it is ours.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make %s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("cannot use %s: it is not empty", dir)
	}
	return nil
}

func (c *Cluster) start(ctx context.Context) error {
	abs, err := filepath.Abs(c.dir)
	if err != nil {
		return err
	}
	c.dir = abs
	c.plan()
	if c.opt.Netns {
		s, err := buildSpaces(c.owner, c.opt.Nodes, len(c.bmcs))
		if err != nil {
			return err
		}
		c.net = &network{spaces: &s}
	} else if c.net, err = loopback(c.opt.Nodes, len(c.bmcs)); err != nil {
		return err
	}
	if err := c.writeFiles(); err != nil {
		return err
	}
	for _, b := range c.bmcs {
		if err := b.start(ctx); err != nil {
			return err
		}
	}
	return c.boot(ctx)
}

// plan names nodes and BMCs.
func (c *Cluster) plan() {
	for i := 1; i <= c.opt.Nodes; i++ {
		n := &Node{cluster: c, Index: i, Name: fmt.Sprintf("node-%d", i), uuid: newUUID()}
		n.client = client.New(n.Socket(), "fenced-dev")
		c.nodes = append(c.nodes, n)
		for k, spec := range c.opt.BMCs(i) {
			b := &BMC{cluster: c, node: n, spec: spec, number: len(c.bmcs), Name: fmt.Sprintf("bmc-%d", i)}
			if k > 0 {
				b.Name += "-" + string(rune('a'+k))
			}
			c.bmcs = append(c.bmcs, b)
			n.bmcs = append(n.bmcs, b)
		}
	}
}

// first are the nodes that the cluster begins with.
func (c *Cluster) first() []*Node { return c.nodes[:c.opt.Nodes-c.opt.Spare] }

// Seat says who is to be a member from now on: AwaitClean waits for them, and for nobody else. Not while somebody waits.
func (c *Cluster) Seat(nodes ...*Node) { c.seated = nodes }

// boot gives power, makes the domain, waits until everybody is clean, and arms.
func (c *Cluster) boot(ctx context.Context) error {
	c.seated = c.first()
	c.say("power on for %d machines", len(c.seated))
	for _, n := range c.first() {
		if err := n.switchPower(ctx, "on"); err != nil {
			return err
		}
	}
	for _, n := range c.first() {
		if err := n.awaitSocket(ctx); err != nil {
			return err
		}
	}
	if err := c.startLate(ctx); err != nil {
		return err
	}
	c.follow = c.startFollower()
	c.say("bootstrap on %s", c.nodes[0].Name)
	if err := c.bootstrap(ctx); err != nil {
		return err
	}
	if err := c.AwaitClean(ctx); err != nil {
		return err
	}
	c.say("%d clean members", len(c.seated))
	if c.opt.Disarmed {
		return nil
	}
	if err := c.arm(ctx); err != nil {
		return err
	}
	c.say("armed")
	return nil
}

// Stop ends everything and waits until it is gone. It may be called more than once.
func (c *Cluster) Stop() error {
	c.stopped.Do(func() {
		if c.follow != nil {
			c.follow.stop()
		}
		for _, b := range c.bmcs {
			b.stop()
		}
		err := sweep(c.owner)
		for _, n := range c.nodes {
			n.client.Close()
		}
		c.stopErr = errors.Join(err, c.guard.stop())
	})
	return c.stopErr
}

// Node returns node i, counted from 1; it panics where there is none, as a slice would.
func (c *Cluster) Node(i int) *Node { return c.nodes[i-1] }

// Nodes returns all nodes in the order of their ids.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Named returns the node with this name.
func (c *Cluster) Named(name string) (*Node, bool) {
	for _, n := range c.nodes {
		if n.Name == name {
			return n, true
		}
	}
	return nil, false
}

// BMC returns the first BMC of node i.
func (c *Cluster) BMC(i int) *BMC { return c.nodes[i-1].bmcs[0] }

// BMCs returns all BMCs.
func (c *Cluster) BMCs() []*BMC { return c.bmcs }

// Dir is the cluster's directory.
func (c *Cluster) Dir() string { return c.dir }

// Since is the time since the cluster was begun, the scale of Event.Since.
func (c *Cluster) Since() time.Duration { return time.Since(c.began) }

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

func (c *Cluster) say(format string, args ...any) {
	fmt.Fprintf(c.opt.Log, format+"\n", args...)
}
