package world

import (
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// What the disks of a cluster on corosync hold, and what of that is committed.

// write puts a change on its way to the disk; they land in order.
func (c *coro) write(e agreement.Write) {
	w := c.p.w
	c.writes = append(c.writes, e)
	c.writeAt = max(c.writeAt, w.now) + c.p.n.diskDelay()/4
	c.landAt(c.writeAt)
}

func (c *coro) landAt(at int64) {
	w, epoch := c.p.w, c.p.n.mach.epoch
	w.at(at, func() {
		n := c.p.n
		switch {
		case c.p.dead || n.mach.epoch != epoch:
		case n.mach.paused:
			c.landAt(w.now + 100*ms)
		case w.now < n.diskUntil:
			c.landAt(n.diskUntil + ms)
		default:
			c.landOne()
		}
	})
}

// landOne is a write that is done; the daemon hears of it a moment later.
func (c *coro) landOne() {
	if len(c.writes) == 0 {
		return
	}
	e := c.writes[0]
	c.writes = c.writes[1:]
	c.p.st.land(c.p.w, c.p.n.i, e.Change)
	c.p.after(span(c.p.w.delays, 10, 100), func() {
		if !c.p.emb.Out {
			c.m.Written(e.Seq, c.p.n.local())
			c.effects()
		}
	})
}

// ended: the others hear of it, and of what was being written some reaches the disk.
func (c *coro) ended() {
	c.landed()
	c.disconnect(membership.HowProcessGone)
}

// landed lets some of what was under way reach the disk when the daemon ends.
func (c *coro) landed() {
	if c.p.w.now < c.p.n.diskUntil {
		return
	}
	for range c.p.w.chance.IntN(len(c.writes) + 1) {
		e := c.writes[0]
		c.writes = c.writes[1:]
		c.p.st.land(c.p.w, c.p.n.i, e.Change)
	}
}

// land is what a store does with a change. Slices are shared with copies of the store and never changed in place.
func (s *store) land(w *World, i int, c agreement.Change) {
	d := &s.disk
	d.Meta = c.Meta
	if c.Snapshot != nil {
		d.Snapshot, d.SnapAt = c.Snapshot, c.SnapAt
		at, _ := slices.BinarySearchFunc(d.Entries, c.SnapAt+1, byIndex)
		d.Entries = slices.Clone(d.Entries[at:])
	}
	if c.Cut {
		at, _ := slices.BinarySearchFunc(d.Entries, c.After+1, byIndex)
		d.Entries = slices.Clone(d.Entries[:at])
	}
	for _, e := range c.Append {
		w.stable(e, i)
	}
	d.Entries = append(d.Entries[:len(d.Entries):len(d.Entries)], c.Append...)
}

func byIndex(e agreement.Entry, index uint64) int {
	switch {
	case e.Index < index:
		return -1
	case e.Index > index:
		return 1
	}
	return 0
}

// last is the index of the newest entry on this disk.
func (s *store) last() uint64 { return s.disk.SnapAt + uint64(len(s.disk.Entries)) }

// had names an entry at a place.
type had struct{ index, said uint64 }

// stable takes note that an entry is on a disk.
func (w *World) stable(e agreement.Entry, i int) {
	said := saidBy(e.Instance, e.Number)
	if e.View != nil {
		said = saidHellos(e.View.Members)
		for _, h := range e.View.Members {
			w.rings.storeOf[h.Instance] = h.Store
		}
	}
	w.rings.disks[had{e.Index, said}] |= 1 << i
}

func saidBy(instance string, number uint64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(instance + "/" + strconv.FormatUint(number, 10)))
	return h.Sum64()
}

func saidHellos(hs []agreement.Hello) uint64 {
	v := membership.View{}
	for _, h := range hs {
		v.Members = append(v.Members, membership.Member{Instance: h.Instance})
	}
	return saidView(v)
}

func saidView(v membership.View) uint64 {
	h := fnv.New64a()
	for _, m := range v.Members {
		_, _ = h.Write([]byte(m.Instance + ","))
	}
	return h.Sum64()
}

// told judges what a daemon is told: the same as everybody else at this index, and the first time it is told a majority's disks have it (R6).
func (w *World) told(p *proc, index, said uint64, in member.Input) {
	r := w.rings
	if old, known := r.lines[index]; known {
		if old != said {
			w.check.fail("R6", "%s is told another entry at index %d than the others", p, index)
		}
		return
	}
	if index <= r.top {
		w.check.fail("R6", "%s is told an entry at index %d, which had none", p, index)
		return
	}
	if have, need := r.have(r.disks[had{index, said}]); have < need && !w.sole(r.disks[had{index, said}]) {
		w.check.fail("R6", "%s is told an entry at index %d that %d disks have", p, index, popcount(r.disks[had{index, said}]))
	}
	r.lines[index], r.top = said, index
	if v, ok := in.(member.ViewInstalled); ok {
		w.say("view %d, told by %s first: %v", index, p.n.name, v.Members)
		for _, m := range v.Members {
			r.voting[m.Node-1] = r.storeOf[m.Instance]
		}
	}
	w.check.committedInput(int(index), in)
}

// have counts the votes of some nodes, and what a quorum needs.
func (r *rings) have(nodes uint64) (have, need int) {
	for i := range r.w.opt.Nodes {
		own, n := r.votes(i)
		if need = n; nodes>>i&1 == 1 {
			have += own
		}
	}
	return have, need
}

// votes are what a node counts for and what a quorum needs: of two even halves the one with the lowest node goes on where the policy says so.
func (r *rings) votes(i int) (own, need int) {
	if r.w.roster.Policy.EvenSplit == lowestID && !r.w.two {
		return agreement.LowestID(1, r.w.opt.Nodes, i == 0)
	}
	return 1, r.w.opt.Nodes/2 + 1
}

const lowestID = "lowest-id"

func popcount(x uint64) (n int) {
	for ; x != 0; x &= x - 1 {
		n++
	}
	return n
}

// soundBeside counts the others whose disks are sound.
func (w *World) soundBeside(n *node) (have int) {
	for _, o := range w.nodes {
		if o != n && w.sound(o) {
			have++
		}
	}
	return have
}

// sound reports whether a node's disk has all that is committed, under a store that votes.
func (w *World) sound(n *node) bool {
	r := w.rings
	if r.voting[n.i] != storeName(n.st.ID) || n.st.copied || n.st.last() < r.top {
		return false
	}
	for _, o := range w.nodes {
		if !o.st.copied && o.st.disk.Meta.Synced > n.st.disk.Meta.Synced {
			return false
		}
	}
	return true
}
