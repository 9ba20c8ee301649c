package corosync

import (
	"slices"
	"sync"

	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// maxFrames is how many messages wait for corosync at most; more cannot be told from a corosync that takes none, and the oldest that may be lost
// without harm are. A session's own messages are bounded by proposals and pages.
const maxFrames = 1 << 15

// frames is what waits to be sent, in order. Corosync's flow control (TRY_AGAIN) fills it; a change of session empties it of what is void.
type frames struct {
	mu      sync.Mutex
	queue   []frame
	ping    []byte // goes before everything else: a long transfer must not look like a death
	session agreement.Digest
	wake    func()
}

type frame struct {
	session agreement.Digest
	hello   bool
	data    []byte
}

// push queues a message. A ping or a Hello that was not sent is replaced by the next: the group is told of a ring in two steps, and each of their Hellos
// would make a session. It says false at the bound.
func (f *frames) push(m agreement.Message, data []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.Ping != nil {
		f.ping = data
		f.wake()
		return true
	}
	if len(f.queue) >= maxFrames {
		return false
	}
	if m.Hello != nil {
		f.queue = slices.DeleteFunc(f.queue, func(q frame) bool { return q.hello })
	}
	f.queue = append(f.queue, frame{session: m.Session, hello: m.Hello != nil, data: data})
	f.wake()
	return true
}

// now says which session messages are good for; what is bound to another is dropped when its turn comes.
func (f *frames) now(session agreement.Digest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.session = session
}

// head is the next message to be sent, nil for none; sent takes it away.
func (f *frames) head() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ping != nil {
		return f.ping
	}
	for len(f.queue) > 0 && f.queue[0].session != "" && f.queue[0].session != f.session {
		f.queue = f.queue[1:]
	}
	if len(f.queue) == 0 {
		f.queue = nil
		return nil
	}
	return f.queue[0].data
}

// sent takes the head away, if it is still the one.
func (f *frames) sent(data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ping != nil && &f.ping[0] == &data[0] {
		f.ping = nil
	}
	if len(f.queue) > 0 && &f.queue[0].data[0] == &data[0] {
		f.queue = f.queue[1:]
	}
}

// clear drops everything: the connection is another.
func (f *frames) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue, f.ping = nil, nil
}
