package domain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// What is drawn so that names are asked for: machines, what devices say of them, and the devices themselves.

// machine is what a node runs on: some have a serial, which two may share, and some one that identifies nothing.
func (p *sides) machine(id fence.NodeID) fence.Machine {
	m := machine(id)
	m.Serial = []string{"", "SN-1", "", "n/a", "SN-1", " SN-2 ", "SN-3"}[id%7]
	return m
}

// spelt is another spelling of a UUID.
func (p *sides) spelt(u string) string {
	switch p.r.IntN(8) {
	case 0:
		return strings.ToUpper(u)
	case 1:
		return "{" + strings.ReplaceAll(u, "-", "") + "}"
	case 2:
		return "urn:uuid:" + u
	}
	return u
}

// announced is the machine that a life says it runs on: mostly its node's own. Where none is known, it may be another node's.
func (p *sides) announced(n *Node) fence.Machine {
	m := p.machine(n.ID)
	switch {
	case !n.Machine.Known() && p.one(3):
		m = p.s.Nodes[p.r.IntN(len(p.s.Nodes))].Machine
	case p.one(40):
		m = p.machine(8)
	}
	m.UUID, m.Virtual = p.spelt(m.UUID), p.one(40)
	return m
}

// identity is what a device says: mostly of which machine it is, else of another node's, by all that it knows or by its serial alone.
func (p *sides) identity(n *Node) fence.Identity {
	own, other := p.machine(n.ID), p.s.Nodes[p.r.IntN(len(p.s.Nodes))].Machine
	switch p.r.IntN(16) {
	case 0:
		return fence.Identity{UUIDs: []string{p.spelt(other.UUID)}, Serial: own.Serial}
	case 1:
		return fence.Identity{UUIDs: []string{own.UUID, p.spelt(other.UUID)}}
	case 2:
		return fence.Identity{Serial: other.Serial}
	case 3:
		return fence.Identity{Serial: own.Serial}
	}
	return fence.Identity{UUIDs: []string{p.spelt(own.UUID)}, Serial: own.Serial}
}

// step is one that some level has, or had, or none ever had.
func (p *sides) step() fence.Step {
	n := &p.s.Roster.Nodes[p.r.IntN(len(p.s.Roster.Nodes))]
	switch {
	case p.one(8):
		return fence.Step{Device: fmt.Sprintf("bmc-%d", 1+p.r.IntN(8))}
	case len(n.Levels) == 0 || p.one(8):
		return fence.Step{Device: "fc", Target: n.Name}
	}
	return n.Levels[p.r.IntN(len(n.Levels))].Steps[0]
}

func (p *sides) class() string { return []string{Healthy, Healthy, HealthAuth, "timeout"}[p.r.IntN(4)] }

func (p *sides) login() string { return []string{"", "old", "new"}[p.r.IntN(3)] }

// health is what a probe found.
func (p *sides) health() Entry {
	st := p.step()
	d, _ := p.s.Roster.Device(st.Device)
	return Entry{Health: &HealthEntry{Health: DeviceHealth{Device: st.Device, Target: st.Target, Mapping: d.Mapping, Class: p.class()}, Login: p.login()}}
}

// attempts are what a claim's actor tells for history.
func (p *sides) attempts() []Attempt {
	var as []Attempt
	for range p.r.IntN(3) {
		as = append(as, Attempt{Device: p.step().String(), Action: "off", Class: p.class(), Login: p.login()})
	}
	return as
}

// replace gives the machine of a node that is over up, where one is, for nothing, its own, a spare or another node's.
func (p *sides) replace() Entry {
	n := p.target()
	for i := range p.s.Nodes {
		if o := &p.s.Nodes[i]; (&turn{s: p.s}).over(o, true) == nil && o.Machine.Known() {
			n = o
		}
	}
	e := &Replace{Node: n.ID, Old: n.Machine, By: "op", Reason: "new"}
	if m := p.machine(n.ID); !p.one(3) {
		switch p.r.IntN(4) {
		case 0:
			m = p.s.Nodes[p.r.IntN(len(p.s.Nodes))].Machine
		case 1:
			m = p.machine(n.ID + 8)
		}
		e.New = &m
	}
	return Entry{Replace: e}
}

// found says what names are asked for, as far as it decides anything: whose machine is one, whom a device may have named, and which steps are some level's.
func found(s *State) string {
	var a strings.Builder
	for i := range s.Nodes {
		n := &s.Nodes[i]
		for j := range s.Nodes {
			m := s.Nodes[j].Machine
			for _, id := range []fence.Identity{{UUIDs: []string{strings.ToUpper(m.UUID)}}, {Serial: m.Serial}, {UUIDs: []string{m.UUID}, Serial: "SN-1"}} {
				ev := fence.Evidence{Devices: []fence.DeviceEvidence{{Final: fence.Read{Identity: id}}}}
				hits := slices.DeleteFunc(s.judgeOf(n, ev).Others, func(o fence.Machine) bool { return !id.Matches(o) })
				fmt.Fprint(&a, n.ID, " ", hits)
			}
			for _, o := range s.others(n, machineNames([]string{m.UUID}, "")) {
				if o.Machine.Same(m) {
					fmt.Fprint(&a, " is ", o.ID)
				}
			}
		}
	}
	for id := range 9 {
		for _, st := range []fence.Step{{Device: fmt.Sprintf("bmc-%d", id)}, {Device: "fc", Target: fmt.Sprintf("n%d", id)}} {
			called, ok := s.stepNamed(st.String())
			fmt.Fprint(&a, s.uses(st), called, ok)
		}
	}
	return a.String()
}

// saw counts what is decided by a name.
func (p *sides) saw(got any, err error) {
	for _, words := range []string{"is already the machine of", "another node's machine"} {
		if strings.Contains(fmt.Sprint(got, err), words) {
			p.done[words]++
		}
	}
	for _, e := range got.([]Event) {
		if e.Kind == EventHealth && len(e.Device) > 0 {
			p.done["device-health"]++
		}
	}
}
