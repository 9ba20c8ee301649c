package corosync

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const group = "fenced:test"

// members says that the last list of the group's members has exactly these nodes.
func members(l Log, nodes ...uint32) bool {
	var got []uint32
	for _, e := range l.Group {
		if c, ok := e.(libcorosync.GroupChanged); ok {
			got = got[:0]
			for _, p := range c.Members {
				got = append(got, p.Node)
			}
		}
	}
	slices.Sort(got)
	return slices.Equal(got, nodes)
}

// left finds how a node left the group, in events from a mark on.
func left(l Log, from int, node uint32) libcorosync.Reason {
	for _, e := range l.Group[from:] {
		if c, ok := e.(libcorosync.GroupChanged); ok {
			for _, p := range c.Left {
				if p.Node == node {
					return p.Reason
				}
			}
		}
	}
	return libcorosync.ReasonNone
}

// rings are the last rings of both streams.
func rings(l Log) (cpg libcorosync.RingChanged, quorum libcorosync.QuorumChanged) {
	for _, e := range l.Group {
		if r, ok := e.(libcorosync.RingChanged); ok {
			cpg = r
		}
	}
	for _, e := range l.Quorum {
		if q, ok := e.(libcorosync.QuorumChanged); ok {
			quorum = q
		}
	}
	return cpg, quorum
}

// inRing says that both streams show the same ring of exactly these nodes.
func inRing(l Log, quorate bool, nodes ...uint32) bool {
	r, q := rings(l)
	return r.Ring == q.Ring && r.Ring != (libcorosync.RingID{}) && q.Quorate == quorate && same(r.Nodes, nodes) && same(q.Nodes, nodes)
}

func same(a, b []uint32) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// three is a cluster of three in one ring, with a watcher on each node.
func three(t *testing.T) (*Cluster, []*Watcher) {
	c := New(t, Options{Nodes: 3})
	c.Start()
	var ws []*Watcher
	for _, n := range c.Nodes() {
		ws = append(ws, n.Watch(group))
	}
	settled(ws, 1, 2, 3)
	return c, ws
}

func settled(ws []*Watcher, nodes ...uint32) {
	for _, w := range ws {
		w.Await(fmt.Sprintf("ring and group of %v", nodes), func(l Log) bool { return inRing(l, true, nodes...) && members(l, nodes...) })
	}
}

func TestJoinMessageAndLeave(t *testing.T) {
	_, ws := three(t)
	var ring libcorosync.RingID
	for _, w := range ws {
		w.Await("the same ring id everywhere", func(l Log) bool {
			r, _ := rings(l)
			if ring == (libcorosync.RingID{}) {
				ring = r.Ring
			}
			return r.Ring == ring
		})
	}
	for _, w := range ws {
		for i := range 5 {
			must(t, Retry(func() error {
				return w.Call(func(g *libcorosync.Group) error { return g.Send(fmt.Appendf(nil, "%d of %d", i, w.Node.ID)) })
			}))
		}
	}
	var order [][]string
	for _, w := range ws {
		var got []string
		w.Await("15 messages", func(l Log) bool {
			got = got[:0]
			for _, e := range l.Group {
				if d, ok := e.(libcorosync.Delivered); ok {
					got = append(got, fmt.Sprintf("%s from %d", d.Data, d.From.Node))
				}
			}
			return len(got) == 15
		})
		order = append(order, got)
	}
	if !slices.Equal(order[0], order[1]) || !slices.Equal(order[0], order[2]) || !slices.Contains(order[0], "4 of 3 from 3") {
		t.Errorf("the order differs:\n%v\n%v\n%v", order[0], order[1], order[2])
	}
	from, _ := ws[0].Mark()
	must(t, Retry(func() error { return ws[2].Call(func(g *libcorosync.Group) error { return g.Leave(group) }) }))
	ws[0].Await("LEAVE of node 3", func(l Log) bool { return left(l, from, 3) == libcorosync.ReasonLeave && members(l, 1, 2) })
	from, _ = ws[0].Mark()
	ws[1].Close() // the connection ends without a leave, as that of a process that dies
	ws[0].Await("PROCDOWN of node 2", func(l Log) bool { return left(l, from, 2) == libcorosync.ReasonProcDown && members(l, 1) })
	ws[0].Await("the ring as it was", func(l Log) bool { r, _ := rings(l); return r.Ring == ring })
}

// kill -9 of a corosync: its clients learn it from their connection, the others by NODEDOWN and a new ring, in both streams.
func TestKilledCorosync(t *testing.T) {
	c, ws := three(t)
	from, _ := ws[0].Mark()
	c.Node(3).Kill()
	ws[2].Await("the end of its corosync", func(l Log) bool {
		var s libcorosync.Status
		return errors.As(l.Err, &s) && s.Gone()
	})
	for _, w := range ws[:2] {
		w.Await("ring of two", func(l Log) bool { return inRing(l, true, 1, 2) && members(l, 1, 2) })
	}
	ws[0].Await("NODEDOWN of node 3", func(l Log) bool { return left(l, from, 3) == libcorosync.ReasonNodeDown })
	c.Node(3).Start()
	back := c.Node(3).Watch(group)
	settled([]*Watcher{ws[0], ws[1], back}, 1, 2, 3)
}

// A corosync that is stopped longer than its token and runs on: the others lose it; it finds itself outside and comes back, and is told that they
// left and joined. It is never told that it lost quorum, which is why a daemon must see its own gap.
func TestFrozenCorosync(t *testing.T) {
	c, ws := three(t)
	_, from := ws[2].Mark()
	c.Node(3).Freeze()
	for _, w := range ws[:2] {
		w.Await("ring of two", func(l Log) bool { return inRing(l, true, 1, 2) && members(l, 1, 2) })
	}
	c.Node(3).Thaw()
	settled(ws, 1, 2, 3)
	ws[2].Await("being told that the others were away", func(l Log) bool {
		for _, e := range l.Quorum[from:] {
			if n, ok := e.(libcorosync.NodesChanged); ok && same(n.Left, []uint32{1, 2}) {
				return true
			}
		}
		return false
	})
}

func TestCutMinorityLosesQuorumAndHeals(t *testing.T) {
	c, ws := three(t)
	c.Cut(1, 2)
	c.Cut(1, 3)
	ws[0].Await("a ring of its own, not quorate", func(l Log) bool { return inRing(l, false, 1) && members(l, 1) })
	for _, w := range ws[1:] {
		w.Await("ring of two", func(l Log) bool { return inRing(l, true, 2, 3) && members(l, 2, 3) })
	}
	c.Heal()
	settled(ws, 1, 2, 3)
}

// A corosync whose ring does not move takes some messages and then says TRY_AGAIN: what it did not take is sent again when it does, and comes once.
func TestTryAgainIsFlowControl(t *testing.T) {
	c, ws := three(t)
	c.Node(2).Freeze() // nothing is delivered until the ring is without it
	taken := 0
	padding := strings.Repeat(" ", 60<<10) // long messages fill the queue soon, on a slow machine too
	must(t, ws[0].Call(func(g *libcorosync.Group) error {
		for taken < 5000 {
			err := g.Send(fmt.Appendf(nil, "%d%s", taken, padding))
			if errors.Is(err, libcorosync.TryAgain) {
				return nil
			}
			if err != nil {
				return err
			}
			taken++
		}
		return errors.New("corosync took 300 MB at once")
	}))
	must(t, Retry(func() error { return ws[0].Call(func(g *libcorosync.Group) error { return g.Send([]byte("at last")) }) }))
	for _, w := range []*Watcher{ws[0], ws[2]} {
		w.Await("the last message", func(l Log) bool {
			return slices.ContainsFunc(l.Group, func(e libcorosync.GroupEvent) bool {
				d, ok := e.(libcorosync.Delivered)
				return ok && string(d.Data) == "at last"
			})
		})
		w.Await("every message once, in order", func(l Log) bool {
			next := 0
			for _, e := range l.Group {
				d, ok := e.(libcorosync.Delivered)
				if !ok || string(d.Data) == "at last" {
					continue
				}
				if got := strings.TrimSpace(string(d.Data)); got != fmt.Sprint(next) {
					t.Fatalf("message %q where %d was due", got, next)
				}
				next++
			}
			return next == taken
		})
	}
	c.Node(2).Thaw()
	settled(ws, 1, 2, 3)
}

func TestNodelistVotesAndKeys(t *testing.T) {
	c, _ := three(t)
	must(t, c.Node(2).Do(func() error {
		m, err := libcorosync.OpenMap()
		if err != nil {
			return err
		}
		defer m.Close()
		for i, n := range c.Nodes() {
			name, err := m.Text(fmt.Sprintf("nodelist.node.%d.name", i))
			if err != nil || name != n.Name() {
				t.Errorf("name %d is %q, %v", i, name, err)
			}
			address, err := m.Text(fmt.Sprintf("nodelist.node.%d.ring0_addr", i))
			if err != nil || address != n.Address() {
				t.Errorf("address %d is %q, %v", i, address, err)
			}
			id, err := m.Number(fmt.Sprintf("nodelist.node.%d.nodeid", i))
			if err != nil || id != uint64(n.ID) {
				t.Errorf("id %d is %d, %v", i, id, err)
			}
		}
		if token, err := m.Number("runtime.config.totem.token"); err != nil || token != uint64(c.opt.Token.Milliseconds()) {
			t.Errorf("token is %d, %v", token, err)
		}
		if _, err := m.Text("nodelist.node.9.name"); !errors.Is(err, libcorosync.NotExist) {
			t.Errorf("a node that is not there: %v", err)
		}
		if _, err := m.Number("totem.cluster_name"); err == nil {
			t.Error("a text was read as a number")
		}
		keys, err := m.Keys("nodelist.node.")
		if err != nil || len(keys) != 9 || !slices.Contains(keys, "nodelist.node.2.nodeid") {
			t.Errorf("keys %v, %v", keys, err)
		}
		v, err := libcorosync.OpenVoteQuorum()
		if err != nil {
			return err
		}
		defer v.Close()
		votes, err := v.Votes(3)
		if err != nil || votes.Node != 3 || votes.State != libcorosync.NodeMember || votes.Votes != 1 || votes.Total != 3 || votes.Quorum != 2 ||
			votes.Flags&libcorosync.FlagQuorate == 0 || votes.Flags&libcorosync.FlagTwoNode != 0 || votes.DeviceName != "" {
			t.Errorf("votes %+v, %v", votes, err)
		}
		return nil
	}))
}

// Ending another node's corosync by a message: that node's clients see it go, the ring is without it.
func TestKillNode(t *testing.T) {
	c, ws := three(t)
	must(t, c.Node(1).Do(func() error { return libcorosync.KillNode(3, "a test") }))
	ws[2].Await("the end of its corosync", func(l Log) bool { return l.Err != nil })
	for _, w := range ws[:2] {
		w.Await("ring of two", func(l Log) bool { return inRing(l, true, 1, 2) })
	}
	if err := c.Node(1).Do(func() error { return libcorosync.KillNode(3, "again") }); !errors.Is(err, libcorosync.NotExist) {
		t.Errorf("killing who is not there: %v", err)
	}
}

func TestTwoNodeFlagsAreSeen(t *testing.T) {
	c := New(t, Options{Nodes: 2, Quorum: "  two_node: 1\n"})
	c.Start()
	ws := []*Watcher{c.Node(1).Watch(group), c.Node(2).Watch(group)}
	settled(ws, 1, 2)
	must(t, c.Node(1).Do(func() error {
		v, err := libcorosync.OpenVoteQuorum()
		if err != nil {
			return err
		}
		defer v.Close()
		votes, err := v.Votes(1)
		if want := libcorosync.FlagTwoNode | libcorosync.FlagWaitForAll; err != nil || votes.Flags&want != want || votes.Quorum != 1 {
			t.Errorf("votes %+v, %v", votes, err)
		}
		return nil
	}))
}

// A corosync without a quorum provider would be quorate whatever happens: nobody may rely on it.
func TestNoQuorumProviderIsRefused(t *testing.T) {
	c := New(t, Options{Nodes: 1, NoProvider: true})
	c.Start()
	must(t, c.Node(1).Do(func() error {
		var g *libcorosync.Group
		if err := Retry(func() (err error) { g, err = libcorosync.OpenGroup(); return err }); err != nil {
			return err
		}
		defer g.Close()
		if _, err := libcorosync.OpenQuorum(); !errors.Is(err, libcorosync.ErrNoQuorumProvider) {
			t.Errorf("a connection without a quorum provider: %v", err)
		}
		return nil
	}))
}
