package world

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/evs"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// coro is the provider over corosync: the agreement's real machine between corosync, the disk and the deciding loop, as membership/corosync has it.
type coro struct {
	p                     *proc
	m                     *agreement.Machine
	connected             bool
	hangs                 bool // its connection has ended, and it has not seen that yet
	hearing               bool // what the group tells is about to be heard
	asking                bool // and what the quorum service tells
	writeAt               int64
	writes                []agreement.Write
	heard, quorum, ticked func() // made once
}

// beginCoro is a daemon's start on its store.
func (p *proc) beginCoro() {
	w, t := p.w, p.w.roster.Timing
	c := &coro{p: p}
	c.heard, c.quorum, c.ticked = c.hear, c.askQuorum, c.tick
	var err error
	c.m, err = agreement.New(agreement.Config{
		Self:  membership.Self{Node: p.n.id, Boot: p.run.Boot, Instance: p.run.Instance},
		Store: storeName(p.st.ID), Starts: p.st.Starts, Version: "sim", FailMS: t.FailureTimeoutMS, LeaseMS: t.LeaseMS, JoinMS: 2 * t.PingMS,
	}, p.st.disk, p.n.local())
	if err != nil {
		w.check.fail("V16", "%s does not start on its store: %v", p.n.name, err)
		return
	}
	p.co = c
	c.effects()
	c.connect()
	p.after(span(w.delays, 0, t.PingMS*ms), c.ticked)
}

func storeName(id int) string { return fmt.Sprintf("store-%d", id) }

// connect joins the group, if corosync runs.
func (c *coro) connect() {
	p, net := c.p, c.p.w.rings.net
	if c.connected || c.hangs || p.emb.Out || !net.Running(p.n.i) || p.w.rings.still(p.n) {
		return
	}
	c.connected = true
	p.n.pids++
	net.Connect(p.n.i, p.n.pids)
	own, need := p.w.rings.votes(p.n.i)
	c.m.Votes(own, need, p.n.local())
	c.m.Two(p.w.two, 5000, p.n.local())
	c.effects()
	p.w.rings.token(p.n.i)
	c.wakeQuorum()
}

// disconnect ends the connection; how tells the others.
func (c *coro) disconnect(how membership.How) {
	if c.connected {
		c.connected = false
		c.p.w.rings.net.Disconnect(c.p.n.i, agreement.Left{How: how})
		c.p.w.rings.token(c.p.n.i)
	}
}

// tick is the ticker of the provider.
func (c *coro) tick() {
	p := c.p
	p.after(p.w.roster.Timing.PingMS*ms, c.ticked)
	if p.emb.Out {
		return
	}
	c.connect()
	c.m.Tick(p.n.durableAge(), true, p.n.local())
	c.effects()
}

// effects does what the machine wants.
func (c *coro) effects() {
	p, w := c.p, c.p.w
	sent := false
	for _, e := range c.m.Effects() {
		switch e := e.(type) {
		case agreement.Send:
			if c.connected {
				w.rings.net.Send(p.n.i, e.Message)
				sent = true
			}
		case agreement.Write:
			c.write(e)
		case agreement.Tell:
			c.told(e.Event)
		case agreement.Collect:
			c.collect(e.Log)
		case agreement.Expel:
			w.rings.expel(p, w.nodes[e.Node-1])
		}
	}
	if sent {
		w.rings.token(p.n.i)
	}
}

// wake lets the daemon hear what the group's service has for it.
func (c *coro) wake() {
	if c.hearing {
		return
	}
	c.hearing = true
	p := c.p
	p.w.push(event{at: max(p.w.now+span(p.w.delays, 10, 500), p.n.lagUntil), p: p, f: c.heard})
}

func (c *coro) hear() {
	c.hearing = false
	p := c.p
	if p.w.now < p.n.lagUntil {
		c.wake()
		return
	}
	for c.connected && !p.emb.Out && !p.dead {
		e, ok := p.w.rings.net.NextOfGroup(p.n.i)
		if !ok {
			return
		}
		c.take(e)
	}
}

func (c *coro) take(e evs.Event) {
	now := c.p.n.local()
	switch {
	case e.Message != nil:
		c.m.Deliver(e.From, *e.Message, now)
	case e.Ring != nil:
		c.m.Ring(e.Ring.ID, e.Ring.Nodes, now)
	default:
		c.m.Group(e.Group, e.Left, now)
	}
	c.effects()
}

// wakeQuorum does the same for the quorum service, whose stream is another: either may be ahead.
func (c *coro) wakeQuorum() {
	if c.asking {
		return
	}
	c.asking = true
	p := c.p
	p.w.push(event{at: max(p.w.now+span(p.w.delays, 10, 3*ms), p.n.apartUntil), p: p, f: c.quorum})
}

func (c *coro) askQuorum() {
	c.asking = false
	p := c.p
	for c.connected && !p.emb.Out && !p.dead {
		q, ok := p.w.rings.net.NextOfQuorum(p.n.i)
		if !ok {
			return
		}
		c.m.Quorum(q.Ring, q.Quorate, p.n.local())
		c.effects()
	}
}

// lost is what the daemon sees of the end of its corosync: always, and before it connects to the next one.
func (c *coro) lost() {
	c.connected, c.hangs = false, true
	c.p.after(span(c.p.w.delays, ms, 50*ms), func() {
		if c.hangs = false; !c.p.emb.Out {
			c.m.Disconnected(c.p.n.local())
			c.effects()
		}
	})
}

// applied is the index of the last entry that the provider has handed on.
func (p *proc) applied() int {
	if p.co != nil {
		return int(p.co.m.Applied())
	}
	return p.emb.Applied()
}

// committedIndex is the end of what is committed.
func (w *World) committedIndex() int {
	if w.rings != nil {
		return int(w.rings.top)
	}
	return len(w.log.Canon)
}

// told hands an event to the deciding loop, after the world has judged it.
func (c *coro) told(e membership.Event) {
	p := c.p
	switch e := e.(type) {
	case membership.ViewInstalled:
		in := member.ViewInstalled{Index: e.Index, Quorate: e.View.Quorate}
		for _, m := range e.View.Members {
			in.Members = append(in.Members, origin(m))
		}
		p.w.told(p, e.Index, saidView(e.View), in)
		p.pushInput(in)
	case membership.Committed:
		in := member.EntryCommitted{Index: e.Index, By: origin(e.Proposer), Number: e.Number, Data: e.Data}
		p.w.told(p, e.Index, saidBy(e.Proposer.Instance, e.Number), in)
		p.pushInput(in)
	case membership.TwoNode:
		p.pushInput(member.TwoNode{RingMS: e.RingMS, Word: e.Word})
	case membership.Parted:
		p.pushInput(member.Parted{By: origin(e.Member)})
	case membership.Outcome:
		p.pushInput(member.ProposalDone{Number: e.Number, Delivered: e.Delivered})
	case membership.Heard:
		p.pushInput(member.Heard{By: origin(e.Member)})
	case membership.Suspect:
		p.pushInput(member.Suspect{By: origin(e.Member), Gone: e.Gone})
	case membership.LeaseRenewed:
		p.leased(e.SentMS)
	case membership.NewInstance:
		p.push(func() {
			p.w.say("%s is %s from here on", p, e.Instance)
			run := *p.run
			run.Instance = e.Instance
			p.run = &run
			p.step(member.NewInstance{Instance: e.Instance})
		})
	case membership.QuorumHeld:
		p.pushInput(member.QuorumHeld{})
	case membership.QuorumLost:
		if e.Final {
			p.w.check.fail("R6", "%s is broken: %s", p, e.Why)
		}
		p.w.say("%s: quorum lost: %s", p.n.name, e.Why)
		p.pushInput(member.QuorumLost{Why: e.Why})
	case membership.SnapshotInstalled:
		c.installed(e)
	}
}

func origin(m membership.Member) domain.Origin {
	return domain.Origin{Incarnation: fence.Incarnation{Node: m.Node, Boot: m.Boot}, Instance: m.Instance}
}

// installed hands the reader a whole state.
func (c *coro) installed(e membership.SnapshotInstalled) {
	p := c.p
	p.w.count[faultSnapshot]++
	p.push(func() {
		state, err := domain.Restore(e.Data)
		if err != nil {
			p.w.check.fail("V16", "%s cannot restore a snapshot: %v", p.n.name, err)
			return
		}
		state.Index = max(state.Index, e.Index)
		p.w.check.restored(p, state)
		p.step(member.SnapshotInstalled{State: state})
	})
}

// collect takes the reader's state of this moment.
func (c *coro) collect(l agreement.Log) {
	p := c.p
	p.push(func() {
		b, err := p.m.Domain().Snapshot()
		if err == nil {
			err = c.m.Compacted(l, b, p.n.local())
		}
		if err != nil {
			p.w.check.fail("V16", "%s cannot take a snapshot: %v", p.n.name, err)
			return
		}
		c.effects()
	})
}
