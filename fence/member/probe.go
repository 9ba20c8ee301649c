package member

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Probes of fence devices: every device of every level is logged in to and read now and then, by one member at a time, one device after the other
// (R28). A probe is asked for only while nothing real is going on, and ended as soon as something is: it never makes a fence wait.

// Probe asks for one read of a device; it is answered by Probed.
type Probe struct {
	Number         uint64
	Device, Target string
	DeadlineMS     int64
}

// CancelProbe ends the probe of this number as soon as possible; its Probed still comes.
type CancelProbe struct {
	Number uint64
	Why    string
}

// Probed is what a probe found. Class is that of an attempt; Identity what the device gave in the same session. Ended: it gave way before it found
// anything.
type Probed struct {
	Number   uint64
	Ended    bool
	Class    string
	Text     string
	State    fence.PowerState
	Identity fence.Identity
	AtMS     int64 // wall clock, for people
}

func (Probe) effect()       {}
func (CancelProbe) effect() {}
func (Probed) input()       {}

// When devices are probed: each of them every probeEveryMS, a little earlier or later so that many devices do not fall together; never two within
// probeGapMS; and none is waited for longer than probeMS.
const (
	probeEveryMS = 10 * 60_000
	probeGapMS   = 1000
	probeMS      = 10_000
	probeLostMS  = 3 * probeMS // an answer that never comes
)

// probing is what this node remembers of its probes. It is bounded by the steps of all levels.
type probing struct {
	number    uint64 // of the newest probe
	open      *probe
	last      int64                // when it was last looked for one that is due
	asked     map[fence.Step]asked // by this node
	refused   map[login]string     // what refused this node and the log does not have yet, by the mapping that the device had then
	untold    []domain.HealthEntry // what the log does not have yet
	cancelled bool
}

type probe struct {
	number uint64
	node   fence.NodeID
	step   fence.Step
	since  int64
	device fence.Device
	login  string // the digest of what it logs in with
}

// duties is who probes what: the first in rank that may act, and for what fences that one alone the next, because it says little whether a node
// reaches its own BMC. So each device has one prober, and everybody who has applied the same log names the same one (R28).
type duties struct {
	first, second fence.NodeID
	serves        map[string]fence.NodeID // by device, the only node that it fences; 0 for several
}

func (m *Member) duties() duties {
	d := duties{serves: map[string]fence.NodeID{}}
	if ids := m.dom.Eligibles(); len(ids) > 0 {
		d.first, d.second = ids[0], ids[min(1, len(ids)-1)]
	}
	for _, r := range m.dom.Roster.Nodes {
		for _, l := range r.Levels {
			for _, s := range l.Steps {
				if one, known := d.serves[s.Device]; s.Device != "" && (!known || one != r.ID) {
					d.serves[s.Device] = r.ID
					if known {
						d.serves[s.Device] = 0
					}
				}
			}
		}
	}
	return d
}

// prober is who probes a device.
func (d duties) prober(device string) fence.NodeID {
	if d.serves[device] == d.first {
		return d.second
	}
	return d.first
}

// asked is when a step was probed, for which machine its answer was judged, and with which login: another one's is another question.
type asked struct {
	at      int64
	machine fence.Machine
	login   string
}

// calm reports whether nobody acts on anything: whatever device a probe is at, one that hangs may cost the process of its plugin, where others'
// calls are too.
func (m *Member) calm() bool {
	if !m.Quorate() || m.closing() || m.rewiring || m.fell || m.cmp.why != "" || m.dom.OpenDrill() != nil {
		return false
	}
	for i := range m.dom.Nodes {
		if n := &m.dom.Nodes[i]; len(active(n)) > 0 || len(n.Unquiet) > 0 {
			return false
		}
	}
	for _, l := range m.locals {
		if !l.Done || !l.quiet && m.now < l.EndMS+l.EffectMS { // a call of it may still be at a device
			return false
		}
	}
	return len(m.running) == 0
}

// needed reports whether an operation may need a device at any moment: a node of its levels is a victim, or is to be powered on or unfenced.
// The devices of all others are probed on, however long such a victim waits for its next round, or for a person.
func (m *Member) needed(device string) bool {
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		if n.Victim == nil && n.PowerOn == nil && (n.Cut == nil || m.dom.MayUnfence(n) != nil) {
			continue
		}
		r, _ := m.dom.Roster.Node(n.ID)
		for _, l := range r.Levels {
			if slices.ContainsFunc(l.Steps, func(s fence.Step) bool { return s.Device == device }) {
				return true
			}
		}
	}
	return false
}

// probes asks for the next probe when its time has come, and ends one that is in the way.
func (m *Member) probes() {
	p := &m.probe
	m.tellProbes()
	if p.open != nil {
		switch {
		case m.now-p.open.since > probeLostMS:
			p.open = nil
		case p.cancelled:
		case !m.mayProbe() || m.needed(p.open.step.Device) || m.duties().prober(p.open.step.Device) != m.cfg.Self.Node:
			p.cancelled = true
			m.do(CancelProbe{Number: p.open.number, Why: "something real is going on"})
		}
		return
	}
	if m.now-p.last < probeGapMS || m.now < m.gapUntil || !m.mayProbe() { // what was stopped hears first what happened meanwhile
		return
	}
	p.last = m.now
	node, step, ok := m.dueProbe()
	if !ok {
		return
	}
	d, _ := m.dom.Roster.Device(step.Device)
	p.number++
	p.open, p.cancelled = &probe{number: p.number, node: node, step: step, since: m.now, device: d, login: m.cfg.Logins[step.Device]}, false
	if p.asked == nil {
		p.asked = map[fence.Step]asked{}
	}
	p.asked[step] = asked{m.now, m.machineOf(node), p.open.login}
	m.do(Probe{Number: p.number, Device: step.Device, Target: step.Target, DeadlineMS: m.now + probeMS})
}

func (m *Member) mayProbe() bool {
	return m.dom.Feature >= domain.FeatureHealth && m.dom.Eligible(m.cfg.Self.Node) && m.calm()
}

// dueProbe is the step that waits longest beyond its time. One of which nobody knows anything comes first, and what would be asked with another
// login than before. A device that refused this node's login, to this node or as the log says to another, is due no more (R28).
func (m *Member) dueProbe() (node fence.NodeID, step fence.Step, ok bool) {
	var late int64 = -1
	duties, steps := m.duties(), 0
	m.forgetRefused()
	for _, r := range m.dom.Roster.Nodes {
		machine := m.machineOf(r.ID)
		for _, l := range r.Levels {
			for _, s := range l.Steps {
				steps++
				if s.Device == "" || m.wasRefused(s.Device) || duties.prober(s.Device) != m.cfg.Self.Node || m.needed(s.Device) {
					continue
				}
				over := int64(1) << 40
				if was, ok := m.probe.asked[s]; ok && was.machine == machine && was.login == m.cfg.Logins[s.Device] {
					over = m.now - was.at - probeEveryMS - jitter(s, was.at)
				}
				if over >= 0 && over > late {
					node, step, ok, late = r.ID, s, true, over
				}
			}
		}
	}
	if len(m.probe.asked) > steps { // some are of rosters before this one
		m.probe.asked = nil
	}
	return node, step, ok
}

// machineOf is the machine of a node, as it announced it.
func (m *Member) machineOf(id fence.NodeID) fence.Machine {
	if n := m.dom.Node(id); n != nil {
		return n.Machine
	}
	return fence.Machine{}
}

// wasRefused reports whether a probe of a device would repeat a login that was refused: the log has it, or this node was told and the log does not
// have it yet.
func (m *Member) wasRefused(device string) bool {
	l := login{device, m.cfg.Logins[device]}
	_, here := m.probe.refused[l]
	return here || m.dom.Repeats(l.device, l.digest)
}

// forgetRefused keeps no more of refused logins than what the log does not have, so that a person's successful test, which the log tells, lets
// probes go on.
func (m *Member) forgetRefused() {
	for l, mapping := range m.probe.refused { // order: each is judged by itself
		d, ok := m.dom.Roster.Device(l.device)
		if !ok || d.Mapping != mapping || m.dom.Repeats(l.device, l.digest) {
			delete(m.probe.refused, l)
		}
	}
}

// jitter moves the next probe of a step by up to a tenth of the interval, another way each time, the same on a replay.
func jitter(s fence.Step, at int64) int64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s/%d", s.Device, s.Target, at)
	return int64(h.Sum64()%(probeEveryMS/5)) - probeEveryMS/10
}
