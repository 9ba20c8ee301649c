package embedded

import (
	"fmt"
	"slices"
	"strings"
	"sync"
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

// notYet is the reason for a leader that is faster than the answer to the join; it is worth no line.
const notYet = "this node has not entered a domain yet"

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
	return floors.check(h.Store, h.Starts, h.Instance, h.Position, now)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// floors keeps the highest that was seen of every store, and refuses a store that shows less: it was restored from a copy (R3).
type floors struct {
	settle time.Duration // how much older a hello may be than the newest ping of the same run

	mu    sync.Mutex
	known map[string]*seen
	dirty map[string]bool
}

type seen struct {
	floor
	older   position // the position as of settle ago, what the same run is measured by
	olderAt time.Time
	began   time.Time // when this run was first seen
	nextPos position
}

func newFloors(known map[string]floor, settle time.Duration) *floors {
	f := &floors{settle: settle, known: make(map[string]*seen), dirty: make(map[string]bool)}
	for id, k := range known {
		f.known[id] = &seen{floor: k, older: k.Position, nextPos: k.Position}
	}
	return f
}

// check says why a store is refused, "" if it is not; what is accepted raises the floor.
func (f *floors) check(store string, starts uint64, instance string, p position, now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.known[store]
	if s == nil {
		f.known[store] = &seen{floor: floor{Starts: starts, Instance: instance, Position: p}, nextPos: p, olderAt: now, began: now}
		f.dirty[store] = true
		return ""
	}
	if now.Sub(s.olderAt) > f.settle {
		s.older, s.nextPos, s.olderAt = s.nextPos, s.Position, now
	}
	switch {
	case starts < s.Starts:
		return fmt.Sprintf("store %s was started %d times, now it says %d: it was restored from a copy; wipe it and join again", store, s.Starts, starts)
	case starts == s.Starts && instance != s.Instance:
		return fmt.Sprintf("store %s is in use by another daemon or was restored from a copy; wipe it and join again", store)
	case starts == s.Starts && p.less(s.older), starts > s.Starts && p.less(s.Position):
		return fmt.Sprintf("the log of store %s went to %d/%d and now ends at %d/%d: it was restored from a copy; wipe it and join again",
			store, s.Position.Term, s.Position.Index, p.Term, p.Index)
	}
	if starts > s.Starts || s.Position.less(p) {
		f.dirty[store] = true
	}
	if starts > s.Starts {
		s.older, s.nextPos, s.olderAt, s.began = s.Position, s.Position, now, now
	}
	s.Starts, s.Instance = starts, instance
	if s.Position.less(p) {
		s.Position = p
	}
	return ""
}

// overtaken says whether a message may be one that its sender's next start has overtaken on the way.
func (f *floors) overtaken(store string, starts uint64, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.known[store]
	return s != nil && starts+1 == s.Starts && now.Sub(s.began) < f.settle
}

// take returns what is to be written.
func (f *floors) take() map[string]floor {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[string]floor)
	for id := range f.dirty {
		out[id] = f.known[id].floor
	}
	clear(f.dirty)
	return out
}
