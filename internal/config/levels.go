package config

import (
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// use is one device step of a node, with its place.
type use struct {
	step fence.Step
	at   *node
}

// readLevels reads the levels of every node, after all devices are known.
func (l *loader) readLevels() {
	for i := range l.nodes {
		n := &l.nodes[i]
		lv := n.at.get("levels")
		path := "nodes." + n.Name + ".levels"
		switch {
		case lv == nil && n.Witness:
			continue
		case lv == nil:
			l.rep.at(n.by, "write `levels:` with at least one device, or `ask: human`", "node %s has no levels: nothing could fence it", quote(n.Name))
			continue
		case lv.kind != sequence:
			l.rep.at(lv, "write one level in each line: `- DEVICE`, or `- [DEVICE, DEVICE]` for several that must all be off", "%s must be a list, not %s", path, lv.kind)
			continue
		case len(lv.items) == 0:
			l.rep.at(lv, "write at least one device, or `ask: human`", "%s is empty: nothing could fence the node", path)
		}
		for k, item := range lv.items {
			n.Levels = append(n.Levels, l.level(n, item, path+"["+itoa(k+1)+"]"))
		}
	}
}

// level reads one level: a device's name, one step as a map, or a list of both.
func (l *loader) level(n *nodeEntry, item *node, path string) fence.Level {
	items := []*node{item}
	if item.kind == sequence {
		items = item.items
	}
	if len(items) == 0 || item.kind == null {
		l.rep.at(item, "write at least one step; an empty level proves nothing", "%s is empty", path)
		return fence.Level{}
	}
	var out fence.Level
	for _, it := range items {
		s, ok := l.step(n, it, path)
		if !ok {
			continue
		}
		for _, have := range out.Steps {
			if have == s {
				l.rep.at(it, "remove one of them", "%s has the step %s twice", path, s)
			}
		}
		out.Steps = append(out.Steps, s)
	}
	for _, s := range out.Steps {
		if s.Ask != "" && len(out.Steps) > 1 {
			l.rep.at(item, "put `ask: human` into a level of its own", "%s asks a human beside other steps: nothing but an acknowledgement would end it (R19)", path)
			break
		}
	}
	return out
}

func (l *loader) step(n *nodeEntry, it *node, path string) (fence.Step, bool) {
	if it.kind == scalar {
		return l.deviceStep(n, it, it.value, "", path)
	}
	if it.kind != mapping {
		l.rep.at(it, "write `device: NAME`, `wait: watchdog` or `ask: human`", "a step of %s is %s", path, it.kind)
		return fence.Step{}, false
	}
	r := mapAt(it, path, l.rep, "device", "target", "wait", "ask")
	kinds := 0
	for _, k := range []string{"device", "wait", "ask"} {
		if r.has(k) {
			kinds++
		}
	}
	if kinds != 1 {
		l.rep.at(it, "write exactly one of device, wait and ask", "a step of %s has %d of device, wait and ask", path, kinds)
		return fence.Step{}, false
	}
	if r.has("target") && !r.has("device") {
		l.rep.at(r.key("target"), "only a device has targets", "%s has a target and no device", path)
	}
	switch {
	case r.has("wait"):
		return fence.Step{Wait: r.enum("wait", fence.WaitWatchdog, fence.WaitWatchdog)}, true
	case r.has("ask"):
		return fence.Step{Ask: r.enum("ask", fence.AskHuman, fence.AskHuman)}, true
	}
	name, ok := r.text("device")
	if !ok {
		return fence.Step{}, false
	}
	return l.deviceStep(n, r.n.get("device"), name, r.str("target", ""), path)
}

// deviceStep resolves a device's name: the node's own device first, then the devices of all.
func (l *loader) deviceStep(n *nodeEntry, at *node, name, target, path string) (fence.Step, bool) {
	if d := l.device(inlineName(name, n.Name)); d != nil {
		name = d.Name
	}
	d := l.device(name)
	if d == nil {
		remedy := "define it under devices, or under this node's devices"
		if near := nearest(name, l.deviceNames(n.Name)); near != "" {
			remedy = "did you mean " + near + "?"
		}
		if base, t, ok := strings.Cut(strings.TrimSuffix(name, "]"), "["); ok && l.device(base) != nil {
			remedy = "write {device: " + base + ", target: " + t + "}"
		}
		l.rep.at(at, remedy, "%s: there is no device %s", path, quote(name))
		return fence.Step{}, false
	}
	d.used = true
	switch d.Kind {
	case fence.KindDelay:
		l.rep.at(at, "use a device that cuts the power or the storage", "%s: device %s only waits (kind delay), which proves nothing (R18)", path, d.Name)
	case fence.KindStorage:
		l.cutStep(at, d, path)
	}
	s := fence.Step{Device: d.Name, Target: target}
	n.uses = append(n.uses, use{step: s, at: at})
	return s, true
}

func (l *loader) device(name string) *deviceEntry {
	for i := range l.devices {
		if l.devices[i].Name == name {
			return &l.devices[i]
		}
	}
	return nil
}

// deviceNames are the names that a level of this node may use.
func (l *loader) deviceNames(node string) []string {
	var names []string
	for _, d := range l.devices {
		names = append(names, strings.TrimSuffix(d.Name, "@"+node))
	}
	return names
}
