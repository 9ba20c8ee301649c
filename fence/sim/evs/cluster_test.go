package evs

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// cluster is the real machines of membership/corosync/agreement over this model, and nothing else: disks that finish writes when they like and
// forget what they had not finished, daemons and corosyncs that end and start, whatever the seed draws.
type cluster struct {
	t     *testing.T
	rnd   *rand.Rand
	net   *Model
	now   int64
	nodes []*daemon
	truth truth
	part  []int                      // which side each node is on
	two   *two                       // corosync has two_node; nil for no
	views map[uint64]membership.View // by index: a snapshot tells a reader of no view
}

// daemon is one node: its disk and, if it runs, its machine.
type daemon struct {
	c       *cluster
	i       int
	id      fence.NodeID
	disk    agreement.Durable
	store   string
	starts  uint64
	m       *agreement.Machine // nil: it does not run
	joined  bool               // it is connected to its corosync
	self    membership.Self
	writes  []agreement.Write
	number  uint64
	open    map[uint64]bool
	view    membership.View
	collect []agreement.Log
	ticked  int64
	lost    string
	frozen  bool // its corosync, and with it the daemon, do nothing
	stuck   bool // its disk finishes nothing
	late    bool // it hears of quorum late
	pids    uint32
	fresh   bool // its store was wiped and is in no view yet
	boots   int  // with two_node: how often its power was cut
	reads   reader
}

// reader makes a state of what is committed, as a daemon does; nil for none.
type reader interface {
	read(e membership.Event)
	state() []byte
}

func newCluster(t *testing.T, seed uint64, n int) *cluster { return makeCluster(t, seed, n, nil) }

func makeCluster(t *testing.T, seed uint64, n int, two *two) *cluster {
	c := &cluster{two: two, views: map[uint64]membership.View{}, t: t, rnd: rand.New(rand.NewPCG(seed, 11)), now: 1000, part: make([]int, n)}
	cfg := Config{Chance: c.rnd.IntN, TwoNode: two != nil}
	for i := range n {
		cfg.Nodes = append(cfg.Nodes, fence.NodeID(i+1))
		c.nodes = append(c.nodes, &daemon{c: c, i: i, id: fence.NodeID(i + 1), store: fmt.Sprintf("store-%d", i+1)})
	}
	c.net = New(cfg)
	c.truth = truth{t: t, need: n/2 + 1, lines: map[uint64]string{}, once: map[string]uint64{}, stable: map[uint64]map[string]map[int]bool{}}
	for _, d := range c.nodes {
		c.net.Up(d.i)
		d.start()
	}
	if err := c.nodes[0].m.Bootstrap("domain", c.now); err != nil {
		t.Fatal(err)
	}
	c.nodes[0].effects()
	c.form()
	return c
}

// form makes the rings that the network allows now. A frozen corosync is left out, and believes that nothing happened.
func (c *cluster) form() {
	parts := map[int][]int{}
	for i, side := range c.part {
		if !c.nodes[i].frozen {
			parts[side] = append(parts[side], i)
		}
	}
	for side := range len(c.part) {
		c.net.Form(parts[side])
	}
}

func (d *daemon) start() {
	d.starts++
	d.pids++
	d.self = membership.Self{Node: d.id, Boot: fmt.Sprintf("boot-%d-%d", d.id, d.starts/3), Instance: fmt.Sprintf("run-%s-%d", d.store, d.starts)}
	if d.c.two != nil {
		d.self.Boot = fmt.Sprintf("boot-%d-%d", d.id, d.boots)
	}
	d.writes, d.collect, d.number, d.open, d.view, d.lost, d.ticked = nil, nil, 0, map[uint64]bool{}, membership.View{}, "", 0
	m, err := agreement.New(agreement.Config{
		Self: d.self, Store: d.store, Starts: d.starts, FailMS: 500, LeaseMS: 500, JoinMS: 20,
	}, clone(d.disk), d.c.now)
	if err != nil {
		d.c.t.Fatalf("node %d does not start: %v", d.id, err)
	}
	d.m = m
	d.effects()
	d.connect()
}

func (d *daemon) connect() {
	if d.m == nil || d.joined || !d.c.net.Running(d.i) {
		return
	}
	d.joined = true
	d.m.Votes(1, len(d.c.nodes)/2+1, d.c.now)
	d.m.Two(d.c.two != nil, 0, d.c.now)
	d.effects()
	d.c.net.Connect(d.i, d.pids)
}

// crash ends the daemon; some of what it was writing reached the disk.
func (d *daemon) crash() {
	if d.m == nil {
		return
	}
	for range d.c.rnd.IntN(len(d.writes) + 1) {
		if !d.stuck {
			d.write()
		}
	}
	d.m = nil
	if d.joined {
		d.joined = false
		d.c.net.Disconnect(d.i, agreement.Left{How: membership.HowProcessGone})
	}
}

// corosync ends the corosync of this node, with or without that the others notice what it takes with it.
func (d *daemon) corosync(ghost bool) {
	if !d.c.net.Running(d.i) {
		return
	}
	if ghost {
		d.c.net.Ghost(d.i)
	} else {
		d.c.net.Down(d.i)
	}
	d.joined = false
	d.pids++
	if d.m != nil {
		d.m.Disconnected(d.c.now)
		d.effects()
	}
}

func clone(v agreement.Durable) (out agreement.Durable) {
	b, _ := json.Marshal(v)
	_ = json.Unmarshal(b, &out)
	return out
}

func (d *daemon) write() uint64 {
	w := d.writes[0]
	d.writes = d.writes[1:]
	c := w.Change
	d.disk.Meta = c.Meta
	if c.Snapshot != nil {
		d.disk.Snapshot, d.disk.SnapAt = c.Snapshot, c.SnapAt
		d.disk.Entries = slices.DeleteFunc(d.disk.Entries, func(e agreement.Entry) bool { return e.Index <= c.SnapAt })
	}
	if c.Cut {
		d.disk.Entries = slices.DeleteFunc(d.disk.Entries, func(e agreement.Entry) bool { return e.Index > c.After })
	}
	for _, e := range c.Append {
		d.disk.Entries = append(d.disk.Entries, e)
		d.c.truth.wrote(d.i, e)
	}
	return w.Seq
}

// finish brings the oldest write to its end, and says so.
func (d *daemon) finish() {
	seq := d.write()
	d.m.Written(seq, d.c.now)
	d.effects()
}

// effects does what the machine wants. Every tenth message goes through its wire format.
func (d *daemon) effects() {
	for _, e := range d.m.Effects() {
		switch e := e.(type) {
		case agreement.Send:
			msg := e.Message
			if d.c.rnd.IntN(10) == 0 {
				b, err := msg.Encode()
				if err == nil {
					msg, err = agreement.Decode(b)
				}
				if err != nil {
					d.c.t.Fatalf("node %d sends what cannot be read: %v", d.id, err)
				}
			}
			d.c.net.Send(d.i, msg)
		case agreement.Write:
			d.writes = append(d.writes, e)
		case agreement.Tell:
			d.told(e.Event)
		case agreement.Collect:
			d.collect = append(d.collect, e.Log)
		}
	}
}

func (d *daemon) told(e membership.Event) {
	if d.reads != nil {
		d.reads.read(e)
	}
	switch e := e.(type) {
	case membership.ViewInstalled:
		d.c.truth.line(d, e.Index, fmt.Sprintf("view %+v", e.View))
		d.view = e.View
		d.c.views[e.Index] = e.View
		if slices.ContainsFunc(e.View.Members, func(m membership.Member) bool { return m.Instance == d.self.Instance }) {
			d.lost = ""
		}
		d.fresh = d.fresh && !slices.ContainsFunc(e.View.Members, func(m membership.Member) bool { return m.Instance == d.self.Instance })
	case membership.Committed:
		d.c.truth.committed(d, e)
	case membership.Outcome:
		if !d.open[e.Number] {
			d.c.t.Fatalf("node %d: an outcome of %d, which is not open", d.id, e.Number)
		}
		if _, in := d.c.truth.once[key(d.self.Instance, e.Number)]; e.Delivered && !in {
			d.c.t.Fatalf("node %d: %d is said to be delivered and is not", d.id, e.Number)
		}
		delete(d.open, e.Number)
	case membership.QuorumLost:
		d.lost = e.Why
		if e.Final {
			d.c.t.Fatalf("node %d is broken: %s", d.id, e.Why)
		}
	case membership.QuorumHeld:
		d.lost = ""
	case membership.NewInstance:
		d.self.Instance = e.Instance
	case membership.Parted:
		d.c.two.parted(d, e)
	}
}

// step lets one thing happen at a node.
func (d *daemon) step() {
	c, net := d.c, d.c.net
	if d.frozen {
		return
	}
	switch c.rnd.IntN(6) {
	case 0, 1:
		for range c.rnd.IntN(5) {
			if net.Running(d.i) {
				net.Arrive(d.i, net.RingOf(d.i), net.Received(d.i)+1+c.rnd.IntN(2))
			}
			if e, ok := net.NextOfGroup(d.i); ok && d.m != nil {
				d.hear(e)
			}
		}
	case 2:
		net.Sequence(d.i)
	case 3:
		if len(d.writes) > 0 && !d.stuck && d.m != nil {
			d.finish()
		}
	case 4:
		if d.late && c.rnd.IntN(200) > 0 {
			return
		}
		if q, ok := net.NextOfQuorum(d.i); ok && d.m != nil {
			d.m.Quorum(q.Ring, q.Quorate, c.now)
			d.effects()
		}
	case 5:
		d.tick()
	}
}

func (d *daemon) hear(e Event) {
	now := d.c.now
	switch {
	case e.Message != nil:
		d.m.Deliver(e.From, *e.Message, now)
	case e.Ring != nil:
		d.m.Ring(e.Ring.ID, e.Ring.Nodes, now)
	default:
		d.m.Group(e.Group, e.Left, now)
	}
	d.effects()
}

func (d *daemon) tick() {
	if d.m == nil {
		return
	}
	d.connect()
	if d.c.now-d.ticked > 60 {
		d.ticked = d.c.now
		d.m.Tick(0, true, d.c.now)
		d.effects()
	}
	if len(d.collect) > 0 {
		l := d.collect[0]
		d.collect = d.collect[1:]
		state := []byte("{}")
		if d.reads != nil {
			state = d.reads.state()
		}
		if err := d.m.Compacted(l, state, d.c.now); err != nil {
			d.c.t.Fatal(err)
		}
		d.effects()
	}
}

func (d *daemon) propose() {
	if d.m == nil {
		return
	}
	d.proposeData(fmt.Appendf(nil, "%d", d.c.rnd.IntN(1000)))
}

func (d *daemon) proposeData(data []byte) {
	d.number++
	if err := d.m.Propose(d.number, data, d.c.now+1_000_000, d.c.now); err == nil {
		d.open[d.number] = true
	}
	d.effects()
}
