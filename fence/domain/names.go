package domain

import (
	"maps"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// names finds who and what is called so, without reading through all nodes (0110). It is derived as the index is, but from what only a roster, a first announcement
// and a replacement change, so that no view has it made anew.
type names struct {
	// machines are the nodes whose machine has this UUID, or this serial, ascending.
	machines map[string][]fence.NodeID
	// steps are the device steps of all levels, called those of each name that comes first.
	steps  map[fence.Step]bool
	called map[string]fence.Step
}

// naming makes them from the state: the one place that does.
func (s *State) naming() *names {
	x := &names{machines: map[string][]fence.NodeID{}, steps: map[fence.Step]bool{}, called: map[string]fence.Step{}}
	for i := range s.Nodes {
		x.add(s.Nodes[i].ID, s.Nodes[i].Machine)
	}
	for i := range s.Roster.Nodes {
		for _, l := range s.Roster.Nodes[i].Levels {
			for _, st := range l.Steps {
				x.steps[st] = true
				if _, had := x.called[st.String()]; !had && st.Device != "" {
					x.called[st.String()] = st
				}
			}
		}
	}
	return x
}

// machineNames are under what a machine, or what a device says of one, is looked for: whoever is the same has one of them.
func machineNames(uuids []string, serial string) []string {
	var keys []string
	for _, u := range uuids {
		if u = fence.NormalUUID(u); u != "" {
			keys = append(keys, u)
		}
	}
	if serial = fence.NormalSerial(serial); serial != "" {
		keys = append(keys, "serial "+serial)
	}
	return keys
}

func (x *names) add(id fence.NodeID, m fence.Machine) {
	for _, key := range machineNames([]string{m.UUID}, m.Serial) {
		ids := x.machines[key]
		if i, had := slices.BinarySearch(ids, id); !had {
			x.machines[key] = slices.Insert(ids, i, id)
		}
	}
}

func (x *names) remove(id fence.NodeID, m fence.Machine) {
	for _, key := range machineNames([]string{m.UUID}, m.Serial) {
		ids := x.machines[key]
		if i, had := slices.BinarySearch(ids, id); had {
			ids = slices.Delete(ids, i, i+1)
		}
		if x.machines[key] = ids; len(ids) == 0 {
			delete(x.machines, key)
		}
	}
}

// rename is called when a node of the state got another machine than this one.
func (t *turn) rename(n *Node, was fence.Machine) {
	if x := t.s.names; x != nil {
		x.remove(n.ID, was)
		x.add(n.ID, n.Machine)
	}
}

// others are the nodes but for this one, in order, whose machine may be one of those that are called so.
func (s *State) others(n *Node, keys []string) []*Node {
	if s.names == nil {
		return s.allBut(n)
	}
	var out []*Node
	var ids []fence.NodeID
	for _, key := range keys {
		ids = append(ids, s.names.machines[key]...)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id != n.ID {
			out = append(out, s.Node(id))
		}
	}
	return out
}

// allBut are the nodes but for this one, in order.
func (s *State) allBut(n *Node) []*Node {
	all := make([]*Node, 0, len(s.Nodes))
	for i := range s.Nodes {
		if s.Nodes[i].ID != n.ID {
			all = append(all, &s.Nodes[i])
		}
	}
	return all
}

// judgeOf is Judge for one piece of evidence: of the machines of others only those are in it that some device of the evidence may have identified itself as, which
// are the ones that Admissible could find.
func (s *State) judgeOf(n *Node, e fence.Evidence) fence.Judge {
	var keys []string
	for _, d := range e.Devices {
		for _, id := range []fence.Identity{d.First.Identity, d.Final.Identity} {
			keys = append(keys, machineNames(id.UUIDs, id.Serial)...)
		}
	}
	return s.judge(n, s.others(n, keys))
}

// same reports whether two have the same names.
func (x *names) same(o *names) bool {
	return maps.EqualFunc(x.machines, o.machines, slices.Equal) && maps.Equal(x.steps, o.steps) && maps.Equal(x.called, o.called)
}
