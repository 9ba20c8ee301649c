package config

import (
	"slices"
	"sort"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// sharedEntry is a shared device and its place.
type sharedEntry struct {
	fence.Shared
	at *node
}

// readShared reads what nodes share and what cuts them off from it (R18), after the devices are known.
func (l *loader) readShared() {
	for _, f := range mapAt(l.root.get("shared"), "shared", l.rep).n.fields {
		name := f.key.value
		if !goodName(name) {
			l.rep.at(f.key, nameRemedy, "%s cannot be the name of something shared", quote(name))
		}
		r := mapAt(f.value, "shared."+name, l.rep, "cut_by")
		s := sharedEntry{Shared: fence.Shared{Name: name}, at: f.key}
		const remedy = "write one alternative in each line: `- DEVICE`, or `- [DEVICE, DEVICE]` for several paths that must all be closed"
		by := r.n.get("cut_by")
		switch {
		case by == nil:
			l.rep.at(f.key, remedy, "%s has no cut_by: nothing would cut a node off from it", r.path)
		case by.kind != sequence || len(by.items) == 0:
			l.rep.at(by, remedy, "%s must be a list with at least one device", r.sub("cut_by"))
		default:
			for _, it := range by.items {
				s.CutBy = append(s.CutBy, l.cutters(it, r.sub("cut_by")))
			}
		}
		l.shared = append(l.shared, s)
	}
	if len(l.shared) > domain.MaxShared { // a life that announced more would never be admitted
		l.rep.at(l.root.key("shared"), "put what is always used together under one name", "%d things are shared, at most %d may be", len(l.shared), domain.MaxShared)
	}
	sort.SliceStable(l.shared, func(i, j int) bool { return l.shared[i].Name < l.shared[j].Name })
}

// cutters reads one alternative: a device, or a list of those that close every path together.
func (l *loader) cutters(it *node, path string) []string {
	items := []*node{it}
	if it.kind == sequence {
		items = it.items
	}
	var out []string
	if len(items) == 0 {
		l.rep.at(it, "name at least one device", "an alternative of %s is empty", path)
	}
	for _, i := range items {
		if i.kind != scalar || i.bad {
			l.rep.at(i, "write the name of a device", "an alternative of %s has %s in it", path, i.kind)
			continue
		}
		d := l.device(i.value)
		switch {
		case d == nil:
			remedy := "define it under devices"
			if near := nearest(i.value, l.deviceNames("")); near != "" {
				remedy = "did you mean " + near + "?"
			}
			l.rep.at(i, remedy, "%s: there is no device %s", path, quote(i.value))
		case d.Kind != fence.KindStorage:
			l.rep.at(i, "name a device of kind storage", "%s: device %s is of kind %s, which closes no path (R18)", path, d.Name, d.Kind)
		case slices.Contains(out, d.Name):
			l.rep.at(i, "remove one of them", "%s names device %s twice", path, d.Name)
		default:
			out = append(out, d.Name)
		}
	}
	return out
}

// uses reads which shared devices a node uses. One that does not say uses all of them: who uses less says so.
func (l *loader) uses(r reader, witness bool) []string {
	if !r.has("shared") {
		var all []string
		for _, s := range l.shared {
			all = append(all, s.Name)
		}
		if witness {
			return nil
		}
		return all
	}
	list := r.n.get("shared")
	if list.kind != sequence || len(list.items) == 0 || witness {
		l.rep.at(list, "name what the node uses of `shared`, or remove the line: then it uses all of it", "%s must be a list of at least one name, and a witness has none", r.sub("shared"))
		return nil
	}
	var out []string
	for _, it := range list.items {
		known := slices.ContainsFunc(l.shared, func(s sharedEntry) bool { return it.kind == scalar && s.Name == it.value })
		switch {
		case !known:
			var names []string
			for _, s := range l.shared {
				names = append(names, s.Name)
			}
			remedy := "define it under `shared:`"
			if near := nearest(it.value, names); near != "" {
				remedy = "did you mean " + near + "?"
			}
			l.rep.at(it, remedy, "%s: nothing shared is called %s", r.sub("shared"), quote(it.value))
		case slices.Contains(out, it.value):
			l.rep.at(it, "remove one of them", "%s names %s twice", r.sub("shared"), quote(it.value))
		default:
			out = append(out, it.value)
		}
	}
	slices.Sort(out)
	return out
}

// cutStep checks one step that cuts storage: by itself it must be able to prove something.
func (l *loader) cutStep(at *node, d *deviceEntry, path string) {
	switch {
	case strings.Contains(d.Name, "@"):
		l.rep.at(at, "define it under the devices of all, and give each node its target", "%s: device %s cuts storage and is one node's own: what is shared names devices of all", path, d.Name)
	case !d.Accepted:
		l.rep.at(d.at, "compare each node's port with the cabling, then write `accept_mapping: true` here",
			"device %s cuts storage: no drill can prove whose path a target is, and nobody vouches for it (R16)", d.Name)
	}
}

// checkCuts refuses levels that cut storage and could never release anybody (R18).
func (l *loader) checkCuts() {
	for _, n := range l.nodes {
		for i, lv := range n.Levels {
			at := n.levelAt(i)
			if lv.Gives(l.roster()) != fence.EvidenceStorageCut {
				continue
			}
			path := "nodes." + n.Name + ".levels[" + itoa(i+1) + "]"
			if slices.ContainsFunc(lv.Steps, func(s fence.Step) bool { return l.kindOf(s) != fence.KindStorage }) {
				l.rep.at(at, "write them as levels of their own, one below the other", "%s cuts storage and does something else beside it: together they prove neither (R18)", path)
				continue
			}
			if len(n.Shared) == 0 {
				l.rep.at(at, "write `shared:` with everything that the nodes share and `cut_by` for each", "%s cuts storage, and nothing says what the node shares: a cut that may miss something releases nobody (R18)", path)
			}
			for _, name := range n.Shared {
				if open := lv.LeavesOpen(name, l.sharedList(), n.Levels); open != "" {
					l.rep.at(at, "close every path in one level, or name in the node's `shared` what it really uses", "%s does not cut %s off from %s: %s (R18)", path, n.Name, name, open)
				}
			}
		}
	}
	for _, s := range l.shared {
		if !slices.ContainsFunc(l.nodes, func(n nodeEntry) bool { return slices.Contains(n.Shared, s.Name) }) {
			l.rep.warn(s.at, "remove it, or name it in the `shared` of a node", "no node uses %s", s.Name)
		}
	}
}

func (l *loader) kindOf(s fence.Step) fence.DeviceKind {
	if d := l.device(s.Device); d != nil {
		return d.Kind
	}
	return ""
}

func (l *loader) roster() []fence.Device {
	var out []fence.Device
	for _, d := range l.devices {
		out = append(out, d.Device)
	}
	return out
}

func (l *loader) sharedList() []fence.Shared {
	var out []fence.Shared
	for _, s := range l.shared {
		out = append(out, s.Shared)
	}
	return out
}

// levelAt is where a level stands.
func (n nodeEntry) levelAt(i int) *node {
	if lv := n.at.get("levels"); lv != nil && lv.kind == sequence && i < len(lv.items) {
		return lv.items[i]
	}
	return n.by
}
