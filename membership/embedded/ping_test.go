package embedded

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

var testKey = []byte("ping key of a test, thirty-two b")

func testPing() ping {
	return ping{
		Protocol: Protocol, Domain: "d", Node: 2, Boot: "b", Instance: "i", Store: "s", Starts: 1, Seq: 5, Healthy: true,
		Acks: []ack{{1, tag("t"), 3}}, Rows: []row{{Node: 2, Tag: tag("t"), Heard: []fence.NodeID{1, 3}}},
	}
}

func TestPingFrame(t *testing.T) {
	b, err := encodePing(testPing(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := decodePing(b, testKey); err != nil || p.Seq != 5 || p.Node != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	for i := range b { // every bit counts
		c := slices.Clone(b)
		c[i] ^= 1
		if _, err := decodePing(c, testKey); err == nil {
			t.Fatalf("byte %d changed and nobody noticed", i)
		}
	}
	if _, err := decodePing(b, []byte("another key")); !errors.Is(err, errPingKey) {
		t.Errorf("another key: %v", err)
	}
	old := testPing()
	old.Protocol = Protocol + 1
	b, _ = encodePing(old, testKey)
	if _, err := decodePing(b, testKey); err == nil {
		t.Error("another protocol was taken")
	}
}

// crowd is the ping of one of n nodes that all run, after a year. Where links are bad every row is another.
func crowd(n int, bad bool) ping {
	p := ping{
		Protocol: Protocol, Domain: strings.Repeat("d", 32), Node: fence.NodeID(n), Boot: strings.Repeat("b", 36), Instance: strings.Repeat("i", 32),
		Store: strings.Repeat("s", 32), Starts: 300, Seq: 1 << 27, Epoch: 1 << 30, Applied: 1 << 30, Position: position{1 << 20, 1 << 30}, DurableMS: 900, Healthy: true,
	}
	for id := fence.NodeID(1); id <= fence.NodeID(n); id++ {
		r := row{Node: id, Tag: tag(instanceOf(id)), Starts: 300, AgeMS: 240}
		for o := fence.NodeID(1); o <= fence.NodeID(n); o++ {
			if o != id && (!bad || (o+id)%5 != 0) {
				r.Heard = append(r.Heard, o)
			}
		}
		p.Rows = append(p.Rows, r)
		if id != p.Node {
			p.Acks = append(p.Acks, ack{Node: id, Tag: tag(instanceOf(id)), Seq: 1 << 27})
		}
	}
	return p
}

// A ping of the largest cluster fits into one packet everywhere, a ping of the worst day into one Ethernet frame up to forty nodes.
func TestPingFitsOnePacket(t *testing.T) {
	for _, c := range []struct {
		n     int
		bad   bool
		limit int
	}{{membership.MaxNodes, false, 1280 - 40 - 8}, {40, true, 1500 - 40 - 8}, {membership.MaxNodes, true, maxPing}} {
		b, err := encodePing(crowd(c.n, c.bad), testKey)
		if err != nil || len(b) > c.limit {
			t.Errorf("%d nodes, bad links %v: %d bytes, %v, limit %d", c.n, c.bad, len(b), err, c.limit)
		}
		t.Logf("%d nodes, bad links %v: %d bytes", c.n, c.bad, len(b))
		if p, err := decodePing(b, testKey); err != nil || !reflect.DeepEqual(p, crowd(c.n, c.bad)) {
			t.Errorf("%d nodes, bad links %v: not what was sent: %v", c.n, c.bad, err)
		}
	}
}

// Everything that a ping can say arrives as it was sent.
func TestPingSaysEverything(t *testing.T) {
	a, b := tag("a"), tag("b")
	for i, p := range []ping{
		{Node: 1, Instance: "i", Store: "s", Seq: 1},
		{Node: 4, Instance: "i", Store: "s", Seq: 1, Domain: "new", Was: []string{"old", "older"}},
		{Node: 4294967295, Instance: "i", Store: "s", Seq: 1 << 63, Acks: []ack{{7, a, 0}, {4294967295, b, 1}}},
		{Node: 3, Instance: "i", Store: "s", Seq: 1, Healthy: true, Acks: []ack{{1, a, 5}, {9, a, 5}}, Rows: []row{
			{Node: 1, Tag: b, Starts: 2}, {Node: 3, Tag: a, Starts: 1, AgeMS: 3, Heard: []fence.NodeID{1, 3, 9}}, {Node: 9, Tag: a, Heard: []fence.NodeID{1, 3}},
		}},
	} {
		p.Protocol = Protocol
		f, err := encodePing(p, testKey)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodePing(f, testKey); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%d: %+v arrives as %+v, %v", i, p, got, err)
		}
	}
}

// A ping of the protocol before is refused by its number.
func TestPingOfTheProtocolBefore(t *testing.T) {
	b := append(slices.Clone(pingMagic), Protocol-1)
	b = append(b, `{"v":1,"node":2,"inst":"i","store":"s","seq":1}`...)
	if _, err := decodePing(append(b, mac(b, testKey)...), testKey); err == nil || !strings.Contains(err.Error(), "ping of protocol 1, this is protocol 2") {
		t.Errorf("got %v", err)
	}
}

// matrix drives presences of n nodes against each other without a network.
type matrix struct {
	t   *testing.T
	ps  map[fence.NodeID]*presence
	seq uint64
	cut map[[2]fence.NodeID]bool
	off map[fence.NodeID]bool
	now int64
}

const (
	testFail = 2000
	testTick = 200
)

func newMatrix(t *testing.T, n int) *matrix {
	m := &matrix{t: t, ps: make(map[fence.NodeID]*presence), cut: make(map[[2]fence.NodeID]bool), off: make(map[fence.NodeID]bool), now: 1000}
	var nodes []NodeConfig
	for i := 1; i <= n; i++ {
		nodes = append(nodes, NodeConfig{ID: fence.NodeID(i), Votes: 1})
	}
	for _, x := range nodes {
		m.ps[x.ID] = newPresence(x.ID, instanceOf(x.ID), 1, nodes, testFail, testTick)
	}
	m.run(10)
	return m
}

func instanceOf(id fence.NodeID) string { return "i" + string(rune('0'+id)) }

// run lets everybody ping everybody, in order of ids, so many times. Lost drops single pings.
func (m *matrix) run(ticks int, lost ...[2]fence.NodeID) {
	for range ticks {
		m.round(nil, lost...)
	}
}

// round is one ping of everybody to everybody; anew are the instances of those that were started a second time.
func (m *matrix) round(anew map[fence.NodeID]string, lost ...[2]fence.NodeID) {
	m.now += testTick
	m.seq++
	for from := fence.NodeID(1); int(from) <= len(m.ps); from++ {
		if m.off[from] {
			continue
		}
		p := m.ps[from]
		p.tick(m.now, testFail)
		msg := ping{Node: from, Boot: "b", Instance: instanceOf(from), Store: "s", Starts: p.starts, Seq: m.seq, Healthy: true}
		if anew[from] != "" {
			msg.Instance = anew[from]
		}
		msg.Acks, msg.Rows = p.report(m.now)
		for to := fence.NodeID(1); int(to) <= len(m.ps); to++ {
			if to != from && !m.off[to] && !m.cut[[2]fence.NodeID{from, to}] && !slices.Contains(lost, [2]fence.NodeID{from, to}) {
				m.ps[to].heard(msg, m.now)
			}
		}
	}
}

// settled lets time pass until the set of a node has settled, and returns it with the time that took.
func (m *matrix) settled(id fence.NodeID, old []fence.NodeID) ([]fence.NodeID, int64) {
	start := m.now
	for range 40 {
		m.run(1)
		p := m.ps[id]
		if m.now-p.setSince >= p.settle && !slices.Equal(p.set, old) {
			return p.set, m.now - start
		}
	}
	m.t.Fatalf("node %d: nothing settled, set %v", id, m.ps[id].set)
	return nil, 0
}

func TestPresence(t *testing.T) {
	all := []fence.NodeID{1, 2, 3, 4, 5}
	t.Run("a dead node leaves within the failure timeout", func(t *testing.T) {
		m := newMatrix(t, 5)
		m.off[2] = true
		set, took := m.settled(4, all)
		if !slices.Equal(set, []fence.NodeID{1, 3, 4, 5}) || took > testFail+2*testTick || took < testFail/2 {
			t.Errorf("set %v after %d ms", set, took)
		}
	})
	t.Run("a node that missed the dead one's last pings is not taken for dead", func(t *testing.T) {
		m := newMatrix(t, 3)
		m.run(2, [2]fence.NodeID{1, 3}) // 3 misses the last two pings of 1
		m.off[1] = true
		set, _ := m.settled(2, []fence.NodeID{1, 2, 3})
		if !slices.Equal(set, []fence.NodeID{2, 3}) {
			t.Errorf("set %v settled: a healthy node would be fenced", set)
		}
	})
	t.Run("S5.5: all see the same matrix, also the one with the bad links", func(t *testing.T) {
		m := newMatrix(t, 5)
		for _, o := range []fence.NodeID{4, 5} {
			m.cut[[2]fence.NodeID{1, o}], m.cut[[2]fence.NodeID{o, 1}] = true, true
		}
		for _, id := range all {
			if set, _ := m.settled(id, all); !slices.Equal(set, []fence.NodeID{2, 3, 4, 5}) {
				t.Errorf("node %d sees %v", id, set)
			}
		}
	})
	t.Run("a link that works one way is broken", func(t *testing.T) {
		m := newMatrix(t, 3)
		m.cut[[2]fence.NodeID{3, 1}] = true
		if set, _ := m.settled(2, []fence.NodeID{1, 2, 3}); !slices.Equal(set, []fence.NodeID{1, 2}) {
			t.Errorf("set %v, the tie goes to the lowest ids", set)
		}
	})
	t.Run("a recording from before our start keeps nobody alive", func(t *testing.T) {
		m := newMatrix(t, 3)
		p := m.ps[1]
		p.heard(ping{
			Node: 3, Boot: "b", Instance: instanceOf(3), Store: "s", Starts: 1, Seq: 1e6, Healthy: true,
			Acks: []ack{{Node: 1, Tag: tag("our earlier run"), Seq: 9}}, Rows: []row{{Node: 3, Tag: tag(instanceOf(3)), Starts: 1, Heard: []fence.NodeID{1, 2}}},
		}, m.now)
		if p.hears(3, m.now) || p.mutual(1, 3, m.now) {
			t.Error("a ping that does not know this run of ours counts as contact")
		}
	})
	t.Run("an unhealthy node does not count", func(t *testing.T) {
		m := newMatrix(t, 3)
		p := m.ps[1]
		p.heard(ping{
			Node: 3, Boot: "b", Instance: instanceOf(3), Store: "s", Starts: 1, Seq: 1e6, Healthy: true, DurableMS: 1e6,
			Acks: []ack{{Node: 1, Tag: tag(instanceOf(1)), Seq: 9}},
		}, m.now)
		if p.hears(3, m.now) {
			t.Error("a node without a durable write for long counts")
		}
	})
	t.Run("an old number is a replay", func(t *testing.T) {
		m := newMatrix(t, 3)
		msg := ping{Node: 2, Boot: "b", Instance: instanceOf(2), Store: "s", Starts: 1, Seq: 1}
		if m.ps[1].heard(msg, m.now) {
			t.Error("a replayed ping was taken")
		}
		msg.Instance, msg.Starts, msg.Seq = "older", 0, 1e9
		if m.ps[1].heard(msg, m.now) {
			t.Error("a ping of an earlier start was taken")
		}
	})
}

// R14: acknowledgements of a majority renew; a denied life is not acknowledged; own votes that are a quorum do not count.
func TestLeaseOfMajority(t *testing.T) {
	m := newMatrix(t, 3)
	if got := m.ps[1].lease(m.seq); got == 0 || got > m.seq {
		t.Errorf("lease at %d of %d", got, m.seq)
	}
	m.ps[2].denied[fence.Incarnation{Node: 1, Boot: "b"}] = true
	m.ps[3].denied[fence.Incarnation{Node: 1, Boot: "b"}] = true
	m.run(2)
	before := m.ps[1].lease(m.seq)
	m.run(20)
	if got := m.ps[1].lease(m.seq); got > before {
		t.Errorf("renewed from %d to %d though everybody denies", before, got)
	}
	alone := newPresence(1, "i", 1, []NodeConfig{{ID: 1, Votes: 3}, {ID: 2, Votes: 1}, {ID: 3, Votes: 1}}, testFail, testTick)
	if got := alone.lease(9); got != 0 {
		t.Errorf("a node whose own votes are a quorum renewed its own lease: %d", got)
	}
}

// R20: after a stop timers restart once; stopping again and again does not keep the dead alive.
func TestGapRestartsOnce(t *testing.T) {
	m := newMatrix(t, 3)
	p := m.ps[1]
	m.off[2], m.off[3] = true, true
	m.now += 3 * testFail
	if gap := p.tick(m.now, 5000); gap < 2*testFail || !p.hears(2, m.now) || p.quietTil != m.now+5000 {
		t.Errorf("gap %d, hears %v, quiet until %d", gap, p.hears(2, m.now), p.quietTil)
	}
	for range 10 {
		m.now += testFail/2 + 100
		p.tick(m.now, 5000)
	}
	if p.hears(2, m.now) {
		t.Error("a process that stops again and again hears a dead node for ever")
	}
}

func FuzzDecodePing(f *testing.F) {
	b, _ := encodePing(testPing(), testKey)
	f.Add(b, false)
	f.Add(b[:len(b)-sha256.Size], true)
	big, _ := encodePing(crowd(20, true), testKey)
	f.Add(big[:len(big)-sha256.Size], true)
	f.Add([]byte("fncp\x02"), true)
	f.Add([]byte(`fncp`+"\x01"+`{"node":2,"inst":"i","store":"s","seq":1,"rows":[{"n":3,"a":-5}]}`), true) // of protocol 1
	nodes := []NodeConfig{{ID: 1, Votes: 1}, {ID: 2, Votes: 1}, {ID: 3, Votes: 1}}
	f.Fuzz(func(t *testing.T, b []byte, sign bool) {
		if sign { // past the authentication: what a daemon of another version might send
			b = append(slices.Clone(b), mac(b, testKey)...)
		}
		m, err := decodePing(b, testKey)
		if err != nil {
			return
		}
		if again, err := encodePing(m, testKey); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read as %+v and written as %x, %v", b, m, again, err)
		}
		p := newPresence(1, "i", 1, nodes, testFail, testTick)
		p.heard(m, 1000)
		p.tick(1000, 1000)
		p.report(1000)
		p.lease(1)
		if len(p.set) > 1 { // one ping of one node shows no second one's row unless it carried it
			for _, id := range p.set {
				if id != 1 && !p.mutual(1, id, 1000) {
					t.Errorf("set %v without mutual contact", p.set)
				}
			}
		}
	})
}

func FuzzHello(f *testing.F) {
	f.Add([]byte(`{"protocol":2,"cluster":"c","domain":"d","node":2,"store":"s2","instance":"i","starts":1,"stream":"raft","to":"1/s1"}`))
	f.Add([]byte(`{"protocol":2,"cluster":"c","node":2,"store":"x","instance":"i","stream":"control"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var h hello
		frame := append([]byte{0, 0, byte(len(body) >> 8), byte(len(body))}, body...)
		if err := readFrame(bytes.NewReader(frame), &h, maxHello); err != nil {
			return
		}
		we := us{hello: hello{Protocol: Protocol, Cluster: "c", Domain: "d", Node: 1}, nodes: []NodeConfig{{ID: 1}, {ID: 2}}, gone: map[fence.NodeID][]string{2: {"old"}}}
		reason := judge(we, h, 2, newFloors(nil, 0, 10), time.Unix(1, 0))
		if reason == "" && (h.Node != 2 || h.Cluster != "c" || h.Protocol != Protocol || h.Stream == streamRaft && (h.Domain != "d" || h.Store == "old")) {
			t.Errorf("let in: %+v", h)
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(entry{Kind: kindData, Node: 1, Store: "s", Starts: 1, Number: 3, Data: []byte("x")}.encode())
	f.Add(entry{Kind: kindView, View: &membership.View{Quorate: true}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := decodeEntry(b); err == nil {
			e.encode()
		}
	})
}

// What the matrix says changes, while nothing is heard, at the instants that next names and at no other.
func TestNextIsTheNextChange(t *testing.T) {
	m := newMatrix(t, 4)
	m.cut[[2]fence.NodeID{2, 3}] = true
	m.run(3)
	m.off[4] = true
	m.run(2)
	p := m.ps[1]
	for id, r := range p.rows { // as where rows come by way of others
		r.at -= 7 * int64(id)
		p.rows[id] = r
	}
	says := func(now int64) string {
		var s []any
		for _, a := range p.nodes {
			_, ok := p.rowOf(a.ID, now)
			pe := p.peers[a.ID]
			s = append(s, ok, pe != nil && now-pe.heardAt >= p.fail)
			for _, b := range p.nodes {
				s = append(s, p.mutual(a.ID, b.ID, now))
			}
		}
		return fmt.Sprint(s, p.own(now), now-p.setSince >= p.settle, now-p.setSince >= p.join, now-p.setSince >= p.fail)
	}
	changes := 0
	for now, end := m.now, m.now+2*testFail; now < end; {
		next := p.next(now)
		if next <= now || next > now+testFail {
			t.Fatalf("at %d comes %d", now, next)
		}
		for at := now + 1; at < next; at++ {
			if says(at) != says(now) {
				t.Fatalf("it changes at %d already, not at %d", at, next)
			}
		}
		if says(next) != says(now) {
			changes++
		}
		now = next
	}
	if changes < 4 {
		t.Errorf("%d changes", changes)
	}
}

func BenchmarkPing(b *testing.B) {
	p := crowd(membership.MaxNodes, true)
	f, err := encodePing(p, testKey)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := encodePing(p, testKey); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodePing(f, testKey); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLook(b *testing.B) {
	var nodes []NodeConfig
	for id := fence.NodeID(1); id <= membership.MaxNodes; id++ {
		nodes = append(nodes, NodeConfig{ID: id, Votes: 1})
	}
	p := newPresence(1, instanceOf(1), 1, nodes, testFail, testTick)
	for id := fence.NodeID(2); id <= membership.MaxNodes; id++ {
		m := crowd(membership.MaxNodes, false)
		m.Node, m.Instance = id, instanceOf(id)
		m.Acks = []ack{{Node: 1, Tag: tag(instanceOf(1)), Seq: 1}}
		p.heard(m, 1000)
	}
	for b.Loop() {
		p.tick(1000, 1000)
	}
	if len(p.set) != membership.MaxNodes {
		b.Fatalf("%d of %d are connected", len(p.set), membership.MaxNodes)
	}
}
