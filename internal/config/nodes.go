package config

import (
	"net"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// nodeEntry is a roster node and the places that later checks point at.
type nodeEntry struct {
	fence.RosterNode
	at *node // its map
	by *node // its key
	// uses are the device steps of its levels.
	uses []use
}

var nodeFields = []string{"id", "address", "votes", "role", "witness", "machine", "action", "levels", "devices", "shared"}

func (l *loader) readNodes() {
	all := l.root.get("nodes")
	if all == nil || all.kind == null {
		remedy := "write `nodes:` and below it a name, an id, an address and levels for each"
		if l.ring.ours {
			remedy = "write `nodes:` and below it the name that corosync's nodelist has for each, and its levels" + l.ring.names()
		}
		l.rep.at(l.root.key("nodes"), remedy, "there are no nodes")
		return
	}
	for _, f := range mapAt(all, "nodes", l.rep).n.fields {
		name := f.key.value
		if !goodName(name) {
			l.rep.at(f.key, nameRemedy, "%s cannot be the name of a node", quote(name))
		}
		r := mapAt(f.value, "nodes."+name, l.rep, nodeFields...)
		n := nodeEntry{at: r.n, by: f.key}
		n.Name = name
		listed := l.ring.named(name)
		n.ID = l.nodeID(r, f.key, listed)
		n.Witness = l.role(r)
		n.Votes = r.number("votes", listed.votes(), 0, 100)
		n.Address = l.address(r, f.key, listed)
		n.Machine = l.machine(r)
		n.Action = fence.Action(r.enum("action", string(fence.ActionReboot), string(fence.ActionReboot), string(fence.ActionOff)))
		n.Shared = l.uses(r, n.Witness)
		l.nodes = append(l.nodes, n)
		l.readInlineDevices(name, r)
	}
}

// The roles of a node.
const (
	roleNode    = "node"
	roleWitness = "witness"
)

// role reads `role: witness`, or `witness: true`, which says the same.
func (l *loader) role(r reader) bool {
	word := r.boolean("witness", false)
	if !r.has("role") {
		return word
	}
	role := r.enum("role", roleNode, roleNode, roleWitness) == roleWitness
	if r.has("witness") && role != word {
		l.rep.at(r.key("witness"), "keep `role`", "%s and %s contradict each other", r.sub("role"), r.sub("witness"))
	}
	return role
}

// nodeID is mandatory: an id that followed from an order or a name would change under an edit of the file. Corosync's nodelist has one for its own.
func (l *loader) nodeID(r reader, key *node, listed *listed) fence.NodeID {
	if !r.has("id") {
		if l.ring.ours {
			return l.listedID(key, listed)
		}
		l.rep.at(key, "write `id: N`, a number that this node keeps for ever", "node %s has no id", quote(key.value))
		return 0
	}
	return fence.NodeID(r.number("id", 0, 1, 1<<31-1))
}

func (l *loader) address(r reader, key *node, listed *listed) string {
	a, ok := r.text("address")
	if !ok {
		if !r.has("address") && l.ring.ours {
			return listed.address()
		}
		if !r.has("address") {
			l.rep.at(key, "write `address: HOST` or `address: HOST:PORT`", "node %s has no address", quote(key.value))
		}
		return ""
	}
	norm, why := hostPort(a, DefaultPort)
	if why != "" {
		l.rep.at(r.n.get("address"), "write HOST or HOST:PORT, an IPv6 address in brackets", "%s cannot be %s: %s", r.sub("address"), quote(a), why)
	}
	return norm
}

// hostPort brings an address into one form; why says what is wrong with it.
func hostPort(a, port string) (norm, why string) {
	a = strings.TrimSpace(a)
	if ip, err := netip.ParseAddr(strings.Trim(a, "[]")); err == nil {
		return net.JoinHostPort(ip.Unmap().String(), port), ""
	}
	host := a
	if strings.Contains(a, ":") {
		h, p, err := net.SplitHostPort(a)
		if err != nil {
			return "", "it is not host:port"
		}
		host, port = h, p
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "its port is not a number from 1 to 65535"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsUnspecified() {
			return "", "the others cannot reach it there"
		}
		return net.JoinHostPort(ip.Unmap().String(), port), ""
	}
	if !goodName(strings.ToLower(host)) {
		return "", "its host is neither an address nor a name"
	}
	return net.JoinHostPort(strings.ToLower(host), port), ""
}

func (l *loader) machine(r reader) *fence.Machine {
	if !r.has("machine") {
		return nil
	}
	m := mapAt(r.n.get("machine"), r.sub("machine"), l.rep, "uuid", "serial", "virtual")
	out := fence.Machine{Serial: m.str("serial", ""), Virtual: m.boolean("virtual", false)}
	u, ok := m.text("uuid")
	switch {
	case !ok && !m.has("uuid"):
		l.rep.at(r.n.key("machine"), "write `uuid:` as in /sys/class/dmi/id/product_uuid, or leave machine out to have it learned", "%s has no uuid", r.sub("machine"))
	case ok && fence.NormalUUID(u) == "":
		l.rep.at(m.n.get("uuid"), "write it as in /sys/class/dmi/id/product_uuid", "%s is not a UUID that identifies a machine", quote(u))
	case ok:
		out.UUID = dashed(fence.NormalUUID(u))
	}
	return &out
}

// dashed writes 32 digits the usual way, so that two spellings of one UUID give one roster hash.
func dashed(u string) string {
	return u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
}

func sortedNodes(ns []nodeEntry) []nodeEntry {
	out := append([]nodeEntry(nil), ns...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}
