package config

import (
	"os"
	"strings"
)

// self finds this node's entry: --node or FENCED_NODE, then `node` in the file, then what corosync says where it is the membership, then the hostname, whole or up to its first dot.
func (l *loader) self(top reader) {
	name, from := l.o.Node, "--node or FENCED_NODE"
	at := l.root.key("nodes")
	if name == "" && top.has("node") {
		name, _ = top.text("node")
		if name == "" {
			return
		}
		from, at = "`node`", top.n.get("node")
	}
	if name == "" && l.ring.settings.Local != 0 {
		for _, n := range l.nodes {
			if n.ID == l.ring.settings.Local {
				name, from = n.Name, "corosync's nodelist"
			}
		}
	}
	if name == "" {
		name, from = l.hostname(), "the hostname"
	}
	for _, n := range l.nodes {
		if n.Name == name {
			l.cfg.Self, l.cfg.SelfName, l.cfg.Witness = n.ID, n.Name, n.Witness
			return
		}
	}
	for _, n := range l.nodes {
		if l.o.SelfID != 0 && n.ID == l.o.SelfID {
			l.cfg.Self, l.cfg.SelfName, l.cfg.Witness = n.ID, n.Name, n.Witness
			l.rep.warn(n.by, "say so in its hostname, `node:` or FENCED_NODE before fenced is started again", "this node, %s by %s, is called %s now", quote(name), from, n.Name)
			return
		}
	}
	if l.o.AnyNode || len(l.nodes) == 0 {
		return
	}
	remedy := "add it to nodes, or say which node this is with `node: NAME` or FENCED_NODE"
	if near := nearest(name, l.nodeNames()); near != "" {
		remedy = "did you mean " + near + "? Names are case-sensitive"
	}
	l.rep.at(at, remedy, "this node, %s by %s, is not one of the nodes", quote(name), from)
}

func (l *loader) hostname() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	short, _, _ := strings.Cut(host, ".")
	names := l.nodeNames()
	if !contains(names, host) && contains(names, short) {
		return short
	}
	return host
}

func (l *loader) nodeNames() []string {
	names := make([]string, len(l.nodes))
	for i, n := range l.nodes {
		names[i] = n.Name
	}
	return names
}

const nameRemedy = "use letters, digits, dot, dash and underscore, begin with a letter or digit, at most 64"

// goodName bounds names: they appear in commands, paths and log lines.
func goodName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '-' || c == '_'):
		default:
			return false
		}
	}
	return true
}
