//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"bytes"
	"sync"
)

// handles maps the handles of one service to connections.
type handles[T any] struct{ m sync.Map }

// Store remembers a connection.
func (h *handles[T]) Store(handle uint64, c T) { h.m.Store(handle, c) }

// Delete forgets it.
func (h *handles[T]) Delete(handle uint64) { h.m.Delete(handle) }

// Load finds it.
func (h *handles[T]) Load(handle uint64) (T, bool) {
	v, ok := h.m.Load(handle)
	c, _ := v.(T)
	return c, ok
}

// makeCallbacks makes every function that C calls.
func makeCallbacks() {
	makeGroupCallbacks()
	makeQuorumCallbacks()
	makeVoteCallbacks()
}

// cString is a text that ends with a zero byte.
func cString(s string) *byte { return &append([]byte(s), 0)[0] }

// goString is the text before the first zero byte.
func goString(b []byte) string {
	text, _, _ := bytes.Cut(b, []byte{0})
	return string(text)
}
