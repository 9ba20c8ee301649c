package world

import (
	"math/rand/v2"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/evs"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// rings are the corosyncs of all nodes: who is in one ring is decided by the network, a token's time later. nil where the membership is embedded.
type rings struct {
	w      *World
	net    *evs.Model
	chance *rand.Rand
	asked  []bool           // the token is on its way to this node
	broken map[uint64]int64 // when a ring will have lost its token, by its number
	spoke  map[lastWord]bool
	merge  int64 // when rings that reach each other will be one

	// the truth of what is committed
	lines   map[uint64]uint64
	top     uint64
	disks   map[had]uint64 // who ever had an entry on disk
	storeOf map[string]string
	voting  []string // the store of each node that the committed log knows
}

// lastWord is what a node could still say in a ring that was broken.
type lastWord struct {
	ring uint64
	i    int
}

func (w *World) newRings() *rings {
	r := &rings{
		w: w, chance: rand.New(rand.NewPCG(w.opt.Seed, 8)), asked: make([]bool, w.opt.Nodes), broken: map[uint64]int64{}, spoke: map[lastWord]bool{},
		lines: map[uint64]uint64{}, disks: map[had]uint64{}, storeOf: map[string]string{}, voting: make([]string, w.opt.Nodes),
	}
	cfg := evs.Config{Chance: r.chance.IntN, TwoNode: w.two, LowestID: func() bool { return w.roster.Policy.EvenSplit == lowestID }}
	for i := range w.opt.Nodes {
		cfg.Nodes = append(cfg.Nodes, fence.NodeID(i+1))
	}
	r.net = evs.New(cfg)
	return r
}

// still reports whether a node's corosync does nothing now, though it runs.
func (r *rings) still(n *node) bool { return !n.mach.alive() || r.w.now < n.frozenUntil }

// whole reports whether the token goes round in the ring of a node.
func (r *rings) whole(i int) bool {
	id, peers := r.net.RingOf(i), r.net.Peers(i)
	for k, a := range peers {
		if r.net.RingOf(a) != id || r.still(r.w.nodes[a]) {
			return false
		}
		for _, b := range peers[:k] {
			if !r.w.both(a, b) {
				return false
			}
		}
	}
	return true
}

// token lets a node send what it has to send.
func (r *rings) token(i int) {
	if r.asked[i] {
		return
	}
	r.asked[i] = true
	r.w.after(span(r.w.delays, 100, 2*ms), func() {
		r.asked[i] = false
		r.sequence(i)
	})
}

// sequence is the token's visit. In a ring that is broken it comes once at most: what is said then reaches some and not others.
func (r *rings) sequence(i int) {
	w, n := r.w, r.w.nodes[i]
	if !r.net.Running(i) || r.still(n) || w.now < n.chokedUntil {
		return
	}
	id := r.net.RingOf(i)
	if !r.whole(i) {
		last := lastWord{id.Seq, i}
		if r.spoke[last] || r.chance.IntN(2) == 0 {
			return
		}
		r.spoke[last] = true
	}
	upto := r.net.Sequence(i)
	for _, j := range r.net.Peers(i) {
		if w.both(i, j) && !r.still(w.nodes[j]) {
			w.after(w.hop(), func() { r.arrive(j, id, upto) })
		}
	}
}

func (r *rings) arrive(j int, id agreement.Ring, upto int) {
	if r.still(r.w.nodes[j]) {
		return // it asks for it again, when it goes on
	}
	r.net.Arrive(j, id, upto)
	r.wake(j)
}

func (r *rings) wake(i int) {
	if p := r.w.nodes[i].p; p != nil && p.co != nil && !p.dead {
		p.co.wake()
		p.co.wakeQuorum()
	}
}

// pollEvery is how often the network is looked at.
const pollEvery = 100 * ms

// poll notices which rings are broken and which could be one, and makes new ones when the time for that is over.
func (r *rings) poll() {
	w := r.w
	w.after(pollEvery, r.poll)
	due, all := false, true
	var firsts []int // one node of each whole ring
	var seen []uint64
	for i := range w.nodes {
		seq := r.net.RingOf(i).Seq
		if !r.net.Running(i) || r.still(w.nodes[i]) || slices.Contains(seen, seq) {
			continue
		}
		seen = append(seen, seq)
		if r.whole(i) {
			delete(r.broken, seq)
			firsts = append(firsts, i)
			r.catchUp(i)
			continue
		}
		all = false
		if at, ok := r.broken[seq]; !ok {
			r.broken[seq] = w.now + span(r.chance, 900*ms, 2500*ms)
		} else if w.now >= at {
			due = true
		}
	}
	if all && r.could(firsts) {
		if r.merge == 0 {
			r.merge = w.now + span(r.chance, 200*ms, 2500*ms)
		}
		due = due || w.now >= r.merge
	} else {
		r.merge = 0
	}
	if due {
		r.merge = 0
		r.form()
	}
}

// catchUp brings the nodes of a whole ring what they missed while it was not.
func (r *rings) catchUp(i int) {
	for _, j := range r.net.Peers(i) {
		r.net.Arrive(j, r.net.RingOf(j), 1<<60)
		if r.net.Waiting(j) > 0 {
			r.token(j)
		}
		r.wake(j)
	}
}

// could reports whether two whole rings reach each other.
func (r *rings) could(firsts []int) bool {
	for k, a := range firsts {
		for _, b := range firsts[:k] {
			if r.clique(r.net.Peers(a), r.net.Peers(b)) {
				return true
			}
		}
	}
	return false
}

func (r *rings) clique(as, bs []int) bool {
	for _, a := range as {
		for _, b := range bs {
			if !r.w.both(a, b) {
				return false
			}
		}
	}
	return true
}

// form makes the rings that the network allows: those who were together stay so as far as they all reach each other, and parts that do become one.
func (r *rings) form() {
	w := r.w
	var parts [][]int
	var from []uint64
	for _, i := range r.chance.Perm(len(w.nodes)) {
		if !r.net.Running(i) || r.still(w.nodes[i]) {
			continue
		}
		seq, placed := r.net.RingOf(i).Seq, false
		for k := range parts {
			if from[k] == seq && r.clique(parts[k], []int{i}) {
				parts[k], placed = append(parts[k], i), true
				break
			}
		}
		if !placed {
			parts, from = append(parts, []int{i}), append(from, seq)
		}
	}
	for a := 0; a < len(parts); a++ {
		for b := a + 1; b < len(parts); b++ {
			if r.clique(parts[a], parts[b]) {
				parts[a] = append(parts[a], parts[b]...)
				parts = slices.Delete(parts, b, b+1)
				b = a
			}
		}
	}
	before := r.net.Forms()
	r.net.Form(parts...)
	after := r.net.Forms()
	w.count[faultMerge] += after.Merges - before.Merges
	w.count[faultHole] += after.Holes - before.Holes
	w.count[faultGhost] += after.Ghosts - before.Ghosts
	if w.opt.Trace != nil {
		w.say("rings: %v", parts)
	}
	for i := range w.nodes {
		r.token(i)
		r.wake(i)
	}
}

// up starts the corosync of a node.
func (r *rings) up(n *node) {
	if !r.net.Running(n.i) && n.mach.running {
		r.w.say("%s: corosync starts", n.name)
		r.net.Up(n.i)
		r.wake(n.i)
	}
}

// down ends it.
func (r *rings) down(n *node, ghost bool) {
	if !r.net.Running(n.i) {
		return
	}
	if ghost {
		r.net.Ghost(n.i)
	} else {
		r.net.Down(n.i)
	}
	if p := n.p; p != nil && p.co != nil && !p.dead {
		p.co.lost()
	}
}

// foundCoro makes the disks as bootstrap and the first administrator left them: a view of everybody's stores, the roster, armed.
func (w *World) foundCoro(entries []domain.Entry) {
	v := &agreement.View{}
	for _, n := range w.nodes {
		n.stores, n.st.Starts = 1, 1
		v.Members = append(v.Members, agreement.Hello{
			Node: n.id, Boot: "founding", Instance: "founding-" + n.name, Store: storeName(n.st.ID), Starts: 1, Count: 1,
		})
	}
	by := domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "founding"}, Instance: v.Members[0].Instance}
	log := []agreement.Entry{{Index: 1, Node: 1, Boot: by.Boot, Instance: by.Instance, View: v}}
	ins := []member.Input{member.ViewInstalled{Index: 1, Quorate: true}}
	for _, e := range entries {
		data, err := domain.Encode(e)
		if err != nil {
			panic("sim: the founding does not encode: " + err.Error())
		}
		index := uint64(len(log) + 1)
		log = append(log, agreement.Entry{Index: index, Node: 1, Boot: by.Boot, Instance: by.Instance, Number: index, Data: data})
		ins = append(ins, member.EntryCommitted{Index: index, By: by, Number: index, Data: data})
	}
	founding := ins[0].(member.ViewInstalled)
	for _, h := range v.Members {
		founding.Members = append(founding.Members, domain.Origin{Incarnation: fence.Incarnation{Node: h.Node, Boot: h.Boot}, Instance: h.Instance})
	}
	ins[0] = founding
	disk := agreement.Durable{Meta: agreement.Meta{Domain: "sim", Promised: 1, Synced: 1, Commit: uint64(len(log))}}
	for _, n := range w.nodes {
		n.st.disk = disk
		n.st.land(w, n.i, agreement.Change{Meta: disk.Meta, Append: log})
	}
	founder := &proc{w: w, n: w.nodes[0], run: &runID{Origin: by}}
	for k, in := range ins {
		said := saidBy(by.Instance, log[k].Number)
		if k == 0 {
			said = saidHellos(v.Members)
		}
		w.told(founder, log[k].Index, said, in)
	}
}
