package embedded

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// The streams that a connection can carry.
const (
	streamRaft    = "raft"
	streamControl = "control"
)

// hello is what each end of a connection says first, inside TLS.
type hello struct {
	Protocol int          `json:"protocol"`
	Version  string       `json:"version"`
	Cluster  string       `json:"cluster"`
	Domain   string       `json:"domain"` // "": none yet, wants to join
	Node     fence.NodeID `json:"node"`
	Boot     string       `json:"boot"`
	Instance string       `json:"instance"`
	Store    string       `json:"store"`
	Starts   uint64       `json:"starts"`
	Position position     `json:"position"`
	Stream   string       `json:"stream"`
	To       string       `json:"to,omitempty"` // the server id that a raft stream is meant for
	from     string       // where it speaks from, as its receiver sees it
}

// shown is what a hello or a ping shows of its sender's store.
func (h hello) shown() shown {
	return shown{Store: h.Store, Starts: h.Starts, Instance: h.Instance, Position: h.Position, From: h.from}
}

// verdict is what each end thinks of the other's hello; the acceptor's carries its own hello.
type verdict struct {
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
	Hello  *hello `json:"hello,omitempty"`
}

// serverID is how Raft knows a store: node and store, so that a wiped store is nobody's voter (R3). It is Raft's address too.
func serverID(node fence.NodeID, store string) raft.ServerID {
	return raft.ServerID(fmt.Sprintf("%d/%s", node, store))
}

func parseServerID(id string) (fence.NodeID, string, error) {
	num, store, ok := strings.Cut(id, "/")
	var node fence.NodeID
	if _, err := fmt.Sscan(num, &node); err != nil || !ok || store == "" {
		return 0, "", fmt.Errorf("%q is not a server id", id)
	}
	return node, store, nil
}

// Reasons that are over by themselves and worth no line: a leader is faster than the answer to the join; a daemon was started anew and the run
// before it was heard a moment ago (floors.go).
const (
	notYet   = "this node has not entered a domain yet"
	notQuiet = "the run before it was heard a moment ago"
)

func passing(reason string) bool { return reason == notYet || reason == notQuiet }

// us is what a hello is judged against.
type us struct {
	hello
	nodes []NodeConfig
	gone  map[fence.NodeID][]string // replaced stores
	owner func(store string, node fence.NodeID) fence.NodeID
}

// refusesUs begins the reason of a refusal by the other side.
const refusesUs = "it refuses this node: "

// remedy ends every refusal of a store: nothing but a new one helps.
const remedy = "; wipe it and join again"

// kindOfRefusal sorts a reason, also one that came over the wire.
func kindOfRefusal(reason string) membership.RefusedKind {
	switch {
	case strings.HasPrefix(reason, secondDaemon) && strings.HasSuffix(reason, remedy):
		return membership.RefusedCopy
	case strings.HasSuffix(reason, remedy):
		return membership.RefusedStore
	case strings.HasSuffix(reason, sameVersion):
		return membership.RefusedVersion
	case strings.HasPrefix(reason, "domain "):
		return membership.RefusedDomain
	}
	return ""
}

// ownerOf is the node whose store this is according to the log, where that is another than the one that shows it; else 0.
func ownerOf(k known, store string, node fence.NodeID) fence.NodeID {
	for id, r := range k.runs {
		if id != node && r.Store == store {
			return id
		}
	}
	return 0
}

func copied(store string, node, owner fence.NodeID) string {
	return fmt.Sprintf("store %s is that of node %d, and node %d shows a copy of it"+remedy, store, owner, node)
}

// sameVersion ends every refusal of another protocol.
const sameVersion = "; they cannot form one cluster: install the same version on both"

// otherVersion is the same refusal whoever dialled: each side names the other's version and its own.
func otherVersion(we us, h hello) string {
	return fmt.Sprintf("it speaks protocol %d (version %s), this node protocol %d (version %s)"+sameVersion, h.Protocol, h.Version, we.Protocol, we.Version)
}

// judge says why the other end is refused, "" if it is not. It looks at nothing but its arguments and the floors.
func judge(we us, h hello, cert fence.NodeID, floors *floors, now time.Time) string {
	_, configured := nodeOf(we.nodes, h.Node)
	joining := h.Stream == streamControl && (h.Domain == "" || we.Domain == "")
	switch {
	case h.Protocol != we.Protocol:
		return otherVersion(we, h)
	case h.Cluster != we.Cluster:
		return fmt.Sprintf("cluster %q, this is cluster %q", h.Cluster, we.Cluster)
	case h.Node != cert:
		return fmt.Sprintf("says that it is node %d, its certificate says node %d", h.Node, cert)
	case h.Node == we.Node:
		return fmt.Sprintf("has this node's own id %d", h.Node)
	case !configured && !knowsMore(we, h):
		return fmt.Sprintf("node %d is not configured here", h.Node)
	case h.Store == "" || h.Instance == "":
		return "hello is incomplete"
	case h.Stream == streamRaft && we.Domain == "":
		return notYet
	case !joining && h.Domain != we.Domain:
		return fmt.Sprintf("domain %s, this is domain %s", orNone(h.Domain), orNone(we.Domain))
	case joining && h.Domain != "" && we.Domain != "" && h.Domain != we.Domain:
		return fmt.Sprintf("domain %s, this is domain %s", h.Domain, we.Domain)
	case slices.Contains(we.gone[h.Node], h.Store):
		return fmt.Sprintf("store %s of node %d was replaced by another; wipe it and join again", h.Store, h.Node)
	case we.owner != nil && we.owner(h.Store, h.Node) != 0:
		return copied(h.Store, h.Node, we.owner(h.Store, h.Node))
	}
	return floors.check(h.shown(), now)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
