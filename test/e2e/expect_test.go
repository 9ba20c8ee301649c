package e2e

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// fencing is one expected fence of one life of one node.
type fencing struct {
	t      *testing.T
	c      *playground.Cluster
	victim *playground.Node
	life   string            // the life that must end
	lives  map[string]string // of all nodes, when it began
}

// expectation is what must be true at its end beside what must always be true.
type expectation struct {
	// device is the one that gave the proof.
	device string
	// actor is who must have done it, "" for any survivor.
	actor string
	// failed are devices of which history must show a failed attempt, with the classes that it may have.
	failed map[string][]string
	// counts are the power-offs expected at BMCs of the victim; nil means one, done, at its first.
	counts map[string]playground.Counts
}

// begin remembers the life that is about to end, and checks that nothing has been switched yet.
func begin(t *testing.T, c *playground.Cluster, node int) *fencing {
	t.Helper()
	f := &fencing{t: t, c: c, victim: c.Node(node), life: c.Node(node).BootID(), lives: map[string]string{}}
	for _, n := range c.Nodes() {
		f.lives[n.Name] = n.BootID()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience(5*time.Second))
	defer cancel()
	for _, b := range c.BMCs() {
		if n := counts(ctx, t, b); n.Off != 0 || n.On != 0 {
			t.Fatalf("%s was used before anything happened: %+v", b.Name, n)
		}
	}
	return f
}

func (f *fencing) survivors() []*playground.Node {
	return slices.DeleteFunc(slices.Clone(f.c.Nodes()), func(n *playground.Node) bool { return n == f.victim })
}

func (f *fencing) await(ctx context.Context, what string, cond func() bool) {
	f.t.Helper()
	must(f.t, f.c.Await(ctx, what, cond))
}

// sight is what one node's stream shows of this fence.
func (f *fencing) sight(n *playground.Node) playground.Sightings {
	return playground.Sight(f.c.Events(n.Index), f.victim.Name, f.life)
}

// survivorsSaw reports whether every survivor's stream shows a milestone.
func (f *fencing) survivorsSaw(m playground.Milestone) bool {
	for _, n := range f.survivors() {
		if _, ok := f.sight(n).First[m]; !ok {
			return false
		}
	}
	return true
}

// fencedAndBack waits until the node is back as a clean member with a new life, then asks everybody.
func (f *fencing) fencedAndBack(ctx context.Context, want expectation) {
	f.t.Helper()
	for _, m := range []playground.Milestone{playground.Detection, playground.Claim, playground.Verdict, playground.Release, playground.PowerOn, playground.Rejoin} {
		f.await(ctx, "every survivor to see "+string(m), func() bool { return f.survivorsSaw(m) })
	}
	must(f.t, f.c.AwaitClean(ctx))
	f.truth()
	f.devices(ctx, want)
	f.streams()
	f.history(ctx, want)
	f.theOthersLive(ctx)
}

// truth asks the machine: it has power, and this is another life.
func (f *fencing) truth() {
	f.t.Helper()
	if now := f.victim.BootID(); now == f.life || now == "" {
		f.t.Errorf("%s has the life %q, and had %q", f.victim.Name, now, f.life)
	}
	if !f.victim.PowerOn() {
		f.t.Errorf("%s has no power", f.victim.Name)
	}
}

// devices asks every BMC how often power was cut: once at the victim's, never at anybody else's.
func (f *fencing) devices(ctx context.Context, want expectation) {
	f.t.Helper()
	for _, b := range f.c.BMCs() {
		got := counts(ctx, f.t, b)
		expected, named := want.counts[b.Name]
		if !named && want.counts == nil && b == f.c.BMC(f.victim.Index) {
			expected = playground.Counts{Off: 1, AppliedOff: 1}
		}
		if got.Off != expected.Off || got.AppliedOff != expected.AppliedOff {
			f.t.Errorf("%s counts %d power-offs, %d of them done; want %d and %d", b.Name, got.Off, got.AppliedOff, expected.Off, expected.AppliedOff)
		}
	}
}

// streams asks every node's event stream: nothing missing, nothing released before its verdict, and the actor's shows all of it.
func (f *fencing) streams() {
	f.t.Helper()
	whole := false
	for _, n := range f.c.Nodes() {
		if gaps := f.c.Gaps(n.Index); len(gaps) > 0 {
			f.t.Errorf("the events of %s have holes: %v", n.Name, gaps)
		}
		for _, bad := range playground.EarlyReleases(n.Name, f.c.Events(n.Index)) {
			f.t.Error(bad)
		}
		s := f.sight(n)
		for _, bad := range s.Disorder(n.Name) {
			f.t.Error(bad)
		}
		whole = whole || n != f.victim && len(s.Missing()) == 0
	}
	if !whole {
		f.t.Error("no survivor's stream shows the whole fence, power-off and read-back included")
	}
	f.oneVerdict()
}

// oneVerdict merges all streams: no other life was named a victim, everybody shows the same committed verdict on this one, and releases rest
// on that verdict.
func (f *fencing) oneVerdict() {
	f.t.Helper()
	var first *playground.Event
	for _, n := range f.c.Nodes() {
		for _, e := range f.c.Events(n.Index) {
			kind := e.Event.Event
			if kind == client.EventVictim && e.Incarnation != f.life {
				f.t.Errorf("%s shows %s, life %s, as a victim too: %s", n.Name, e.Node, e.Incarnation, e.Cause)
			}
			if e.Node != f.victim.Name || e.Incarnation != f.life || (kind != client.EventVerdict && kind != client.EventRelease) {
				continue
			}
			if first == nil {
				first = &e
			}
			if e.Index == 0 || e.Index != first.Index || e.Actor != first.Actor || e.Verdict != first.Verdict || e.Claim != first.Claim {
				f.t.Errorf("%s shows %s of entry %d (claim %d, %s by %s), %s shows %s of entry %d (claim %d, %s by %s)", n.Name, kind, e.Index, e.Claim, e.Verdict,
					e.Actor, f.c.Node(first.From).Name, first.Event.Event, first.Index, first.Claim, first.Verdict, first.Actor)
			}
		}
	}
}

// theOthersLive checks that no survivor was harmed: their lives are those that they began with, and they are at work.
func (f *fencing) theOthersLive(ctx context.Context) {
	f.t.Helper()
	for _, n := range f.survivors() {
		if n.BootID() != f.lives[n.Name] {
			f.t.Errorf("%s was reset", n.Name)
		}
		var s client.Status
		err := f.c.Await(ctx, n.Name+" to be at work", func() bool { // a machine under load may have stood still for a moment (R20)
			var err error
			s, err = n.Client().Status(ctx)
			return err == nil && s.Quorate && !s.Frozen && len(s.Operations) == 0
		})
		if err != nil {
			f.t.Errorf("%v: quorate %v, frozen %v (%s), open operations %v", err, s.Quorate, s.Frozen, s.FrozenWhy, s.Operations)
		}
	}
}

// nothingSwitched checks that a BMC got no off at all.
func (f *fencing) nothingSwitched(ctx context.Context, bmc string) {
	f.t.Helper()
	for _, b := range f.c.BMCs() {
		if n := counts(ctx, f.t, b); b.Name == bmc && (n.Off != 0 || n.AppliedOff != 0 || n.Status == 0) {
			f.t.Errorf("%s counts %+v, want reads and no power-off", b.Name, n)
		}
	}
}

// nothingReleased checks that no survivor has released the victim.
func (f *fencing) nothingReleased() {
	f.t.Helper()
	for _, n := range f.survivors() {
		for _, m := range []playground.Milestone{playground.Verdict, playground.Release} {
			if e, ok := f.sight(n).First[m]; ok {
				f.t.Errorf("%s shows %s without proof: %+v", n.Name, m, e.Event)
			}
		}
	}
}

func counts(ctx context.Context, t *testing.T, b *playground.BMC) playground.Counts {
	t.Helper()
	n, err := b.Counts(ctx)
	must(t, err)
	return n
}

// stateOn is the state of a node as another one shows it.
func stateOn(ctx context.Context, n *playground.Node, name string) string {
	s, err := n.Client().Status(ctx)
	if err != nil {
		return ""
	}
	for _, m := range s.Nodes {
		if m.Name == name {
			return m.State
		}
	}
	return ""
}

// leaderOf asks who leads: status calls it the ring.
func leaderOf(ctx context.Context, t *testing.T, c *playground.Cluster) int {
	t.Helper()
	leader := 0
	must(t, c.Await(ctx, "a leader", func() bool {
		s, err := c.Node(1).Client().Status(ctx)
		if err != nil {
			return false
		}
		for _, n := range c.Nodes() {
			if strings.HasSuffix(s.Ring, n.Name) {
				leader = n.Index
			}
		}
		return leader != 0
	}))
	return leader
}

func itoa(n int) string { return strconv.Itoa(n) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
