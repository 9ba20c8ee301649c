package config

import (
	"fmt"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// deviceEntry is a roster device, its half for the plugin host, and its place.
type deviceEntry struct {
	fence.Device
	dev  Device
	at   *node
	used bool
}

// ownFields are the fields of a device that fenced itself reads; every other field is an option of the plugin.
var ownFields = []string{"plugin", "kind", "secrets", "limit", "isolate", "attempts", "attempt_timeout", "settle", "hold_up", "poll", "effect", "accept_mapping", "on_target"}

// inlineName is the name of a device that a node defines for itself: DEVICE@NODE, which no name in `devices:` can be.
func inlineName(device, node string) string { return device + "@" + node }

func (l *loader) readDevices() {
	for _, f := range mapAt(l.root.get("devices"), "devices", l.rep).n.fields {
		l.readDevice(f, f.key.value, "devices."+f.key.value)
	}
}

func (l *loader) readInlineDevices(name string, n reader) {
	for _, f := range mapAt(n.n.get("devices"), n.sub("devices"), l.rep).n.fields {
		l.readDevice(f, inlineName(f.key.value, name), n.sub("devices")+"."+f.key.value)
	}
}

func (l *loader) readDevice(f field, name, path string) {
	if !goodName(f.key.value) {
		l.rep.at(f.key, nameRemedy, "%s cannot be the name of a device", quote(f.key.value))
	}
	r := mapAt(f.value, path, l.rep)
	d := deviceEntry{at: f.key}
	d.Name, d.dev.Name = name, name
	d.Plugin = l.pluginName(r, f.key)
	d.dev.Plugin = d.Plugin
	d.Kind = l.deviceKind(r, f.key, d.Plugin)
	d.dev.Isolate = r.boolean("isolate", false)
	if d.Accepted = r.boolean("accept_mapping", false); d.Accepted && d.Kind != fence.KindStorage {
		l.rep.at(r.key("accept_mapping"), "remove the line: `fenced drill` proves the mapping of what switches power", "%s: only the targets of a device of kind storage are vouched for", r.path)
	}
	l.onTarget(&d, r)
	def := defaultsOf(d.Plugin)
	d.Limit = r.number("limit", def.limit, 1, 1000)
	d.Attempts = r.number("attempts", def.attempts, 1, 100)
	d.AttemptMS = r.duration("attempt_timeout", def.attempt, time.Hour)
	d.SettleMS = r.duration("settle", def.settle, time.Hour)
	d.HoldUpMS = r.duration("hold_up", def.holdUp, time.Hour)
	d.PollMS = r.duration("poll", def.poll, time.Hour)
	d.EffectMS = r.duration("effect", def.effect, time.Hour)
	l.checkDeviceTiming(d, r)
	l.options(&d, r)
	l.checkClass(d, r)
	l.rep.by(fromSchema, func() { l.judge(&d, r) })
	l.devices = append(l.devices, d)
}

// checkClass refuses a fence agent whose class is not what the device is taken for: one that only waits would fill a level that proves nothing (R18).
func (l *loader) checkClass(d deviceEntry, r reader) {
	if c := d.dev.Options["class"]; d.Plugin == "agent" && c != "" && c != string(d.Kind) {
		l.rep.at(r.key("class"), "let `kind` and `class` say the same", "%s: the agent is of class %s and the device of kind %s", r.path, quote(c), d.Kind)
	}
}

// registrars are the agents of which everybody knows that a node opens its way only itself (ADR 0099).
var registrars = []string{"fence_scsi", "fence_mpath"}

// onTarget reads whether each node opens its own way through this device itself.
func (l *loader) onTarget(d *deviceEntry, r reader) {
	d.OnTarget = r.boolean("on_target", false)
	agent, _ := r.text("agent")
	switch {
	case d.OnTarget && d.Kind != fence.KindStorage:
		l.rep.at(r.key("on_target"), "remove the line: a node registers itself only at a device of kind storage", "%s: who switches power is no node's own", r.path)
	case d.Plugin == "agent" && contains(registrars, filepath.Base(agent)) && !r.has("on_target"):
		l.rep.warn(d.at, "write `on_target: true`, and each node's daemon does it once in each boot, before it is admitted; or false, where something else does at each boot",
			"device %s: %s registers a node only on the node itself, and nothing here says who does that", d.Name, filepath.Base(agent))
	}
}

// checkDeviceTiming refuses an attempt that cannot end well: two reads a settling time apart and one poll must fit into it (R16 c).
func (l *loader) checkDeviceTiming(d deviceEntry, r reader) {
	if d.PollMS < 1 {
		l.rep.at(r.key("poll"), "write at least 1ms", "%s must be positive", r.sub("poll"))
	}
	if need := d.SettleMS + d.HoldUpMS + d.PollMS; d.AttemptMS <= need {
		l.rep.at(r.key("attempt_timeout"), fmt.Sprintf("allow more than %d ms", need),
			"%s: attempt_timeout (%d ms) leaves no time beside settle, hold_up and poll (%d ms)", r.path, d.AttemptMS, need)
	}
}

func (l *loader) pluginName(r reader, key *node) string {
	p, ok := r.text("plugin")
	switch {
	case !r.has("plugin"):
		l.rep.at(key, "write `plugin: NAME`, such as bmc", "device %s names no plugin", quote(key.value))
	case ok && !goodName(p):
		l.rep.at(r.n.get("plugin"), nameRemedy, "%s cannot be the name of a plugin", quote(p))
	case p == "selffence":
		l.rep.at(r.n.get("plugin"), "remove the device; self-fencing needs none", "selffence acts on its own machine only and cannot fence another (R24)")
	}
	return p
}

// deviceKind is known for our own plugins. For others the administrator says it: taking a delay for a power switch would be a proof of nothing.
func (l *loader) deviceKind(r reader, key *node, plugin string) fence.DeviceKind {
	known := bundled(plugin)
	if !known && plugin != "" && !r.has("kind") {
		l.rep.at(key, "write `kind: power` (or storage, delay): what `fenced plugin info "+plugin+"` says of it",
			"device %s uses plugin %s, which does not come with fenced, and does not say its kind", quote(key.value), plugin)
	}
	return fence.DeviceKind(r.enum("kind", string(fence.KindPower), string(fence.KindPower), string(fence.KindStorage), string(fence.KindDelay)))
}

// options gathers what belongs to the plugin: every field that is not fenced's own, and the secrets.
func (l *loader) options(d *deviceEntry, r reader) {
	d.dev.Options = map[string]string{}
	d.dev.Secrets = map[string]Secret{}
	for _, f := range r.n.fields {
		name := f.key.value
		if contains(ownFields, name) {
			continue
		}
		if secret, ok := secretFileOf(name); ok {
			l.secret(d, secret, f.value)
			continue
		}
		if f.value.kind != scalar {
			l.rep.at(f.value, "options of a plugin are single values", "%s must be a value, not %s", r.sub(name), f.value.kind)
			continue
		}
		if secretName(name) {
			l.rep.at(f.key, "put it into a file of mode 0600 and write `"+name+"_file: PATH`", "%s stands in the configuration in clear", r.sub(name))
			continue
		}
		d.dev.Options[name] = f.value.value
	}
	for _, f := range mapAt(r.n.get("secrets"), r.sub("secrets"), l.rep).n.fields {
		if _, twice := d.dev.Options[f.key.value]; twice {
			l.rep.at(f.key, "keep one of them", "%s is an option and a secret", quote(f.key.value))
		}
		l.secret(d, f.key.value, f.value)
	}
}

func sortedDevices(ds []deviceEntry) []deviceEntry {
	out := append([]deviceEntry(nil), ds...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func itoa(i int) string { return strconv.Itoa(i) }
