package member

import "testing"

// R24: a life that ends for a core process or a critical client says so, because it was admitted, so that no admission ends its row.
func TestALifeThatEndsForAProcessSaysSo(t *testing.T) {
	for name, end := range map[string]func(m *Member) Input{
		"core process":    func(*Member) Input { return CoreSeen{Name: "dlm.service", Fate: CoreDied} },
		"critical client": func(m *Member) Input { return ClientGone{ID: m.clients[0].ID, Why: "killed"} },
	} {
		c := newCluster(t, 3, true)
		c.register(1, "db", RoleWatch)
		c.withCore(CoreReset)
		c.run(1000)
		m := c.n(1).m
		m.clients[0].Critical = true
		var said []SelfFence
		for _, e := range m.Step(c.now, end(m)) {
			if f, ok := e.(SelfFence); ok {
				said = append(said, f)
			}
		}
		if len(said) != 1 || !said[0].Lost {
			t.Errorf("%s: %+v", name, said)
		}
	}
	c := newCluster(t, 3, true)
	c.n(1).m.fall("another reason")
	for _, e := range c.n(1).m.out {
		if f, ok := e.(SelfFence); ok && f.Lost {
			t.Error("another reason makes the row longer")
		}
	}
}

// R24: an hour as a member with all core processes there ends the row, and nothing shorter does.
func TestARowOfLosses(t *testing.T) {
	c := newCluster(t, 3, true)
	c.withCore(CoreFreeze)
	m := c.n(1).m
	m.cfg.Losses = maxSelfFences - 1
	now, step := c.now, m.Domain().Roster.Timing.FailureTimeoutMS/2
	until := func(end int64, first Input) bool {
		for in := first; now < end; in = (Tick{}) {
			now += step
			for _, e := range m.Step(now, in) {
				if calm, ok := e.(Calm); ok && calm.Lost {
					return true
				}
			}
		}
		return false
	}
	if until(now+lossCalmMS/2, Tick{}) || until(now+lossCalmMS, CoreSeen{Name: "dlm.service", Fate: CoreDied}) {
		t.Fatal("it ends beside a process that is missing")
	}
	if until(now+lossCalmMS-2*step, CoreSeen{Name: "dlm.service", Fate: CoreRuns}) {
		t.Fatal("too early")
	}
	now += 4 * step // it stood still
	if until(now+lossCalmMS-2*step, Tick{}) {
		t.Fatal("time in which it stood still counts")
	}
	if !until(now+4*step, Tick{}) || m.cfg.Losses != 0 {
		t.Error("the row does not end")
	}
	if until(now+2*lossCalmMS, Tick{}) {
		t.Error("it ends twice")
	}
}
