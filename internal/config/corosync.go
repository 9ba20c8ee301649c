package config

import (
	"net"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync"
)

// ring is what this node's corosync says of itself, where membership is corosync's.
type ring struct {
	ours     bool // membership.provider is corosync
	asked    bool
	settings corosync.Settings
	err      error
}

// listed is a node of corosync's nodelist; nil has nothing.
type listed corosync.Listed

// askRing asks corosync, if it is the membership and may be asked. What does not answer is no mistake by itself.
func (l *loader) askRing() {
	m := l.root.get("membership")
	if m == nil || m.kind != mapping {
		return
	}
	p := m.get("provider")
	l.ring.ours = p != nil && p.kind == scalar && p.value == ProviderCorosync
	if l.ring.ours && l.o.Corosync != nil {
		l.ring.asked = true
		l.ring.settings, l.ring.err = l.o.Corosync()
	}
}

// named is the node of the nodelist that has this name, nil if none has.
func (r *ring) named(name string) *listed {
	for i := range r.settings.Nodes {
		if r.settings.Nodes[i].Name == name {
			return (*listed)(&r.settings.Nodes[i])
		}
	}
	return nil
}

// names are those of the nodelist, for a remedy.
func (r *ring) names() string {
	var names []string
	for _, n := range r.settings.Nodes {
		if n.Name != "" {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

// votes are those that the nodelist gives.
func (n *listed) votes() int {
	if n == nil {
		return 1
	}
	return n.Votes
}

// address is that of the first link.
func (n *listed) address() string {
	if n == nil || len(n.Addresses) == 0 {
		return ""
	}
	norm, why := hostPort(n.Addresses[0], DefaultPort)
	if why != "" {
		return net.JoinHostPort(n.Addresses[0], DefaultPort)
	}
	return norm
}

// listedID takes a node's id from the nodelist, by its name.
func (l *loader) listedID(key *node, n *listed) fence.NodeID {
	switch {
	case n != nil:
		return n.ID
	case l.o.Local:
		return 0
	case l.ring.err != nil:
		l.rep.add(Problem{
			File: key.file, Line: key.line, Col: key.col, later: true, Remedy: "start corosync, or write `id: N` as in its nodelist",
			Text: "node " + quote(key.value) + " has no id here, and corosync's nodelist cannot be read: " + l.ring.err.Error(),
		})
	case !l.ring.asked:
		l.rep.at(key, "write `id: N` as in corosync's nodelist", "node %s has no id", quote(key.value))
	default:
		l.rep.at(key, "write the name that corosync's nodelist has"+l.ring.names()+"; or write `id: N` as there", "node %s has no id, and corosync's nodelist has no node of this name", quote(key.value))
	}
	return 0
}

// checkCorosync compares what the file says with the corosync that is to be the membership.
func (l *loader) checkCorosync(r reader) {
	at := r.n.get("provider")
	for _, f := range []string{"listen", "allow_two_memberships"} {
		if r.has(f) {
			l.rep.at(r.key(f), "remove it", "membership.%s is embedded membership's, and here corosync is the membership", f)
		}
	}
	for _, n := range l.nodes {
		if n.Witness {
			l.rep.at(n.by, "remove it; corosync has quorum devices for this", "node %s is a witness, and corosync counts the votes here", quote(n.Name))
		}
	}
	if len(l.nodes) == 1 {
		l.rep.at(l.root.key("nodes"), "add the others", "1 node: nobody would be left to fence it")
	}
	switch {
	case !l.ring.asked:
		return
	case corosync.Never(l.ring.err):
		l.rep.at(at, "install the package, or write embedded", "%s", l.ring.err)
		return
	case l.ring.err != nil:
		l.rep.warn(at, "start corosync and check again", "corosync's settings were not looked at: %s", l.ring.err)
		return
	}
	s := l.ring.settings
	if s.NoQuorum() {
		l.rep.at(at, corosync.QuorumLine, "corosync has no quorum provider: it would call every part of the cluster quorate")
	}
	for _, w := range s.Warnings() {
		l.rep.warn(at, w.Remedy, "%s", w.Text)
	}
	if s.Cluster != "" && s.Cluster != l.cfg.Roster.Cluster {
		l.rep.warn(at, "nothing, if that is meant", "corosync calls the cluster %s, this file %s", quote(s.Cluster), quote(l.cfg.Roster.Cluster))
	}
	if s.Local != 0 && l.cfg.Self != 0 && s.Local != l.cfg.Self && !l.o.AnyNode {
		l.rep.at(at, "correct `node`, FENCED_NODE, or the id here or there", "this node is %s, id %d, here, and node %d in corosync's nodelist", quote(l.cfg.SelfName), l.cfg.Self, s.Local)
	}
	l.checkListed(at)
	l.checkRingLease(at)
	l.checkTie()
}

// checkTie: which of two even halves goes on is corosync's to say, because corosync counts; a policy that says something else is not carried out.
func (l *loader) checkTie() {
	p := l.root.get("policy")
	if p == nil || p.kind != mapping || p.get("even_split") == nil {
		return
	}
	want, does := l.cfg.Roster.Policy.EvenSplit, "freeze"
	tie := l.ring.settings.TieNode()
	lowest := len(l.ring.settings.Nodes) > 0 && tie == l.ring.settings.Nodes[0].ID
	for _, n := range l.nodes {
		if tie != 0 && n.ID == tie {
			does = "node " + n.Name
		}
	}
	if want == does || want == "lowest-id" && lowest {
		return
	}
	l.rep.warn(p.get("even_split"), "set auto_tie_breaker and auto_tie_breaker_node in corosync.conf as the policy says, or leave even_split out",
		"policy.even_split is %s, and corosync counts as if it were %s", quote(want), quote(does))
}

// checkListed compares the nodes. Who is only in the nodelist is shown and never fenced; who is only here cannot come.
func (l *loader) checkListed(at *node) {
	known := map[fence.NodeID]bool{}
	for _, n := range l.nodes {
		known[n.ID] = true
		in := l.ring.named(n.Name)
		switch {
		case n.ID == 0:
		case in != nil && in.ID != n.ID:
			l.rep.at(valueAt(n.at, "id", n.by), "give both the same id; fenced takes corosync's where the file has none", "node %s has the id %d here and %d in corosync's nodelist", quote(n.Name), n.ID, in.ID)
			continue
		case in == nil:
			in = l.ring.numbered(n.ID)
		}
		switch {
		case n.ID == 0:
		case in == nil:
			l.rep.warn(n.by, "add it to corosync's nodelist, or remove it here", "corosync's nodelist has no node %d (%s)", n.ID, n.Name)
		case in.Votes != n.Votes:
			l.rep.warn(valueAt(n.at, "votes", n.by), "leave `votes` out", "node %s has %d votes here and %d in corosync, which counts", quote(n.Name), n.Votes, in.Votes)
		}
	}
	for _, n := range l.ring.settings.Nodes {
		if len(l.nodes) > 0 && !known[n.ID] {
			l.rep.warn(at, "add it to nodes with its levels", "corosync's nodelist has node %d (%s), which is not one of the nodes here: it would be shown, and never fenced", n.ID, quote(n.Name))
		}
	}
}

func (r *ring) numbered(id fence.NodeID) *listed {
	for i := range r.settings.Nodes {
		if r.settings.Nodes[i].ID == id {
			return (*listed)(&r.settings.Nodes[i])
		}
	}
	return nil
}

// checkRingLease: while a ring forms nothing is delivered, signs of life included. A lease that ends meanwhile freezes every node at every change.
func (l *loader) checkRingLease(at *node) {
	s, lease := l.ring.settings, time.Duration(l.cfg.Roster.Timing.LeaseMS)*time.Millisecond
	if forming := s.Token + s.Consensus; lease > 0 && forming >= lease {
		l.rep.warn(at, "raise timings.lease, or lower corosync's token",
			"corosync needs %v to form a ring without a node that died (token and consensus), and the lease is %v: every such change freezes all nodes for a while", forming, lease)
	}
}
