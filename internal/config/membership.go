package config

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
)

// membership reads the provider, which is never guessed: two engines that both think they decide have burnt clusters (R27).
func (l *loader) membership() {
	r := mapAt(l.root.get("membership"), "membership", l.rep, "provider", "listen", "allow_two_memberships")
	c := l.cfg
	p, ok := r.text("provider")
	switch {
	case !r.has("provider"):
		at := l.root
		if l.root.get("membership") != nil {
			at = l.root.key("membership")
		}
		l.rep.at(at, "write `membership: {provider: embedded}`, or corosync on nodes that run corosync", "the membership provider is not named, and it is never guessed")
	case ok && p != providerEmbedded && p != ProviderCorosync:
		l.rep.at(r.n.get("provider"), "write embedded or corosync", "membership.provider cannot be %s", quote(p))
	}
	c.Provider = p
	c.AllowTwoMemberships = r.boolean("allow_two_memberships", false)
	switch p {
	case providerEmbedded:
		c.Listen = l.listen(r)
		l.checkVoters()
		l.checkWitnesses()
		l.checkEvenSplit()
		l.checkOtherMembership(r)
	case ProviderCorosync:
		l.checkCorosync(r)
	}
}

// The membership providers.
const (
	providerEmbedded = "embedded"
	ProviderCorosync = "corosync"
)

// listen defaults to this node's own address where that is a number; a name may resolve to 127.0.1.1 on its own machine.
func (l *loader) listen(r reader) string {
	if s, ok := r.text("listen"); ok {
		host, port, err := net.SplitHostPort(s)
		if err == nil && host == "" {
			host = "0.0.0.0"
		}
		if _, why := hostPort(net.JoinHostPort("127.0.0.1", port), ""); err != nil || why != "" {
			l.rep.at(r.n.get("listen"), "write ADDRESS:PORT or :PORT", "membership.listen cannot be %s", quote(s))
		}
		return net.JoinHostPort(host, port)
	}
	own, _ := l.cfg.Roster.Node(l.cfg.Self)
	for _, n := range l.nodes {
		if n.ID == l.cfg.Self {
			own = n.RosterNode
		}
	}
	host, port, err := net.SplitHostPort(own.Address)
	if err != nil {
		return ""
	}
	if _, err := netip.ParseAddr(host); err != nil {
		host = ""
	}
	return net.JoinHostPort(host, port)
}

// checkVoters demands three votes: with two, neither can go on alone (R23). A witness is a vote.
func (l *loader) checkVoters() {
	voters := 0
	for _, n := range l.nodes {
		if n.Votes > 1 {
			l.rep.at(valueAt(n.at, "votes", n.by), "write 1, or 0 for a node that follows without a vote", "node %s has %d votes, and embedded membership counts one for each node", quote(n.Name), n.Votes)
		}
		if n.Votes > 0 {
			voters++
		}
	}
	at := l.root.key("nodes")
	switch {
	case len(l.nodes) == 0:
	case voters == 2:
		l.rep.at(at, "add a third node, or a small one with `role: witness`", "two voters and no witness: when one dies the other has no quorum (R23)")
	case voters < 2:
		l.rep.at(at, "add nodes: embedded membership needs three voters, one may be a witness", "%d voter: nobody would be left to fence it", voters)
	}
}

// checkWitnesses: a witness has a vote and nothing that could be fenced, and witnesses alone are never a quorum: nobody in such a view could act.
func (l *loader) checkWitnesses() {
	voters, witnesses := 0, 0
	var last nodeEntry
	for _, n := range l.nodes {
		voters += n.Votes
		if !n.Witness {
			continue
		}
		witnesses, last = witnesses+n.Votes, n
		if n.Votes == 0 {
			l.rep.at(valueAt(n.at, "votes", n.by), "remove `votes`, or remove the witness", "witness %s has no vote, and a vote is all it is for", quote(n.Name))
		}
		for _, f := range []string{"levels", "devices", "machine", "action"} {
			if n.at.get(f) != nil {
				l.rep.at(n.at.key(f), "remove it, or remove `role: witness`", "witness %s has %s: it holds nothing that is shared and is never fenced", quote(n.Name), f)
			}
		}
	}
	if voters >= 3 && witnesses >= voters/2+1 {
		l.rep.at(last.by, "make it a node, or remove it", "the witnesses alone have %d of the %d votes that quorum needs: without a node nobody could act", witnesses, voters/2+1)
	}
}

// checkOtherMembership refuses embedded membership beside corosync or dlm: those have a membership of their own, and theirs must decide (R27).
func (l *loader) checkOtherMembership(r reader) {
	if l.cfg.AllowTwoMemberships {
		return
	}
	for _, sign := range []struct{ path, what string }{
		{"etc/corosync/corosync.conf", "corosync is configured"},
		{"run/corosync", "corosync runs"},
		{"run/dlm_controld", "dlm_controld runs"},
		{"sys/module/dlm", "the kernel's dlm is loaded"},
	} {
		path := filepath.Join(l.cfg.SystemRoot, sign.path)
		if _, err := os.Lstat(path); err == nil || !os.IsNotExist(err) {
			l.rep.at(r.key("provider"), "remove it from this node, or write `allow_two_memberships: true` if you know that nothing shared depends on it",
				"embedded membership on a node where %s (%s)", sign.what, path)
			return
		}
	}
}

func valueAt(m *node, name string, or *node) *node {
	if v := m.get(name); v != nil {
		return v
	}
	return or
}
