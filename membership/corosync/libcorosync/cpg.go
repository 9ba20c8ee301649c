//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/ebitengine/purego"
)

// batch is how many events one Dispatch takes at most, so that a flood of messages cannot keep its caller.
const batch = 256

// mostListed is more members than corosync ever lists; a list that is longer was not written by the library that this package knows.
const mostListed = 4096

// Group is one connection to the CPG service; it can join one group. One goroutine at a time may use it.
type Group struct {
	handle    uint64
	collected []GroupEvent
	broken    error
}

// OpenGroup connects. TryAgain and Library mean that corosync is starting or not there: try again later.
func OpenGroup() (*Group, error) {
	if err := Load(); err != nil {
		return nil, err
	}
	g := &Group{}
	data := &cpgModelV1{Model: cpgModel1, Deliver: onDeliver, Confchg: onConfchg, Totem: onTotem, Flags: initialTotemConf}
	if err := failed("cpg_model_initialize", cpgModelInitialize(&g.handle, cpgModel1, data, 0)); err != nil {
		return nil, err
	}
	groups.Store(g.handle, g)
	return g, nil
}

// Close ends the connection: the other members see this process go (PROCDOWN) if it has not left before.
func (g *Group) Close() error {
	groups.Delete(g.handle)
	return failed("cpg_finalize", cpgFinalize(g.handle))
}

// FD becomes readable when there is something to dispatch, and hangs up when corosync ends.
func (g *Group) FD() (int, error) {
	var fd int32
	err := failed("cpg_fd_get", cpgFdGet(g.handle, &fd))
	return int(fd), err
}

// LocalNode is this node's id in the ring.
func (g *Group) LocalNode() (uint32, error) {
	var id uint32
	err := failed("cpg_local_get", cpgLocalGet(g.handle, &id))
	return id, err
}

// MaxMessage is the longest message, in bytes, that is sent in one piece; a longer one can be interrupted by a change.
func (g *Group) MaxMessage() (int, error) {
	var size uint32
	err := failed("cpg_max_atomic_msgsize_get", cpgMaxAtomicSize(g.handle, &size))
	return int(size), err
}

// Join asks to be a member. TryAgain: an earlier connection of this process is still leaving, or the ring changes.
func (g *Group) Join(group string) error { return g.named("cpg_join", cpgJoin, group) }

// Leave asks to be a member no more: the others see LEAVE and not PROCDOWN.
func (g *Group) Leave(group string) error { return g.named("cpg_leave", cpgLeave, group) }

func (g *Group) named(what string, call func(uint64, *cpgName) Status, group string) error {
	n := &cpgName{}
	if len(group) == 0 || len(group) > len(n.Value) {
		return fmt.Errorf("%s: a group's name has 1 to %d bytes, not %d", what, len(n.Value), len(group))
	}
	n.Length = uint32(copy(n.Value[:], group))
	return failed(what, call(g.handle, n))
}

// Send puts a message into the agreed order of the group's messages. TryAgain: corosync's queue is full or the ring changes; the message was not
// sent and the caller keeps it. No error means that it was queued, not that anybody has it.
func (g *Group) Send(data []byte) error {
	if len(data) == 0 {
		return failed("cpg_mcast_joined", Invalid)
	}
	v := &iovec{Base: unsafe.Pointer(unsafe.SliceData(data)), Len: uintptr(len(data))}
	s := cpgMcastJoined(g.handle, typeAgreed, v, 1)
	runtime.KeepAlive(v)
	runtime.KeepAlive(data)
	return failed("cpg_mcast_joined", s)
}

// Dispatch returns what has happened since the last call, in order, without waiting; more says that there may be more at once. After an error
// the connection is dead; what was collected before it is returned with it.
func (g *Group) Dispatch() (events []GroupEvent, more bool, err error) {
	s := OK
	for len(g.collected) < batch && s == OK && g.broken == nil {
		s = cpgDispatch(g.handle, oneNonblocking)
	}
	events, g.collected = g.collected, nil
	if g.broken != nil {
		return events, false, g.broken
	}
	if s == TryAgain {
		return events, false, nil
	}
	return events, s == OK, failed("cpg_dispatch", s)
}

// collect keeps what a callback brought.
func (g *Group) collect(e GroupEvent) { g.collected = append(g.collected, e) }

// groups finds the connection of a handle: C calls back with the handle alone.
var groups handles[*Group]

var onDeliver, onConfchg, onTotem uintptr

// makeGroupCallbacks makes the three functions that libcpg calls. They are made once, because they can never be freed.
func makeGroupCallbacks() {
	onDeliver = purego.NewCallback(func(h uint64, _ *cpgName, node, pid uint32, msg unsafe.Pointer, n uintptr) {
		if g, ok := groups.Load(h); ok {
			g.collect(Delivered{From: Process{node, pid}, Data: slices.Clone(unsafe.Slice((*byte)(msg), n))})
		}
	})
	onConfchg = purego.NewCallback(func(h uint64, _ *cpgName, members unsafe.Pointer, nm uintptr, left unsafe.Pointer, nl uintptr, joined unsafe.Pointer, nj uintptr) {
		g, ok := groups.Load(h)
		if !ok {
			return
		}
		if nm > mostListed || nl > mostListed || nj > mostListed {
			g.broken = fmt.Errorf("libcpg lists %d members, %d left, %d joined: not the library that fenced knows", nm, nl, nj)
			return
		}
		e := GroupChanged{Left: changes(left, nl), Joined: changes(joined, nj)}
		for _, c := range changes(members, nm) {
			e.Members = append(e.Members, c.Process)
		}
		g.collect(e)
	})
	// The ring id is passed by value: sixteen bytes of integers, two words on both architectures.
	onTotem = purego.NewCallback(func(h uint64, ringNode uintptr, ringSeq uint64, n uint32, nodes unsafe.Pointer) {
		g, ok := groups.Load(h)
		if !ok {
			return
		}
		if n > mostListed {
			g.broken = fmt.Errorf("libcpg lists %d nodes: not the library that fenced knows", n)
			return
		}
		g.collect(RingChanged{Ring: RingID{uint32(ringNode), ringSeq}, Nodes: nodeIDs(nodes, n)})
	})
}

// changes copies a list, which is valid only during the callback.
func changes(p unsafe.Pointer, n uintptr) []Change {
	if p == nil {
		return nil
	}
	var out []Change
	for _, a := range unsafe.Slice((*cpgAddress)(p), n) {
		out = append(out, Change{Process{a.NodeID, a.PID}, Reason(a.Reason)})
	}
	return out
}

func nodeIDs(p unsafe.Pointer, n uint32) []uint32 {
	if p == nil {
		return nil
	}
	return slices.Clone(unsafe.Slice((*uint32)(p), n))
}
