package world

import (
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/embedded"
)

// What happens to what a node's disk keeps.

func (w *World) strikeDisk(k faultKind, r *rand.Rand, n *node, d int64) bool {
	w.say("fault: %s of %s for %d ms", k, n.name, d/ms)
	switch k {
	case faultDisk:
		w.stall(n, d)
	case faultWipe:
		if !w.spare(n) {
			return false
		}
		w.wipe(n)
	case faultRollback:
		if n.old == nil || n.old.ID != n.st.ID || !w.spare(n) || !w.known(n) {
			c := *n.st
			c.Floor, c.copied = append([]embedded.Floor(nil), n.st.Floor...), true
			n.old = &c
			return false
		}
		old := n.old
		n.kill("restored from a copy")
		n.st, n.old = old, nil
		w.after(span(r, 20*second, 60*second), func() { // somebody reads the log line and wipes it
			if n.st == old {
				w.wipe(n)
			}
		})
	}
	return true
}

// spare reports whether the cluster can do without this node's store: of what is committed, a quorum of the others has a copy (R4 is for the rest).
func (w *World) spare(n *node) bool {
	if w.rings != nil {
		return w.soundBeside(n) >= w.roster.Quorum()
	}
	c := w.check.fsm.Conf
	intact := 0
	for _, o := range w.nodes {
		if p := o.p; p != nil && p.emb.Leads() && p.emb.Conf() != c {
			return false // a change of the voters is under way
		}
		for _, e := range o.st.Log[min(len(w.log.Canon), len(o.st.Log)):] {
			if e.Kind == embedded.KindConf {
				return false // or was, when its leader fell: the next one may have to finish it
			}
		}
		if o != n && c.Votes(o.i, o.st.ID) && !o.st.copied && o.st.Member {
			intact++
		}
	}
	return intact >= c.Need()
}

// known reports whether every other voter saw this store go further than its copy does. One that did not cannot refuse the copy, and with it may
// elect a leader that forgot what the others committed: R3 protects as far as the peers have seen.
func (w *World) known(n *node) bool {
	if w.rings != nil {
		return w.soundBeside(n) == len(w.nodes)-1
	}
	for _, o := range w.nodes {
		f := o.st.Floor[n.i]
		if o != n && w.opt.broken == "" && (f.Store != n.old.ID || f.Starts <= n.old.Starts && (f.Term < n.old.LastTerm() || f.Term == n.old.LastTerm() && f.Length <= len(n.old.Log))) {
			return false
		}
	}
	return true
}

// stall lets a disk answer nothing for a while; beyond its deadline the provider goes out of service (R20).
func (w *World) stall(n *node, d int64) {
	if n.diskUntil > w.now {
		return
	}
	n.diskFrom, n.diskUntil = w.now, w.now+d
	if p := n.p; p != nil && d > w.plan.writeDeadline {
		from := w.now
		p.after(w.plan.writeDeadline, func() {
			if n.diskFrom == from && w.now < n.diskUntil {
				p.fail("the disk does not answer")
			}
		})
	}
}

// wipe gives a node an empty store: it joins as a stranger (R3). At most a minority is ever wiped at once.
func (w *World) wipe(n *node) {
	n.kill("store wiped")
	n.stores++
	id := n.newStore()
	if w.opt.broken == brokenWiped {
		id = n.st.ID
	}
	if w.rings != nil { // what counts its starts is lost with it
		n.st = &store{Store: embedded.Store{ID: id}}
		n.session, n.armed, n.old = member.Session{}, false, nil
		return
	}
	n.st = &store{Store: embedded.Store{ID: id, Floor: make([]embedded.Floor, len(w.nodes)), Member: w.opt.broken == brokenWiped, Starts: n.st.Starts}}
	n.session, n.armed, n.old = member.Session{}, false, nil
}
