package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fenced-project/fenced/client"
)

// size is how many daemons run: the smallest cluster that survives one of them.
const size = 3

// The timings of every cluster here: the product's own defaults, but for post_join_delay where nodes stay away on purpose.
const (
	failureTimeout = 2 * time.Second
	pingInterval   = 250 * time.Millisecond
	settle         = 10 * time.Millisecond // of the good device, as the dummy plugin describes itself
)

// layout is what a cluster is made of beside its three daemons.
type layout struct {
	spares []spare // configured nodes that never run: what is asked for them goes to their devices
	leader int     // the node on which the domain is made, which leads it
}

// spare is a node of the configuration alone. Its machine is declared there, so that a device's identity proves that it is meant (R16 a).
type spare struct {
	name   string
	levels []string
}

// cluster is three daemons on the loopback with dummy devices.
type cluster struct {
	layout
	dir   string // everything of it; short is for run directories, whose sockets must have short names
	short string
	tag   string // in the environment of all its processes
	guard *guard
	build string
	nodes []*node
	net   int // second number of its loopback addresses
	uuids map[string]string
}

var clusters atomic.Int64

// start makes a cluster and returns when all are members, it is armed, and the wanted node leads. ctx bounds the start only.
func (r *run) start(ctx context.Context, l layout) (*cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	seq := clusters.Add(1)
	tag, err := clusterTag(seq)
	if err != nil {
		return nil, err
	}
	c := &cluster{layout: l, tag: tag, build: r.build, dir: filepath.Join(os.TempDir(), tag), uuids: map[string]string{}}
	c.net = (os.Getpid() + int(seq)) % 250
	sweepMemory()
	c.short = shortDir(tag)
	if err := os.Mkdir(c.short, 0o700); err != nil {
		return nil, err
	}
	if c.guard, err = startGuard(filepath.Join(r.build, "fenced-dev"), tag); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.short))
	}
	if err := c.boot(ctx); err != nil {
		err = fmt.Errorf("cannot start the cluster: %w%s", err, c.tails())
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *cluster) boot(ctx context.Context) error {
	if err := c.files(); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := n.answers(ctx); err != nil {
			return err
		}
		n.follow()
	}
	boss := c.nodes[max(c.leader, 1)-1].client
	if _, err := boss.Bootstrap(ctx, client.Bootstrap{Cluster: clusterName}); err != nil {
		return fmt.Errorf("cannot bootstrap: %w", err)
	}
	if err := c.members(ctx); err != nil {
		return err
	}
	if _, err := boss.Arm(ctx, client.Arm{Armed: true, Reason: "bench"}); err != nil {
		return fmt.Errorf("cannot arm: %w", err)
	}
	return c.until(ctx, "every node to be armed", func(s client.Status) bool { return s.Armed })
}

// members waits until every daemon sees every daemon as a member with the life that it has now.
func (c *cluster) members(ctx context.Context) error {
	return c.until(ctx, "three members", func(s client.Status) bool {
		clean := 0
		for _, m := range s.Nodes {
			for _, n := range c.nodes {
				if m.Name == n.name && m.State == client.StateMember && m.BootID == n.boot {
					clean++
				}
			}
		}
		return clean == size && s.Quorate
	})
}

// until asks every node, many times in a second, until all of them answer what is wanted.
func (c *cluster) until(ctx context.Context, what string, ok func(client.Status) bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		good := 0
		for _, n := range c.nodes {
			one, cancel := context.WithTimeout(ctx, time.Second)
			s, err := n.client.Status(one)
			cancel()
			if err == nil && ok(s) {
				good++
			}
		}
		if good == len(c.nodes) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, ctx.Err())
		}
	}
}

// leads is the name of the node that leads, as the first that answers says.
func (c *cluster) leads(ctx context.Context) string {
	for _, n := range c.nodes {
		one, cancel := context.WithTimeout(ctx, time.Second)
		s, err := n.client.Status(one)
		cancel()
		if err == nil && s.Ring != "" {
			return s.Ring[len("leader "):]
		}
	}
	return ""
}

// stop ends everything and removes it.
func (c *cluster) stop() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.stop())
	}
	return errors.Join(append(errs, c.guard.stop(), os.RemoveAll(c.dir), os.RemoveAll(c.short), os.RemoveAll(filepath.Join(memory, c.tag)))...)
}

// files makes the directory of the cluster: key, devices, and each node's fake system.
func (c *cluster) files() error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	for _, dir := range []string{c.dir, c.devices()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(c.dir, "authkey"), []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		return err
	}
	for i := 1; i <= size; i++ {
		n := &node{cluster: c, id: i, name: fmt.Sprintf("node-%d", i), dir: filepath.Join(c.dir, fmt.Sprint(i)), run: filepath.Join(c.short, fmt.Sprint(i))}
		n.client = client.New(n.socket(), "bench")
		c.nodes = append(c.nodes, n)
		if err := c.device(n.name); err != nil {
			return err
		}
	}
	for _, s := range c.spares {
		if err := c.device(s.name); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := n.files(); err != nil {
			return err
		}
	}
	return nil
}

// devices is where the dummy plugin keeps what is on: in memory where there is such a place, because a disk that the daemons' logs keep busy
// would make a slow device of it, and the device's own time is not what is measured.
func (c *cluster) devices() string {
	if st, err := os.Stat(memory); err == nil && st.IsDir() {
		return filepath.Join(memory, c.tag, "power")
	}
	return filepath.Join(c.dir, "power")
}

const memory = "/dev/shm"

// device makes the machine of a node, as the dummy plugin sees it: on, with an identity.
func (c *cluster) device(name string) error {
	c.uuids[name] = newUUID()
	if err := os.WriteFile(filepath.Join(c.devices(), name), []byte("on"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.devices(), name+".uuid"), []byte(c.uuids[name]), 0o600)
}

// newUUID returns a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
