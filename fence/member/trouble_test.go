package member

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

var lost = Trouble{Kind: TroubleWithdrawn, Name: "a:b", Text: "gfs2 file system a:b has withdrawn"}

// withdrawing is an armed cluster whose members end themselves for a withdrawn file system.
func withdrawing(t *testing.T, n int) *cluster {
	c := newCluster(t, n, true)
	for _, x := range c.nodes {
		x.m.cfg.OnWithdraw = OnWithdrawSelfFence
	}
	return c
}

// sees gives a node looks, a second apart.
func (c *cluster) sees(id fence.NodeID, looks int, all ...Trouble) {
	for range looks {
		if x := c.n(id); x.up {
			x.queue = append(x.queue, KernelSeen{Troubles: all})
		}
		c.run(1000)
	}
}

// R24, R12: a member whose cluster file system has withdrawn ends its life, if its policy says so, on the second look that saw it. It says in the
// log that it is dirty, so the others have it as their victim also where its reset is in vain, and releases wait for the verdict.
func TestAWithdrawnMemberEndsItself(t *testing.T) {
	c := withdrawing(t, 3)
	x := c.n(1)
	c.sees(1, 1, lost)
	if x.fell {
		t.Fatal("fell on one look")
	}
	c.sees(1, 1, lost)
	if !x.fell || !strings.Contains(x.m.fellWhy, "a:b has withdrawn") {
		t.Fatalf("fell %t: %q, kept by %q", x.fell, x.m.fellWhy, x.m.keptBy())
	}
	if n := c.dom(2).Node(1); n.Phase != domain.PhaseDirty || !strings.Contains(n.Why, "withdrawn") {
		t.Fatalf("the others know %s %q", n.Phase, n.Why)
	}
	for _, o := range []fence.NodeID{2, 3} {
		if len(c.n(o).released) > 0 {
			t.Fatalf("node %d released %v before any verdict", o, c.n(o).released)
		}
	}
	c.run(c.dom(2).Roster.Timing.PostJoinDelayMS + 10_000) // its reset is in vain
	if got := c.count(2, domain.EventVerdict, 1); got != 1 || c.offs[1] != 1 {
		t.Errorf("%d verdicts, %d power-offs", got, c.offs[1])
	}
}

// Nothing ends a life but a withdrawal, seen in looks that follow each other, of an admitted member of an armed cluster by its own policy, with
// those who stay quorate, and no more often in a row than R24 allows.
func TestWhatKeepsAWithdrawnMember(t *testing.T) {
	for _, tc := range []struct {
		name string
		with func(c *cluster)
		sees []Trouble
		kept string
	}{
		{"policy", func(c *cluster) { c.n(1).m.cfg.OnWithdraw = "" }, []Trouble{lost}, "residual.on_withdraw"},
		{"not armed", func(c *cluster) {
			c.append(record{by: c.n(2).self(), data: encode(c.t, domain.Entry{Arm: &domain.Arm{By: "test"}})})
		}, []Trouble{lost}, "not armed"},
		{"third time", func(c *cluster) { c.n(1).m.cfg.Withdrawals = maxSelfFences }, []Trouble{lost}, "3 lives in a row"},
		{"quorum needs it", func(c *cluster) { c.kill(3); c.install(); c.noBootOf(3); c.run(5000) }, []Trouble{lost}, "votes that quorum needs"},
		{"no quorum", func(c *cluster) { c.n(1).m.quorum = false }, []Trouble{lost}, "no quorum"},
		{"suspended", func(*cluster) {}, []Trouble{{Kind: TroubleSuspended, Name: "dm-0", Text: "suspended"}}, ""},
		{"unknown", func(*cluster) {}, []Trouble{{Kind: TroubleUnknown, Name: "gfs2-withdrawn", Text: "no answer"}}, ""},
	} {
		c := withdrawing(t, 3)
		tc.with(c)
		c.run(100)
		c.sees(1, 40, tc.sees...)
		if c.n(1).fell || c.n(1).boot != 1 {
			t.Errorf("%s: fell: %s", tc.name, c.n(1).m.fellWhy)
			continue
		}
		s := c.n(1).m.Standing()
		if len(s) != 1 || !strings.Contains(s[0].Kept, tc.kept) {
			t.Errorf("%s: shown: %+v", tc.name, s)
		}
	}
	c := withdrawing(t, 3)
	for range 10 { // never in two looks that follow each other
		c.sees(1, 1, lost)
		c.sees(1, 1)
	}
	if c.n(1).fell {
		t.Error("fell for looks that contradict each other")
	}
}

func (c *cluster) noBootOf(id fence.NodeID) {
	if c.noBoot == nil {
		c.noBoot = map[fence.NodeID]bool{}
	}
	c.noBoot[id] = true
}

// One bad array makes all file systems withdraw at once: the members go one after the other and never so that quorum ends.
func TestWithdrawnMembersTakeTurns(t *testing.T) {
	c := withdrawing(t, 5)
	for i := range c.nodes {
		c.noBootOf(fence.NodeID(i + 1))
	}
	all := func() {
		for _, x := range c.nodes {
			if x.up {
				x.queue = append(x.queue, KernelSeen{Troubles: []Trouble{lost}})
			}
		}
		c.run(1000)
	}
	gone := func() (n int) {
		for _, x := range c.nodes {
			if x.fell {
				n++
			}
		}
		return n
	}
	for range 60 {
		all()
		for _, x := range c.nodes {
			if x.fell && x.up { // its reset works, and it does not come back
				c.powerOff(x.id)
				c.run(2000)
				c.install()
			}
		}
		if gone() > 2 {
			t.Fatalf("%d of 5 ended themselves", gone())
		}
	}
	if !c.n(1).fell || !c.n(2).fell {
		t.Errorf("%d went: %+v", gone(), c.n(1).m.trouble)
	}
	c = withdrawing(t, 5)
	for range 60 { // its reset does not work: nobody follows
		for _, x := range c.nodes {
			x.queue = append(x.queue, KernelSeen{Troubles: []Trouble{lost}})
		}
		c.dead = map[fence.NodeID]bool{1: true}
		c.run(1000)
	}
	if gone() != 1 {
		t.Errorf("%d ended themselves behind one that could not", gone())
	}
}

// An hour as a member beside no withdrawn file system ends the row, and nothing shorter does: whoever mounts a bad disk is admitted before each.
func TestARowOfWithdrawals(t *testing.T) {
	c := withdrawing(t, 3)
	m := c.n(1).m
	m.cfg.Withdrawals = maxSelfFences
	calm := func(at int64, in Input) bool {
		for _, e := range m.Step(at, in) {
			if _, ok := e.(Calm); ok {
				return true
			}
		}
		return false
	}
	now := c.now
	step := m.Domain().Roster.Timing.FailureTimeoutMS / 2
	until := func(end int64, in Input) bool {
		for now < end {
			now += step
			if calm(now, in) {
				return true
			}
		}
		return false
	}
	if until(now+withdrawCalmMS/2, Tick{}) || until(now+withdrawCalmMS, KernelSeen{Troubles: []Trouble{lost}}) || until(now+withdrawCalmMS-2*step, KernelSeen{}) {
		t.Fatal("too early")
	}
	if !until(now+4*step, KernelSeen{}) || m.cfg.Withdrawals != 0 {
		t.Error("the row does not end")
	}
	if until(now+2*withdrawCalmMS, Tick{}) {
		t.Error("it ends twice")
	}
}

// Other troubles are shown when they have lasted half a minute; all are bounded, and time during which this node stood still does not count.
func TestTroublesThatLast(t *testing.T) {
	c := withdrawing(t, 3)
	m := c.n(1).m
	slow := Trouble{Kind: TroubleSuspended, Name: "dm-0", Text: strings.Repeat("x", 2*domain.MaxText)}
	now := c.now
	look := func(after int64, all ...Trouble) int {
		now += after
		m.Step(now, KernelSeen{Troubles: all})
		return len(m.Standing())
	}
	gap := m.Domain().Roster.Timing.FailureTimeoutMS/2 + 1
	if look(10, slow) != 0 || look(gap, slow) != 0 {
		t.Error("shown at once")
	}
	for range troubleLastsMS / 500 {
		look(500, slow)
	}
	if s := m.Standing(); len(s) != 1 || len(s[0].Text) > domain.MaxText {
		t.Errorf("%d shown", len(s))
	}
	if look(gap, slow) != 0 || look(10) != 0 {
		t.Error("it is over, or this node stood still")
	}
	var many []Trouble
	for i := range 3 * maxTroubles {
		many = append(many, Trouble{Kind: TroubleWithdrawn, Name: fmt.Sprint(i)})
	}
	if got := look(10, many...); got != maxTroubles {
		t.Errorf("%d remembered", got)
	}
}
