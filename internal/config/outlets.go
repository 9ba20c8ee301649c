package config

import (
	"cmp"
	"maps"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// system is where a device step ends: one outlet, blade, guest or machine. Two nodes must never end at the same one (R16).
type system struct {
	where string // what is reached: host and port, socket, or the mapping where a device has no address that we know
	id    string // which of the systems there; "" where the device has but one
}

// addressOptions are the options by which devices name what they talk to.
var addressOptions = []string{"address", "host", "hostname", "ip", "ipaddr", "url", "endpoint", "socket"}

// idOptions name one system of several behind an address. Fence agents call an outlet `port` or `plug`, everybody else means TCP by port.
var idOptions = []string{"system", "outlet", "plug", "slot", "blade", "domain"}

func systemOf(d *deviceEntry, target string) system {
	o := d.dev.reached()
	s := system{id: target}
	ids := idOptions
	tcp := "port"
	if d.Plugin == "agent" {
		o = agentOptions(o)
		ids, tcp = append([]string{"port"}, idOptions...), "ipport"
		if own := obeyed(o); own != "" {
			s.id = own
		}
	}
	for _, k := range ids {
		if s.id == "" {
			s.id = o[k]
		}
	}
	for _, k := range addressOptions {
		if o[k] != "" {
			s.where = normalAddress(o[k], o[tcp])
			return s
		}
	}
	s.where = "mapping " + d.Mapping
	return s
}

// agentOptions are options by the names that fence agents compare: to them - and _ are one, and so are both cases of a letter.
func agentOptions(options map[string]string) map[string]string {
	out := make(map[string]string, len(options))
	for _, k := range slices.Sorted(maps.Keys(options)) {
		out[strings.ReplaceAll(strings.ToLower(k), "-", "_")] = options[k]
	}
	return out
}

// obeyed is what some agents act on whatever target they are told, "" for none: nodes on different targets of such a device are one and the same to it.
func obeyed(o map[string]string) string {
	names := []string{"uuid"}
	switch path.Base(o["agent"]) {
	case "fence_scsi":
		names = append(names, "key", "nodename") // in its order
	case "fence_mpath":
		names = append(names, "key")
	}
	for _, k := range names {
		if o[k] != "" {
			return o[k]
		}
	}
	return ""
}

// each are the outlets of a target that names several of them: a node on outlets 1 and 2 shares one with a node on outlet 2.
func (s system) each(d *deviceEntry) []system {
	separator := ","
	switch d.Plugin {
	case "agent":
		separator = cmp.Or(agentOptions(d.dev.Options)["plug_separator"], separator)
	case "pdu":
	default:
		return []system{s}
	}
	var out []system
	for id := range strings.SplitSeq(s.id, separator) {
		if id = strings.TrimSpace(id); d.Plugin == "pdu" {
			id = outletNumber(id)
		}
		out = append(out, system{s.where, id})
	}
	return out
}

// outletNumber writes an outlet that is a number, or numbers with colons, in one way: to the plugin `01` is outlet 1. Every other text is a name, as it is.
func outletNumber(id string) string {
	parts := strings.Split(id, ":")
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return id
		}
		parts[i] = strconv.FormatUint(n, 10)
	}
	return strings.Join(parts, ":")
}

// numbered reports whether an outlet is given by its number.
func numbered(id string) bool { return strings.Trim(id, "0123456789:") == "" }

// checkOutletNames refuses two nodes at one power strip of which one names its outlet and the other gives a number: only the strip knows whether both
// are the same outlet, and it is not asked before it is used (R16). It reports whether it did.
func (l *loader) checkOutletNames(a, b ending) bool {
	if l.device(a.use.step.Device).Plugin != "pdu" || l.device(b.use.step.Device).Plugin != "pdu" || a.id == "" || b.id == "" || numbered(a.id) == numbered(b.id) {
		return false
	}
	l.rep.at(b.use.at, "give the outlets of a power strip by their numbers, or all by their names",
		"nodes %s and %s have outlets of one power strip by name and by number, which may be one outlet: %s and %s (%s)", a.node, b.node, a.use.step, b.use.step, a.use.at.seen(b.use.at))
	return true
}

// ending is where a step of a node ends.
type ending struct {
	system
	node string
	use  use
}

// normalAddress reduces the spellings of an address to one. A management protocol's usual port is left out: a BMC that one node reaches by
// IPMI and another by Redfish is one BMC.
func normalAddress(a, port string) string {
	a = strings.ToLower(strings.TrimSpace(a))
	suffix := ""
	if u, err := url.Parse(a); err == nil && u.Host != "" {
		a, suffix = u.Host, strings.TrimRight(u.Path, "/")
	}
	if h, p, err := net.SplitHostPort(a); err == nil {
		a, port = h, p
	}
	if ip := net.ParseIP(strings.Trim(a, "[]")); ip != nil {
		a = ip.String()
	}
	a = strings.TrimSuffix(a, ".")
	if port != "" && !contains([]string{"623", "443", "80", "161", "22", "23"}, port) {
		a = net.JoinHostPort(a, port)
	}
	return a + suffix
}

// checkOutlets refuses two nodes that end at one outlet or system, and several systems behind one address of which one has no explicit id (R16).
func (l *loader) checkOutlets() {
	var all []ending
	for _, n := range l.nodes {
		for _, u := range n.uses {
			d := l.device(u.step.Device)
			for _, s := range systemOf(d, u.step.Target).each(d) {
				all = append(all, ending{s, n.Name, u})
			}
		}
	}
	reported := map[[2]string]bool{}
	for i, e := range all {
		for _, o := range all[:i] {
			if e.node == o.node || e.where != o.where {
				continue
			}
			pair := [2]string{o.node + "\x00" + o.use.step.String(), e.node + "\x00" + e.use.step.String()}
			if reported[pair] {
				continue
			}
			if e.id != o.id && e.id != "" && o.id != "" {
				reported[pair] = l.checkOutletNames(o, e)
				continue
			}
			reported[pair] = true
			if e.id == o.id {
				l.rep.at(e.use.at, "give each node its own outlet or system",
					"nodes %s and %s end at the same system: %s and %s (%s)", o.node, e.node, o.use.step, e.use.step, o.use.at.seen(e.use.at))
				continue
			}
			l.rep.at(e.use.at, "give each step its target",
				"nodes %s and %s share the address of %s and %s, and one of them does not say which system there (%s)", o.node, e.node, o.use.step, e.use.step, o.use.at.seen(e.use.at))
		}
	}
}
