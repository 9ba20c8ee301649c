package world

import (
	"github.com/fenced-project/fenced/fence/member"
)

// client is a program on a node that uses the shared disk: it registers, writes while it is granted and not frozen, and stops at the end of its
// stream and without heartbeats, as the contract says. A deaf one never stops once it began. What it leaves in the kernel stays until it says that it is done.
type client struct {
	n        *node
	deaf     bool
	critical bool
	idle     bool // it wants nothing for a while
	epoch    int  // the life of the machine that it belongs to

	p        *proc // whose stream it has
	id       uint64
	stream   []member.Effect // on its way
	bringing bool
	granted  bool
	frozen   bool
	beat     int64 // of the newest message
	after    uint64
	writing  bool
}

// missedBeats is how long a client waits for a heartbeat.
const missedBeats = 3 * second

// connect lets the program register at a daemon.
func (c *client) connect(p *proc) {
	if c.epoch != c.n.mach.epoch {
		*c = client{n: c.n, deaf: c.deaf, critical: c.critical, epoch: c.n.mach.epoch}
	}
	p.after(span(p.w.delays, 20*ms, 300*ms), func() {
		if c.p != nil || c.idle || c.epoch != c.n.mach.epoch {
			return
		}
		p.clients++
		c.p, c.id, c.beat, c.stream, c.bringing = p, p.clients, p.w.now, nil, false
		p.post(member.ClientRegistered{ID: c.id, Name: "app", Role: member.RoleWatch, Critical: c.critical, After: c.after})
	})
}

// closed: its stream ended; a program that listens stops using what is shared, and tries again.
func (c *client) closed() {
	p := c.p
	c.p, c.stream, c.frozen = nil, nil, false
	if !c.deaf {
		c.granted = false
	}
	if p != nil && !p.dead {
		p.after(second, func() { c.connect(p) })
	}
}

// ended: the machine is off.
func (c *client) ended() {
	*c = client{n: c.n, deaf: c.deaf, critical: c.critical}
}

// told puts a message in the stream; it is brought a moment later, in order, by the daemon's own process.
func (c *client) told(p *proc, e member.Effect) {
	if c.p != p {
		return
	}
	if t, ok := e.(member.Tell); ok && t.Kind == member.TellGranted && t.Client == c.id {
		p.w.check.grant(p) // by what this node knows when it decides; what the log says while the word is on its way comes later
	}
	c.stream = append(c.stream, e)
	if c.bringing {
		return
	}
	c.bringing = true
	p.w.push(event{at: p.w.now + span(p.w.delays, 10, 3*ms), p: p, f: func() { c.bring(p) }})
}

// bring delivers; what is too late is not brought, and the client dropped (S5.16).
func (c *client) bring(p *proc) {
	c.bringing = false
	for len(c.stream) > 0 && c.p == p {
		e := c.stream[0]
		c.stream = c.stream[1:]
		t, ok := e.(member.Tell)
		switch {
		case !ok:
			c.closed()
		case t.Client != c.id:
		case t.UntilMS != 0 && p.n.local() > t.UntilMS:
			id := c.id
			c.closed()
			p.post(member.ClientGone{ID: id, Why: "too late"})
		default:
			c.hear(p, t)
		}
	}
}

func (c *client) hear(p *proc, t member.Tell) {
	c.beat = p.w.now
	switch t.Kind {
	case member.TellGranted:
		p.w.say("%s: its client is granted", c.n.name)
		c.granted, c.frozen, c.n.mach.residue = true, false, true
		if !c.writing {
			c.writing = true
			c.writeSoon()
		}
	case member.TellFrozen:
		c.frozen = true
	case member.TellThawed:
		c.frozen = false
	case member.TellReleased:
		if t.Index < c.after {
			p.w.check.fail("R13", "%s tells a client of a release at index %d after one at %d", p, t.Index, c.after)
		}
		c.after = t.Index
		p.w.check.release(p, t.Life, t.Verdict)
	case member.TellFailed:
		p.w.say("%s: its client hears that it is failed: %s", c.n.name, t.Why)
		if !c.deaf {
			c.granted = false
		}
	}
}

// uses reports whether the program would write now.
func (c *client) uses() bool {
	return c.granted && (c.deaf || c.p != nil && !c.frozen && c.n.w.now-c.beat < missedBeats)
}

func (c *client) writeSoon() {
	w, epoch := c.n.w, c.epoch
	w.after(span(w.delays, w.plan.write/2, w.plan.write*3/2), func() {
		if c.n.mach.epoch != epoch || c.epoch != epoch {
			return
		}
		if c.n.mach.ticks() && c.uses() {
			w.check.write(c.n)
		}
		c.writeSoon()
	})
}

// stop ends the program: in good order nothing of it is left in the kernel, and it says so.
func (c *client) stop(done bool) {
	p, id := c.p, c.id
	c.idle, c.granted, c.p, c.stream = true, false, nil, nil
	if done {
		c.n.mach.residue = false
	}
	if p != nil && !p.dead {
		p.post(member.ClientGone{ID: id, Done: done, Why: "it ended"})
	}
}

// resume lets the program want what is shared again.
func (c *client) resume() {
	c.idle = false
	if p := c.n.p; p != nil && c.p == nil {
		c.connect(p)
	}
}
