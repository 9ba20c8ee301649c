package agreement

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// Who comes is heard by its Hello, so before any session that its votes make quorate: a victim that boots again must not be cut by the quorum that
// it gives before a view shows it (pitfall 11, S2.5). Its own Hello is no sign of life of anybody.
func TestAHelloIsASignOfLife(t *testing.T) {
	w := agreed(t, 3)
	n, o := w.nodes[0], w.nodes[1]
	effectsOf(n.m)
	heard := func(h Hello) bool {
		n.m.Deliver(Process{h.Node, 100}, Message{Hello: &h}, w.now)
		events, _ := effectsOf(n.m)
		return slices.Contains(events, membership.Event(membership.Heard{Member: h.member()}))
	}
	h := n.m.known[o.process()]
	h.Boot, h.Instance, h.Count = "another-boot", "another-instance", h.Count+1
	if !heard(h) {
		t.Error("another life said Hello, and nobody is told that it lives")
	}
	if own := n.m.known[n.process()]; heard(own) {
		t.Error("it hears itself")
	}
}
