package member

import (
	"errors"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

const restartReply = 901

func (c *cluster) restart(id fence.NodeID) {
	c.give(c.n(id), RestartRequested{Reply: restartReply, Reason: "test", UntilMS: c.now + 5000})
}

// refusal is the answer to a restart, nil while there is none.
func (x *node) restarted() (Answer, bool) {
	for _, a := range x.answers {
		if a.Reply == restartReply {
			return a, true
		}
	}
	return Answer{}, false
}

// inUse has three armed nodes, the last of which holds state.
func inUse(t *testing.T) (*cluster, *node) {
	c := newCluster(t, 3, true)
	c.run(2000)
	x := c.n(3)
	x.residue, x.print = true, "lockspace gfs"
	return c, x
}

// gone asks node 3 to restart and lets the others see that its daemon went.
func gone(t *testing.T) (*cluster, *node) {
	c, x := inUse(t)
	c.restart(3)
	c.run(300)
	if a, ok := x.restarted(); !ok || a.Err != nil || !x.departed || x.disk.Restart.Nonce == "" || x.disk.State != SessionStateful {
		t.Fatalf("answer %+v (%v), departed %v, record %+v", a, ok, x.departed, x.disk)
	}
	c.install()
	c.run(200)
	return c, x
}

func TestARestartGoesOnWithItsState(t *testing.T) { // R26: no reboot, nobody released, and what it held it holds
	c, x := gone(t)
	if d := c.dom(1); d.Node(3).Victim != nil || len(d.Unresolved()) != 1 {
		t.Fatalf("%+v, unresolved %v", d.Node(3), d.Unresolved())
	}
	c.start(3)
	c.install()
	c.run(2000)
	if n := c.dom(1).Node(3); !c.dom(1).Clean(3) || !n.Stateful || n.Restart != nil {
		t.Fatalf("not back: %+v", n)
	}
	if x.disk.Restart.Nonce != "" || x.disk.State != SessionStateful || x.disk.Instance != x.self().Instance {
		t.Errorf("its nonce may be used again: %+v", x.disk)
	}
	c.run(30_000)
	c.unharmed()
	c.agree()
	if len(c.n(1).released) != 0 {
		t.Errorf("released %v", c.n(1).released)
	}
	c.restart(3)
	c.run(300)
	if x.answers[len(x.answers)-1].Err == nil {
		t.Error("it restarts again within the hour")
	}
	for range 61 {
		c.run(60_000)
	}
	x.answers, x.departed = nil, false
	c.restart(3)
	c.run(300)
	if a, ok := x.restarted(); !ok || a.Err != nil {
		t.Errorf("not after an hour: %+v", a)
	}
}

func TestARestartThatFindsSomethingElseIsDirty(t *testing.T) { // R26: a lockspace more, one less, one that cannot be read
	for name, change := range map[string]func(x *node){
		"more":      func(x *node) { x.print += ", lockspace dlm2" },
		"gone":      func(x *node) { x.residue, x.print = false, "" },
		"unsure":    func(x *node) { x.unsure = true },
		"record":    func(x *node) { x.disk.Restart = RestartRecord{} },
		"no file":   func(x *node) { x.disk = Session{EverArmed: true} },
		"other":     func(x *node) { x.disk.Restart.Nonce = "n" },
		"unlegible": func(x *node) { x.disk.State = SessionUnreadable },
	} {
		t.Run(name, func(t *testing.T) {
			c, x := gone(t)
			change(x)
			c.start(3)
			c.install()
			c.run(1000)
			if c.dom(1).Clean(3) {
				t.Fatalf("let in: %+v", c.dom(1).Node(3))
			}
			if !x.fell {
				t.Error("what nobody can answer for does not end itself")
			}
			c.run(20_000)
			if c.offs[3] == 0 && c.dom(1).Node(3).Victim == nil && c.dom(1).Node(3).Last == nil {
				t.Error("nobody fences it")
			}
		})
	}
}

func TestARestartThatComesLate(t *testing.T) { // R26: by its own clock, and by that of the others
	c, x := gone(t)
	c.dead[3] = true // its BMC: the life that comes late meets its victim
	c.run(RestartMS(c.dom(1).Roster.Timing) + 200)
	if n := c.dom(1).Node(3); n.Victim == nil && n.Last == nil {
		t.Fatal("nobody noticed that it is late")
	}
	c.start(3)
	c.install()
	c.run(1000)
	if !x.fell || c.dom(1).Clean(3) {
		t.Error("it goes on as if nothing was")
	}
	c, x = gone(t)
	c.dead[3] = true // the others do not count, as after a restart of their own: its own clock says so
	c.n(1).m.since.m, c.n(2).m.since.m = nil, nil
	x.disk.Restart.UntilMS = c.now
	c.start(3)
	c.install()
	c.run(500)
	if !x.fell || c.dom(1).Clean(3) {
		t.Error("its record says that its time is over")
	}
}

func TestACrashAfterARestartIsACrash(t *testing.T) { // R26: the nonce is off the record before a word is said with it
	c, x := gone(t)
	c.start(3)
	c.install()
	c.onPropose = func(id fence.NodeID, p Propose) bool {
		if id != 3 || p.Entry.Announce == nil {
			return false
		}
		if p.Entry.Announce.Resume == "" || x.disk.Restart.Nonce != "" || x.disk.Instance != x.self().Instance {
			t.Errorf("%+v is said with %+v on the record", p.Entry.Announce, x.disk)
		}
		c.kill(3)
		return true
	}
	c.run(1000)
	if c.onPropose = nil; x.up {
		t.Fatal("nothing was said")
	}
	c.install()
	c.start(3)
	c.install()
	c.run(1000)
	if c.dom(1).Clean(3) || !x.fell {
		t.Errorf("%+v", c.dom(1).Node(3))
	}
}

func TestTheRecordIsDurableBeforeTheWord(t *testing.T) { // R26, V16
	c, x := inUse(t)
	x.stuck = true
	c.restart(3)
	c.run(1000)
	for _, r := range c.log {
		if e, err := domain.Decode(r.data); r.data != nil && err == nil && e.Restart != nil {
			t.Fatal("the log knows of it before the disk does")
		}
	}
	if !x.up || !c.dom(3).Clean(3) {
		t.Error("it went")
	}
}

func TestWhenARestartIsRefusedHere(t *testing.T) {
	for _, k := range []struct {
		name  string
		given func(c *cluster, x *node)
		want  error
	}{
		{"a probe that cannot be read", func(_ *cluster, x *node) { x.unsure = true }, ErrUnsure},
		{"a client with a grant", func(c *cluster, x *node) {
			x.residue, x.print = false, ""
			c.register(3, "app", RoleWatch)
			c.run(1000)
		}, ErrHeld},
		{"no quorum without it", func(c *cluster, _ *node) { c.dead[2] = true; c.kill(2); c.install(); c.run(300) }, fence.ErrUnsafe},
		{"no quorum", func(c *cluster, x *node) { c.give(x, QuorumLost{}) }, fence.ErrNoQuorum},
		{"a leave", func(c *cluster, x *node) { x.mute = true; c.leave(3, false) }, fence.ErrRefused},
		{"its own word lost", func(c *cluster, _ *node) {
			c.onPropose = func(id fence.NodeID, p Propose) bool { return id == 3 && p.Entry.Restart != nil }
		}, ErrLate},
	} {
		t.Run(k.name, func(t *testing.T) {
			c, x := inUse(t)
			k.given(c, x)
			c.restart(3)
			c.run(6000)
			a, ok := x.restarted()
			if !ok || !errors.Is(a.Err, k.want) || x.departed {
				t.Fatalf("answer %+v (%v), departed %v", a, ok, x.departed)
			}
			if k.want == ErrUnsure || k.want == ErrLate {
				if c.run(1000); x.disk.Restart.Nonce != "" || c.n(3).m.closing() || !c.dom(1).Eligible(3) {
					t.Errorf("it does not go on as before: %+v", x.disk)
				}
			}
		})
	}
}

// R26: who goes leaves the next daemon more than the time in which nobody notices; a lease that is hardly longer than failure_timeout refuses it with the
// remedy.
func TestARestartLeavesTheNextDaemonItsTime(t *testing.T) {
	c, x := inUse(t)
	timing := c.dom(3).Roster.Timing
	if by := x.m.restartGoesBy(RestartRecord{UntilMS: RestartMS(timing)}); RestartMS(timing)-by < domain.LeastRestartMS(timing) || RestartMS(timing)-by < RestartMS(timing)/2 {
		t.Errorf("it may go with %d ms left", RestartMS(timing)-by)
	}
	c, x = inUse(t)
	for _, n := range c.nodes {
		n.m.dom.Roster.Timing.LeaseMS = timing.FailureTimeoutMS + 500
	}
	c.restart(3)
	c.run(500)
	if a, ok := x.restarted(); !ok || a.Err == nil || !strings.Contains(a.Err.Error(), "raise timings.lease") || x.departed {
		t.Errorf("answer %+v (%v), departed %v", a, ok, x.departed)
	}
}

// R26: whoever asked was told that nothing happens when their time was over. With a long lease the word may be committed long after that, and the daemon
// stays; what it was committed for is asked for again when that has lapsed.
func TestARestartIsOverWithTheTimeThatWasGiven(t *testing.T) {
	for name, k := range map[string]struct {
		late int64 // ms after which the word is committed
		goes bool
	}{"in time": {4000, true}, "late": {5500, false}} {
		c, x := inUse(t)
		for _, n := range c.nodes {
			n.m.dom.Roster.Timing.LeaseMS = 162_000
		}
		var word *record
		c.onPropose = func(id fence.NodeID, p Propose) bool {
			if id != 3 || p.Entry.Restart == nil {
				return false
			}
			word = &record{by: x.self(), number: p.Number, data: encode(t, p.Entry)}
			return true
		}
		c.restart(3)
		if c.run(k.late); word == nil {
			t.Fatalf("%s: nothing was proposed", name)
		}
		if a, ok := x.restarted(); ok == k.goes || ok && !errors.Is(a.Err, ErrLate) {
			t.Errorf("%s: answer %+v (%v) before the word was committed", name, a, ok)
		}
		c.append(*word)
		if c.run(1000); x.departed != k.goes {
			t.Errorf("%s: departed %v, answers %+v", name, x.departed, x.answers)
		}
		if !k.goes && (x.disk.Restart.Nonce != "" || x.m.closing() || !c.dom(1).Clean(3)) {
			t.Errorf("%s: it does not go on as before: %+v", name, x.disk)
		}
		c.onPropose, x.answers = nil, nil
		if c.restart(3); !k.goes {
			if a, ok := x.restarted(); !ok || !errors.Is(a.Err, fence.ErrRefused) {
				t.Errorf("asked again: %+v (%v)", a, ok)
			}
		}
	}
}

// R26, S4.6: the same controllers. A core process that ran when the daemon went and is not the same when the next one looks ends the life, because nobody
// saw it die; what was not looked at yet is waited for, what only one of the files names does not matter, and what does not run refuses a restart.
func TestACoreProcessThatDiedInTheGap(t *testing.T) {
	run := func(ids ...string) []Core {
		var out []Core
		for _, id := range ids {
			out = append(out, Core{Name: id, Policy: CoreReset})
		}
		return out
	}
	seen := func(name string, f CoreFate, id string) CoreSeen {
		return CoreSeen{Name: name, Fate: f, ID: id, Why: "seen"}
	}
	for name, k := range map[string]struct {
		after []Core
		seen  []CoreSeen
		back  bool
	}{
		"the same":        {run("a", "b"), []CoreSeen{seen("a", CoreRuns, "1"), seen("b", CoreRuns, "2")}, true},
		"died":            {run("a", "b"), []CoreSeen{seen("a", CoreRuns, "1"), seen("b", CoreDied, "")}, false},
		"replaced":        {run("a", "b"), []CoreSeen{seen("a", CoreRuns, "9"), seen("b", CoreRuns, "2")}, false},
		"not looked at":   {run("a", "b"), []CoreSeen{seen("a", CoreRuns, "1")}, false},
		"another file":    {run("a", "c"), []CoreSeen{seen("a", CoreRuns, "1"), seen("c", CoreRuns, "3")}, true},
		"none any more":   {nil, nil, true},
		"one is missing":  {run("c"), []CoreSeen{seen("c", CoreStopped, "")}, true},
		"to be ignored":   {[]Core{{Name: "a", Policy: CoreIgnore}}, nil, true},
		"a new one waits": {run("c"), nil, false},
	} {
		c, x := inUse(t)
		x.m.cores = newCores(run("a", "b"))
		c.restart(3)
		c.run(100)
		if a, ok := x.restarted(); !ok || a.Err == nil || !strings.Contains(a.Err.Error(), "start it first") {
			t.Fatalf("%s: before they run: %+v", name, a)
		}
		x.answers = nil
		c.give(x, seen("a", CoreRuns, "1"))
		c.give(x, seen("b", CoreRuns, "2"))
		c.restart(3)
		if c.run(300); !x.departed {
			t.Fatalf("%s: it did not go: %+v", name, x.answers)
		}
		c.install()
		c.start(3)
		x.m.cores = newCores(k.after)
		c.install()
		c.run(500)
		if c.dom(1).Clean(3) && len(k.seen) > 0 {
			t.Errorf("%s: nothing was looked at yet, and it is back", name)
		}
		for _, s := range k.seen {
			c.give(x, s)
		}
		c.run(RestartMS(c.dom(1).Roster.Timing) + 500)
		if got := c.dom(1).Clean(3) && !x.fell; got != k.back {
			t.Errorf("%s: back %t, %+v", name, got, c.dom(1).Node(3))
		}
	}
}

func TestARestartHandsOver(t *testing.T) { // R8, R9: nothing of ours is in flight when we are gone
	c := newCluster(t, 5, true)
	c.dead[5] = true
	c.kill(5)
	c.lies[5] = true // its power-off takes until its deadline
	c.install()
	c.run(400)
	v := c.dom(1).Node(5).Victim
	if v == nil || v.Claim == nil {
		t.Fatal("nobody acts")
	}
	actor := v.Claim.Actor.Node
	c.restart(actor)
	c.run(3000)
	if a, ok := c.n(actor).restarted(); !ok || a.Err != nil || !c.n(actor).departed {
		t.Fatalf("%+v %v", a, ok)
	}
}
