package embedded

import (
	"sync"

	"github.com/fenced-project/fenced/fence"
)

// Faults hurts the providers of one test: it drops what one node sends to another, by TCP and by UDP, and stalls disk writes.
// Production has none: all methods of a nil Faults say that nothing is wrong.
type Faults struct {
	mu     sync.Mutex
	cut    map[[2]fence.NodeID]bool
	disks  map[fence.NodeID]chan struct{}
	polite bool
}

// NewFaults is a whole world.
func NewFaults() *Faults {
	return &Faults{cut: make(map[[2]fence.NodeID]bool), disks: make(map[fence.NodeID]chan struct{})}
}

// Goodbyes lets a provider say goodbye when it is closed. Without it a close is a kill: the others see silence and nothing else.
func (f *Faults) Goodbyes() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polite = true
}

// CutOneWay drops what one node sends to another.
func (f *Faults) CutOneWay(from, to fence.NodeID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut[[2]fence.NodeID{from, to}] = true
}

// Cut drops everything between two nodes.
func (f *Faults) Cut(a, b fence.NodeID) {
	f.CutOneWay(a, b)
	f.CutOneWay(b, a)
}

// Heal ends all cuts.
func (f *Faults) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.cut)
}

// StallDisk makes every write of a node hang until the returned function is called.
func (f *Faults) StallDisk(id fence.NodeID) (resume func()) {
	gate := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disks[id] = gate
	return sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.disks, id)
		f.mu.Unlock()
		close(gate)
	})
}

func (f *Faults) dropped(from, to fence.NodeID) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut[[2]fence.NodeID{from, to}]
}

// killed says that who is closed says no goodbye.
func (f *Faults) killed() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.polite
}

// write returns when the disk of a node works.
func (f *Faults) write(id fence.NodeID) {
	if f == nil {
		return
	}
	f.mu.Lock()
	gate := f.disks[id]
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
}
