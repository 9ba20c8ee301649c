package world

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/embedded"
)

// The faults of a script. Each happens now; nodes are given by their place in Setup.Nodes, durations in milliseconds.

// PowerOn presses the power button of a machine that is off.
func (s *Script) PowerOn(i int) { s.w.nodes[i].mach.powerUp() }

// PowerOff presses it for long.
func (s *Script) PowerOff(i int) { s.w.nodes[i].mach.powerOff("button") }

// Crash ends a life; the machine boots again.
func (s *Script) Crash(i int) { s.w.nodes[i].mach.reset("crash") }

// Panic lets a machine hang for ever, switched on.
func (s *Script) Panic(i int) {
	s.w.nodes[i].mach.hang("panic")
}

// Mains switches the mains of a machine, and so of its BMC.
func (s *Script) Mains(i int, on bool) { s.w.nodes[i].mach.setMains(on) }

// Outlet switches one of the outlets of a machine, as somebody else than the daemon does.
func (s *Script) Outlet(i, pdu int, on bool) { s.w.nodes[i].mach.setOutlet(pdu-1, on, "by hand") }

// Pause stops a machine and its clock, as a hypervisor does.
func (s *Script) Pause(i int, d int64) { s.w.nodes[i].mach.pause(d*ms, false) }

// Kill ends the daemon; its unit starts it again unless it is masked, which lasts until the next boot or StartDaemon.
func (s *Script) Kill(i int, masked bool) {
	n := s.w.nodes[i]
	n.down = n.down || masked
	n.kill("SIGKILL")
}

// KillAfter ends the daemon after so many more effects of its mind, between two of them.
func (s *Script) KillAfter(i, effects int) {
	if p := s.w.nodes[i].p; p != nil {
		p.dieIn = max(effects, 1)
	}
}

// StartDaemon starts the daemon at once if none runs.
func (s *Script) StartDaemon(i int) {
	n := s.w.nodes[i]
	n.down = false
	if n.p == nil && n.mach.running {
		n.start()
	}
}

// Stop is SIGSTOP for a while.
func (s *Script) Stop(i int, d int64) {
	if p := s.w.nodes[i].p; p != nil {
		p.stop(d * ms)
	}
}

// Hang lets the deciding loop alone stand still for a while.
func (s *Script) Hang(i int, d int64) {
	if p := s.w.nodes[i].p; p != nil && !p.hung {
		p.hang(d * ms)
	}
}

// Lag lets a node apply the log late for a while.
func (s *Script) Lag(i int, d int64) { s.w.nodes[i].lagUntil = s.w.now + d*ms }

// Elect makes a node the leader if the log's rules allow it.
func (s *Script) Elect(i int) {
	if p := s.w.nodes[i].p; p != nil {
		s.w.push(event{at: s.w.now, p: p, f: func() { p.emb.Campaign(true) }})
	}
}

// Compact takes a snapshot on a node and forgets the log before it.
func (s *Script) Compact(i int) {
	if p := s.w.nodes[i].p; p != nil && p.co != nil {
		p.co.m.Compact()
		p.co.effects()
	} else if p != nil && p.emb.Applied() > p.st.Base {
		p.emb.Compact()
	}
}

// Cut severs one direction of one link, or joins it again.
func (s *Script) Cut(from, to int, cut bool) {
	s.w.net.Cut[from][to] = 0
	if cut {
		s.w.net.Cut[from][to] = 1
	}
}

// Slow lets what a node proposes be on its way for so much longer, as a connection that hung brings it; 0 ends it.
func (s *Script) Slow(i int, d int64) { s.w.nodes[i].slowly = d * ms }

// Management takes a node's way to all devices for a while.
func (s *Script) Management(i int, d int64) { s.w.nodes[i].mgmtUntil = s.w.now + d*ms }

// Disk lets a node's disk answer nothing for a while.
func (s *Script) Disk(i int, d int64) { s.w.stall(s.w.nodes[i], d*ms) }

// Wipe gives a node an empty store.
func (s *Script) Wipe(i int) { s.w.wipe(s.w.nodes[i]) }

// Copy keeps what a node's store is now; Restore puts it back.
func (s *Script) Copy(i int) {
	n := s.w.nodes[i]
	c := *n.st
	c.Floor, c.copied = append([]embedded.Floor(nil), n.st.Floor...), true
	n.old = &c
}

// Restore gives a node its store of the time of Copy. It reports whether there was one.
func (s *Script) Restore(i int) bool {
	n := s.w.nodes[i]
	if n.old == nil {
		return false
	}
	n.kill("restored from a copy")
	n.st, n.old = n.old, nil
	return true
}

// DeviceModes are the ways in which a device can misbehave.
func DeviceModes() []string { return modeNames[:] }

// Device lets a node's BMC (pdu 0), a PDU (1, 2) or a switch before the disk (3, 4) misbehave for a while.
func (s *Script) Device(i, pdu int, how string, d int64) {
	dev := s.w.nodes[i].bmc
	if pdu > 0 {
		dev = s.w.pdus[(pdu-1)%2]
	}
	if pdu > 2 {
		dev = s.w.switches[pdu-3]
	}
	for m, name := range modeNames {
		if name == how {
			dev.mode, dev.until = mode(m), s.w.now+d*ms
		}
	}
}

// Swap lets the addresses of two BMCs change places.
func (s *Script) Swap(i, j int) {
	a, b := s.w.nodes[i].bmc, s.w.nodes[j].bmc
	a.behind, b.behind = b.behind, a.behind
	a.moved, b.moved = s.w.now, s.w.now
}

// Client lets the program on a node end, with nothing left behind (done) or at once, or want what is shared again.
func (s *Script) Client(i int, wants, done bool) {
	if app := s.w.nodes[i].app; wants {
		app.resume()
	} else {
		app.stop(done)
	}
}

// State puts something into a node's kernel that only a reset clears, or takes it away.
func (s *Script) State(i int, there bool) { s.w.nodes[i].mach.residue = there }

// Blind makes a node's scans unreadable.
func (s *Script) Blind(i int, is bool) { s.w.nodes[i].blind = is }

// Torn makes a node's session record unreadable.
func (s *Script) Torn(i int) { s.w.nodes[i].torn = true }

// Endless makes ending its own machine useless on a node.
func (s *Script) Endless(i int) { s.w.nodes[i].endless = true }

// OlderFile gives a node a configuration file that is not the committed roster's.
func (s *Script) OlderFile(i int, is bool) { s.w.nodes[i].older = is }

// Wall sets how far a node's wall clock is off.
func (s *Script) Wall(i int, d int64) { s.w.nodes[i].wallMS = d }

// Request asks at a node for an action on another one.
func (s *Script) Request(at, i int, action fence.Action, force bool) bool {
	p := s.w.nodes[at].p
	if p == nil {
		return false
	}
	p.request(s.w.nodes[i].id, action, force)
	return true
}

// Report asks at a node to fence another one, as a local program with the role report does.
func (s *Script) Report(at, i int, boot string) bool {
	p := s.w.nodes[at].p
	if p == nil {
		return false
	}
	id := s.w.nodes[i].id
	p.ask("report "+s.w.nodes[i].name, domain.Entry{Request: &domain.Request{
		ID: p.run.Instance + "-report", Node: id, Boot: boot, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "dlm", Reason: "a lockspace waits",
	}})
	return true
}

// Acknowledge vouches at a node for a life of another one.
func (s *Script) Acknowledge(at, i int, boot, reason string) bool {
	p := s.w.nodes[at].p
	if p == nil {
		return false
	}
	p.ask("ack "+s.w.nodes[i].name, domain.Entry{Ack: &domain.Ack{Node: s.w.nodes[i].id, Boot: boot, By: "root", Reason: reason}})
	return true
}

// Arm arms or disarms the cluster, at a node: for a while if forMS is not 0, at once if now.
func (s *Script) Arm(at int, armed bool, forMS int64, now bool) bool {
	p := s.w.nodes[at].p
	if p == nil {
		return false
	}
	what := "disarm"
	if armed {
		what = "arm"
	}
	p.ask(what, domain.Entry{Arm: &domain.Arm{Armed: armed, By: "root", Reason: "scenario", ForMS: forMS, Now: now}})
	return true
}

// Work pauses or resumes a node, or all (i less than 0), at a node; for a while if forMS is not 0.
func (s *Script) Work(at, i int, on bool, forMS int64) bool {
	p := s.w.nodes[at].p
	if p == nil {
		return false
	}
	e := domain.PauseEntry{On: on, By: "root", Reason: "scenario", ForMS: forMS}
	if i >= 0 {
		e.Node = s.w.nodes[i].id
	}
	p.ask(map[bool]string{true: "pause", false: "resume"}[on], domain.Entry{Pause: &e})
	return true
}

// Leave asks a node to leave cleanly. Its program is not stopped before.
func (s *Script) Leave(i int) bool {
	p := s.w.nodes[i].p
	if p == nil {
		return false
	}
	p.asked++
	p.asks[p.asked] = "leave"
	p.post(member.LeaveRequested{Reply: p.asked, Reason: "scenario", UntilMS: p.n.local() + 10_000})
	return true
}

// Lose takes a node out of what Unresolved demands.
func (s *Script) Lose(i int) { s.w.nodes[i].lost = true }

// Find puts it back.
func (s *Script) Find(i int) { s.w.nodes[i].lost = false }
