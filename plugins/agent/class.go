package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// class is what a success of an agent means, and why we say so (R18).
type class struct {
	kind sdk.Kind
	why  string
}

// known are the agents whose class their metadata does not show. An agent that is not here is judged by what it can do (judge).
var known = map[string]class{
	"fence_scsi":            {sdk.Storage, "it takes away SCSI registrations: the machine goes on running"},
	"fence_mpath":           {sdk.Storage, "it takes away SCSI registrations through multipath: the machine goes on running"},
	"fence_brocade":         {sdk.Storage, "it closes a port of a Fibre Channel switch: the machine goes on running"},
	"fence_cisco_mds":       {sdk.Storage, "it closes a port of a Fibre Channel switch: the machine goes on running"},
	"fence_sanbox2":         {sdk.Storage, "it closes a port of a Fibre Channel switch: the machine goes on running"},
	"fence_ifmib":           {sdk.Storage, "it closes a port of a network switch: the machine goes on running"},
	"fence_compute":         {sdk.Delay, "it tells OpenStack to move machines away; whether the host runs it does not know"},
	"fence_evacuate":        {sdk.Delay, "it tells OpenStack to move machines away; whether the host runs it does not know"},
	"fence_kdump":           {sdk.Delay, "it waits for a message of a crashing kernel; silence and a lost message look alike"},
	"fence_heuristics_ping": {sdk.Delay, "it pings somebody else; it is a gate before a device and no device"},
	"fence_heuristics":      {sdk.Delay, "it looks at something else; it is a gate before a device and no device"},
	"fence_crosslink":       {sdk.Delay, "it looks at a cable between two nodes and switches nothing"},
	"fence_sbd":             {sdk.Delay, "it leaves a message on a disk and waits; nothing reads back that the machine is off"},
	"fence_watchdog":        {sdk.Delay, "it only waits; the watchdog is a step of its own: wait: watchdog"},
	"fence_dummy":           {sdk.Delay, "it writes a file, for tests"},
	"fence_ack_manual":      {sdk.Delay, "it is a person's word: fenced ack is what asks for that"},
	"fence_fenced":          {sdk.Delay, "it is fenced itself"},
	"fence_rcd_serial":      {sdk.Delay, "it pulls a reset line and can read nothing back"},
	"fence_ovh":             {sdk.Delay, "it asks for a rescue boot and cannot read the state of the machine back"},
}

// worth orders the kinds by what they prove (R18).
var worth = []sdk.Kind{sdk.Delay, sdk.Storage, sdk.Power}

// overridden is the class by the word of the configuration, "" for none. Less than what is known of the agent is believed at once. More is a person's
// word against a reason, and where it is wrong a life that goes on is released as one without power: it needs `accept_class: true` where the table knows
// the agent, and for power always. An agent that is read by its reservations is never of class power: what it takes away is known, and is not the power.
func (c class) overridden(path string, m metadata, to sdk.Kind, accepted bool) (class, error) {
	raised := slices.Index(worth, to) > slices.Index(worth, c.kind)
	_, reserves := reserves(path, m)
	switch {
	case to == "" || to == c.kind:
		return c, nil
	case reserves && to == sdk.Power:
		return c, sdk.Refused(fmt.Errorf("option class: %s is never of class power: %s", filepath.Base(path), c.why))
	case raised && !accepted && (to == sdk.Power || tabled(path, m)):
		return c, sdk.Refused(fmt.Errorf("option class: %s is of class %s: %s; write `accept_class: true` if you vouch for %s", filepath.Base(path), c.kind, c.why, to))
	}
	return class{to, "the configuration says so"}, nil
}

// tabled reports whether the table knows an agent.
func tabled(path string, m metadata) bool {
	return slices.ContainsFunc(names(path, m), func(n string) bool { _, ok := known[n]; return ok })
}

// classify says what an agent's success means. path's symbolic links count: fence_ilo4 is fence_ipmilan.
func classify(path string, m metadata) class {
	for _, n := range names(path, m) {
		if c, ok := known[n]; ok {
			return c
		}
	}
	return judge(m)
}

// names are those by which an agent may be known: what it is called, what it calls itself, and what its symbolic links end at.
func names(path string, m metadata) []string {
	all := []string{filepath.Base(path), m.Name}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		all = append(all, filepath.Base(real))
	}
	return all
}

// judge goes by what the agent can do, and by the less where that is unclear.
func judge(m metadata) class {
	on, _ := m.action("on")
	switch {
	case !m.can("off") || !m.can("status"):
		return class{sdk.Delay, "it cannot both switch off and say the state, so nothing can be read back"}
	case on.OnTarget:
		return class{sdk.Delay, "a node has to switch itself on: that is a registration, and what keeps out those without one is not known here"}
	case on.Automatic:
		return class{sdk.Storage, "a node is to be switched on when it joins: that is access, not power"}
	case !m.can("reboot"):
		return class{sdk.Storage, "it knows no reboot, as agents that cut access do"}
	}
	return class{sdk.Power, "it switches on and off, reboots, and says the state"}
}
