package agreement

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// The model: daemons over a group service that orders messages within a ring and loses what was under way in another one, over disks that finish
// their writes when they like and forget what they had not finished. A seed decides everything.

var (
	seeds = flag.Int("seeds", 40, "how many seeds the model runs")
	seed  = flag.Int("seed", -1, "run this seed alone, and say what happens")
)

// world is everything that there is.
type world struct {
	t     *testing.T
	rnd   *rand.Rand
	now   int64
	nodes []*node
	rings []*ring // that exist now
	seq   uint64
	lines map[uint64]string // what any run ever told at an index
	once  map[string]uint64
	taken map[uint64]string // which log was taken over in an epoch
	loud  bool
	lives int
	mixed bool                 // a daemon may be of another version each time it starts
	cruel bool                 // whatever can be lost with a ring is
	said  func(*node, Message) // what daemons send; nil for nobody listens
	wiped *node                // whose store was wiped and is not in a view yet
}

// ring is one component.
type ring struct {
	id    Ring
	nodes []*node
}

type item struct {
	from  Process
	frame []byte
	group []Process
	left  []Left
	ring  *ring
}

type node struct {
	w       *world
	id      fence.NodeID
	ring    *ring
	inbox   []item // sequenced and not delivered here
	quorum  []*ring
	disk    Durable
	queue   []Write
	starts  uint64
	store   string
	m       *Machine // nil: the daemon does not run
	self    membership.Self
	outbox  []Message
	number  uint64
	open    map[uint64]bool
	index   uint64
	view    membership.View
	left    []membership.Departure // of all views that this run was told
	texts   []string
	collect []Log
	lastAt  int64
	stuck   bool // its disk finishes nothing
	still   bool // its daemon delivers nothing
	old     bool // it runs a version before ADR 0113
	slow    bool // it delivers little, and writes little, of what waits
}

func newWorld(t *testing.T, n int, s uint64) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(s, 7)), now: 1000, lines: map[uint64]string{}, once: map[string]uint64{}, taken: map[uint64]string{}}
	for i := 1; i <= n; i++ {
		nd := &node{w: w, id: fence.NodeID(i), store: fmt.Sprintf("store-%d", i)}
		w.nodes = append(w.nodes, nd)
	}
	w.split(func(*node) int { return 0 })
	return w
}

func (w *world) say(format string, args ...any) {
	if w.loud {
		w.t.Logf("%6d "+format, append([]any{w.now}, args...)...)
	}
}

// split makes rings anew: nodes with the same number are together. Those who were together before keep the same messages of the old ring.
func (w *world) split(of func(*node) int) {
	groups := map[int][]*node{}
	for _, n := range w.nodes {
		groups[of(n)] = append(groups[of(n)], n)
	}
	var rings []*ring
	for k := range len(w.nodes) {
		ns := groups[k]
		if len(ns) == 0 {
			continue
		}
		w.seq++
		r := &ring{id: Ring{ns[0].id, w.seq}, nodes: ns}
		rings = append(rings, r)
		for _, old := range w.rings {
			w.truncate(old, ns)
		}
	}
	for _, r := range rings {
		for _, n := range r.nodes {
			w.move(n, r)
		}
	}
	w.rings = rings
	w.say("rings %v", w.shape())
}

func (w *world) shape() (s []string) {
	for _, r := range w.rings {
		var ids []fence.NodeID
		for _, n := range r.nodes {
			ids = append(ids, n.id)
		}
		s = append(s, fmt.Sprint(r.id, ids))
	}
	return s
}

// truncate: of the last messages of the old ring, which not everybody's corosync has delivered yet, those who go on together keep the same ones.
// Who came and went is not lost: all corosyncs tell each other that anew.
func (w *world) truncate(old *ring, together []*node) {
	lost := -1
	for _, n := range together {
		if n.ring != old || n.m == nil {
			continue
		}
		frames := 0
		for i := len(n.inbox) - 1; i >= 0 && n.inbox[i].frame != nil; i-- {
			frames++
		}
		if lost < 0 || frames < lost {
			lost = frames
		}
	}
	if lost <= 0 {
		return
	}
	if !w.cruel {
		lost = w.rnd.IntN(lost + 1)
	}
	for _, n := range together {
		if n.ring == old && n.m != nil {
			n.inbox = n.inbox[:len(n.inbox)-lost]
		}
	}
}

// move puts a node into a ring; its daemon is told down, up and ring, in that order.
func (w *world) move(n *node, r *ring) {
	before := w.members(n.ring)
	n.ring = r
	n.quorum = append(n.quorum, r)
	if n.m == nil {
		return
	}
	after := w.members(r)
	var left []Left
	var stay []Process
	for _, p := range before {
		if slices.Contains(after, p) {
			stay = append(stay, p)
		} else {
			left = append(left, Left{p, membership.HowNodeGone})
		}
	}
	if len(left) > 0 {
		n.inbox = append(n.inbox, item{group: stay, left: left})
	}
	if len(after) > len(stay) {
		n.inbox = append(n.inbox, item{group: after})
	}
	n.inbox = append(n.inbox, item{ring: r})
}

// members are the processes of the group in a ring: those whose daemon runs.
func (w *world) members(r *ring) (ps []Process) {
	if r == nil {
		return nil
	}
	for _, n := range r.nodes {
		if n.m != nil {
			ps = append(ps, n.process())
		}
	}
	return ps
}

func (n *node) process() Process { return Process{n.id, 100} } // the same pid each time: a name proves nothing

// sequence puts something at the end of the ring's order.
func (r *ring) sequence(it item) {
	for _, n := range r.nodes {
		if n.m != nil {
			n.inbox = append(n.inbox, it)
		}
	}
}

func (n *node) config() Config {
	return Config{Self: n.self, Store: n.store, Starts: n.starts, FailMS: 500, LeaseMS: 500, JoinMS: 20}
}

func (n *node) start() {
	w := n.w
	w.lives++
	n.starts++
	n.self = membership.Self{Node: n.id, Boot: fmt.Sprintf("boot-%d-%d", n.id, w.lives/3), Instance: fmt.Sprintf("run-%d", w.lives)}
	n.index, n.texts, n.left, n.view, n.open, n.number, n.lastAt = 0, nil, nil, membership.View{}, map[uint64]bool{}, 0, 0
	m, err := New(n.config(), clone(n.disk), w.now)
	if err != nil {
		w.t.Fatalf("node %d does not start: %v", n.id, err)
	}
	if w.mixed {
		n.old = w.rnd.IntN(2) == 0
	}
	if n.old {
		m.ahead = 0
	}
	w.say("node %d starts as %s, log to %d, committed %d", n.id, n.self.Instance, m.last(), m.meta.Commit)
	n.inbox, n.outbox, n.queue, n.collect = nil, nil, nil, nil
	n.m = m
	n.effects()
	m.Votes(1, len(w.nodes)/2+1, w.now)
	n.effects()
	r := n.ring
	r.sequence(item{group: w.members(r)})
	n.inbox = append(n.inbox, item{ring: r}) // only the joiner is told the ring, behind its first list
	n.quorum = append(n.quorum, r)
}

func clone(d Durable) Durable {
	var out Durable
	b, _ := json.Marshal(d)
	_ = json.Unmarshal(b, &out)
	return out
}

func (n *node) crash() {
	if n.m == nil {
		return
	}
	n.w.say("node %d crashes with %d writes open", n.id, len(n.queue))
	for range n.w.rnd.IntN(len(n.queue) + 1) { // some of what was under way reached the disk
		if !n.stuck {
			n.writeOne()
		}
	}
	gone := n.process()
	n.m = nil
	n.ring.sequence(item{group: n.w.members(n.ring), left: []Left{{gone, membership.HowProcessGone}}})
}

func (n *node) writeOne() {
	c := n.queue[0].Change
	n.queue = n.queue[1:]
	b, _ := json.Marshal(c)
	c = Change{}
	_ = json.Unmarshal(b, &c)
	n.disk.apply(c)
}

// apply is what a store does with a change.
func (d *Durable) apply(c Change) {
	d.Meta = c.Meta
	if c.Snapshot != nil {
		d.Snapshot, d.SnapAt = c.Snapshot, c.SnapAt
		d.Entries = slices.DeleteFunc(d.Entries, func(e Entry) bool { return e.Index <= c.SnapAt })
	}
	if c.Cut {
		d.Entries = slices.DeleteFunc(d.Entries, func(e Entry) bool { return e.Index > c.After })
	}
	d.Entries = append(d.Entries, c.Append...)
}

// effects does what the machine wants.
func (n *node) effects() {
	for _, e := range n.m.Effects() {
		switch e := e.(type) {
		case Send:
			b, err := e.Message.Encode()
			if err != nil {
				n.w.t.Fatalf("node %d sends what cannot be sent: %v", n.id, err)
			}
			msg, err := Decode(b)
			if err != nil {
				n.w.t.Fatalf("node %d sends what cannot be read: %v: %s", n.id, err, b)
			}
			n.outbox = append(n.outbox, msg)
			if n.w.said != nil {
				n.w.said(n, msg)
			}
		case Write:
			n.queue = append(n.queue, e)
		case Tell:
			n.told(e.Event)
		case Collect:
			n.collect = append(n.collect, e.Log)
		}
	}
	if n.m.broken != "" {
		n.w.t.Fatalf("node %d is broken: %s", n.id, n.m.broken)
	}
	n.takes()
}

// takes checks that an epoch is of one log, whoever takes it over, and in whatever session.
func (n *node) takes() {
	if !n.m.syncs {
		return
	}
	p := n.m.plan
	log := fmt.Sprintf("session %s: up to %d with sum %x", n.m.id, p.Last, p.Sum)
	if old, ok := n.w.taken[p.Epoch]; ok && old != log {
		n.w.t.Fatalf("node %d takes over in epoch %d the log of %s, another that of %s", n.id, p.Epoch, log, old)
	}
	n.w.taken[p.Epoch] = log
}

// reads is what a version takes out of a message: it passes over what it does not know.
func (n *node) reads(msg Message) Message {
	if n.old && msg.Hello != nil {
		msg.Hello.State = nil
	}
	if n.old && msg.State != nil {
		msg.State.Pledge = 0
	}
	return msg
}

// told checks what a reader is told: one sequence for all, indexes that grow, nothing twice.
func (n *node) told(e membership.Event) {
	line := func(index uint64, what string) {
		if index <= n.index {
			n.w.t.Fatalf("node %d: index %d after %d", n.id, index, n.index)
		}
		n.index = index
		if old, ok := n.w.lines[index]; ok && old != what {
			n.w.t.Fatalf("node %d (%s) has at %d\n%s\nanother has\n%s", n.id, n.self.Instance, index, what, old)
		}
		n.w.lines[index] = what
	}
	switch e := e.(type) {
	case membership.ViewInstalled:
		n.w.say("node %d: view at %d: %v left %v", n.id, e.Index, names(e.View), e.View.Left)
		line(e.Index, fmt.Sprintf("view %+v", e.View))
		if 2*len(e.View.Members) <= len(n.w.nodes) {
			n.w.t.Fatalf("node %d: a view of %v is no majority", n.id, names(e.View))
		}
		n.view = e.View
		n.left = append(n.left, e.View.Left...)
		if n.w.wiped != nil && slices.ContainsFunc(e.View.Members, func(m membership.Member) bool { return m.Instance == n.w.wiped.self.Instance }) {
			n.w.wiped = nil
		}
	case membership.Committed:
		key := fmt.Sprintf("%s/%d", e.Proposer.Instance, e.Number)
		if at, ok := n.w.once[key]; ok && at != e.Index {
			n.w.t.Fatalf("%s is at %d and at %d", key, at, e.Index)
		}
		n.w.once[key] = e.Index
		line(e.Index, fmt.Sprintf("%s %s", key, e.Data))
		n.texts = append(n.texts, key)
	case membership.Outcome:
		if !n.open[e.Number] {
			n.w.t.Fatalf("node %d: outcome of %d, which is not open", n.id, e.Number)
		}
		if _, in := n.w.once[fmt.Sprintf("%s/%d", n.self.Instance, e.Number)]; e.Delivered && !in {
			n.w.t.Fatalf("node %d: %d is said to be delivered and is not", n.id, e.Number)
		}
		delete(n.open, e.Number)
	case membership.SnapshotInstalled:
		n.texts = nil
		if err := json.Unmarshal(e.Data, &n.texts); err != nil {
			n.w.t.Fatal(err)
		}
		n.index = max(n.index, e.Index)
	case membership.NewInstance:
		n.self.Instance = e.Instance
	case membership.QuorumLost:
		n.w.say("node %d: quorum lost: %s", n.id, e.Why)
	}
}

func names(v membership.View) (s []string) {
	for _, m := range v.Members {
		s = append(s, m.Instance)
	}
	return s
}

// deliver gives a daemon its next item.
func (n *node) deliver() {
	it := n.inbox[0]
	n.inbox = n.inbox[1:]
	switch {
	case it.frame != nil:
		msg, err := Decode(it.frame)
		if err != nil {
			n.w.t.Fatal(err)
		}
		n.m.Deliver(it.from, n.reads(msg), n.w.now)
	case it.ring != nil:
		var ids []fence.NodeID
		for _, o := range it.ring.nodes {
			ids = append(ids, o.id)
		}
		n.m.Ring(it.ring.id, ids, n.w.now)
	case it.group != nil:
		n.m.Group(it.group, it.left, n.w.now)
	}
	n.effects()
}

// step does one thing that can happen anywhere.
func (w *world) step() {
	w.now += int64(w.rnd.IntN(4))
	w.stepOf(w.nodes[w.rnd.IntN(len(w.nodes))])
}

func (w *world) stepOf(n *node) {
	if n.m == nil || n.slow && w.rnd.IntN(30) > 0 {
		return
	}
	switch w.rnd.IntN(6) {
	case 0, 1:
		for range w.rnd.IntN(4) { // daemons are as fast as what they are sent, on the whole
			if len(n.inbox) > 0 && !n.still {
				n.deliver()
			}
		}
	case 2:
		if len(n.outbox) > 0 {
			msg := n.outbox[0]
			n.outbox = n.outbox[1:]
			b, err := msg.Encode()
			if err != nil {
				w.t.Fatal(err)
			}
			n.ring.sequence(item{from: n.process(), frame: b})
		}
	case 3:
		if len(n.queue) > 0 && !n.stuck {
			seq := n.queue[0].Seq
			n.writeOne()
			n.m.Written(seq, w.now)
			n.effects()
		}
	case 4:
		if len(n.quorum) > 0 {
			r := n.quorum[0]
			n.quorum = n.quorum[1:]
			n.m.Quorum(r.id, len(r.nodes) > len(w.nodes)/2, w.now)
			n.effects()
		}
	case 5:
		if w.now-n.lastAt > 60 {
			n.lastAt = w.now
			n.m.Tick(0, true, w.now)
			n.effects()
		}
		n.compacted()
	}
}

func (n *node) compacted() {
	if len(n.collect) == 0 {
		return
	}
	l := n.collect[0]
	n.collect = n.collect[1:]
	if len(n.texts) != 0 && l.Index == n.m.applied.Index {
		b, _ := json.Marshal(n.texts)
		if err := n.m.Compacted(l, b, n.w.now); err != nil {
			n.w.t.Fatal(err)
		}
		n.effects()
	} else if err := n.m.Compacted(l, nil, n.w.now); err != nil {
		n.w.t.Fatal(err)
	}
}

// propose lets a daemon propose something.
func (n *node) propose() {
	if n.m == nil {
		return
	}
	n.number++
	if err := n.m.Propose(n.number, fmt.Appendf(nil, "text %d", n.w.rnd.IntN(1000)), n.w.now+1_000_000, n.w.now); err == nil {
		n.open[n.number] = true
	}
	n.effects()
}

// isolate: one daemon runs ahead of the others with what it has proposed, and is cut off with all that they have not delivered.
func (w *world) isolate(one *node) {
	if one.m == nil || !one.m.open {
		return
	}
	w.say("node %d runs ahead", one.id)
	for range 1 + w.rnd.IntN(6) {
		one.propose()
	}
	for _, n := range w.nodes {
		n.still = n != one
	}
	for range 20 + w.rnd.IntN(150) {
		w.stepOf(one)
	}
	w.cruel = true
	w.split(func(n *node) int {
		if n == one {
			return 1
		}
		return 0
	})
	w.cruel = false
	for _, n := range w.nodes {
		n.still = false
	}
	for range 1500 {
		w.step()
	}
}

// powerCut: the disks hang while something is proposed, and some daemons end with nothing of it on disk.
func (w *world) powerCut(one *node) {
	if one.m == nil || !one.m.open {
		return
	}
	w.say("power cut")
	for _, n := range w.nodes {
		n.stuck = true
	}
	one.propose()
	for range 200 + w.rnd.IntN(400) {
		w.step()
	}
	for _, n := range w.nodes {
		if w.rnd.IntN(3) > 0 && n != w.wiped {
			n.crash()
		}
		n.stuck = false
	}
	for _, n := range w.nodes {
		if n.m == nil && w.rnd.IntN(3) > 0 {
			n.start()
		}
	}
	for range 1000 {
		w.step()
	}
}

// harm does something to the world.
func (w *world) harm() {
	n := w.nodes[w.rnd.IntN(len(w.nodes))]
	if w.rnd.IntN(3) == 0 {
		for _, o := range w.nodes {
			o.slow = w.rnd.IntN(2) == 0
		}
	}
	switch w.rnd.IntN(13) {
	case 10:
		w.isolate(n)
	case 11:
		w.powerCut(n)
	case 0, 1:
		parts := 1 + w.rnd.IntN(3)
		in := map[*node]int{}
		for _, o := range w.nodes {
			in[o] = w.rnd.IntN(parts)
		}
		w.split(func(o *node) int { return in[o] })
	case 2:
		w.split(func(*node) int { return 0 })
	case 3:
		n.crash()
	case 4:
		if n.m == nil {
			n.start()
		}
	case 5:
		if n.m != nil {
			n.m.Compact()
			n.effects()
		}
	case 6:
		if n.m == nil && w.wiped == nil && w.rnd.IntN(3) == 0 {
			w.say("node %d is wiped", n.id)
			n.disk, n.starts, n.store, n.self, w.wiped = Durable{}, 0, fmt.Sprintf("store-%d-%d", n.id, w.lives), membership.Self{}, n
		}
	default:
		n.propose()
	}
}

// settle runs a world without harm until everybody has one view and every proposal its outcome.
func (w *world) settle() {
	w.split(func(*node) int { return 0 })
	for _, n := range w.nodes {
		n.slow = false
		if n.m == nil {
			n.start()
		}
	}
	for i := 0; ; i++ {
		w.step()
		if i%100 == 0 && w.settled() {
			return
		}
		if i > 400_000 {
			for _, n := range w.nodes {
				w.t.Logf("node %d: %+v; lost %q, view %v, inbox %d, outbox %d, writes %d, open %v", n.id, n.m.Status(), n.m.lostWhy, names(n.view), len(n.inbox), len(n.outbox), len(n.queue), n.open)
			}
			w.t.Fatal("it does not settle")
		}
	}
}

func (w *world) settled() bool {
	var want []string
	for _, n := range w.nodes {
		want = append(want, n.self.Instance)
	}
	for _, n := range w.nodes {
		if n.m.lostWhy != "" || len(n.open) > 0 || !slices.Equal(names(n.view), want) || !slices.Equal(n.texts, w.nodes[0].texts) {
			return false
		}
	}
	return true
}

// Whatever happens, all tell one sequence in which nothing is lost, doubled or changed (R6, R10, I3), and when the harm ends all agree.
func TestModel(t *testing.T) {
	run := func(t *testing.T, s uint64) {
		w := newWorld(t, 3+int(s%3)*(int(s)%2), s)
		w.loud, w.mixed = *seed >= 0, s%4 == 3
		for _, n := range w.nodes {
			n.start()
		}
		if err := w.nodes[0].m.Bootstrap("domain", w.now); err != nil {
			t.Fatal(err)
		}
		w.nodes[0].effects()
		w.settle()
		pace := 10 << (s % 7) // from changes that leave no time for anything to long peaces
		for i := range 8000 {
			w.step()
			if i%pace == 0 {
				w.harm()
			}
		}
		w.settle()
		if len(w.nodes[0].texts) == 0 && len(w.once) > 0 {
			t.Error("everything was forgotten")
		}
	}
	if *seed >= 0 {
		run(t, uint64(*seed))
		return
	}
	for s := range *seeds {
		t.Run(fmt.Sprint(s), func(t *testing.T) { run(t, uint64(s)) })
	}
}
