package lab

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// As the demonstration, and the daemons may end their machines: A and B, which have state left over, reset themselves by sysrq. C is granted only
// when each of them is fenced or back clean, and nobody is fenced more than twice.
// proves: S2.2
func TestTheDirtyResetThemselves(t *testing.T) {
	l := cluster(t, Setup{AllAsk: true, SelfFence: true}, 1, 2)
	ctx := within(t, l, scenarioWithin)
	d := demonstrate(ctx, t, l, l.Machines[:2])
	c := l.Machine(3)
	granted, mounted := d.mounts(ctx, t, c)
	for _, m := range d.writers {
		at := resolvedOn(ctx, t, l, c, m, d.lives[m])
		if granted.Before(at) || mounted.Before(at) {
			t.Errorf("C was granted %v before %s was fenced or back, and mounted %v before it", at.Sub(granted), m.Name(), at.Sub(mounted))
		}
		measured(t, m.Name()+" resolved", at.Sub(d.killed))
	}
	measured(t, "mount on node-3", mounted.Sub(d.killed))
	d.ends(ctx, t, c)
	d.someSaid(ctx, t)
}

// All three wrote, and none has anybody who is clean. Each resets itself by sysrq, one at least tells why after its boot, and the cluster forms clean: no node waits for
// another, and the file system has what each wrote.
// proves: S2.3
func TestAllThreeAreDirty(t *testing.T) {
	l := cluster(t, Setup{AllAsk: true, SelfFence: true}, 1, 2, 3)
	ctx := within(t, l, scenarioWithin)
	d := demonstrate(ctx, t, l, l.Machines)
	a := l.Machine(1)
	for i, m := range d.writers {
		comesBack(ctx, t, l.Machines[(i+1)%3], m, d.lives[m])
	}
	d.someSaid(ctx, t)
	measured(t, "all are back", elapsed(ctx, t, l.Machine(3), d.killed))
	must(t, each(l.Machines, func(m *Machine) error { return m.Mount(ctx) }))
	measured(t, "all have mounted", elapsed(ctx, t, l.Machine(3), d.killed))
	d.ends(ctx, t, a)
}

// someSaid demands that of those who ended their lives themselves one says so.
func (d *demonstration) someSaid(ctx context.Context, t *testing.T) {
	t.Helper()
	alone, said := 0, 0
	for _, m := range d.writers {
		if m.Offs() == 0 { // nobody else ended it
			alone++
			if left(ctx, t, m) {
				said++
			}
		}
	}
	if alone > 0 && said == 0 {
		t.Errorf("%d machines ended their own lives, and none says why", alone)
	}
}

// Vote-only, C is off, A has state left over, B has none. A's vote makes B quorate, so B fences C, and A last; then it is alone, has no quorum and is
// not granted, however long it waits. A person switches A on, and with its new life B goes on.
// proves: S2.5
func TestVoteOnlyWithOneMachineOff(t *testing.T) {
	l := cluster(t, Setup{AllAsk: true}, 1)
	ctx := within(t, l, scenarioWithin)
	a, b, c := l.Machine(1), l.Machine(2), l.Machine(3)
	lives := l.writing(ctx, t, a)
	stateless(ctx, t, b)
	stateless(ctx, t, c)
	must(t, each(l.Machines, func(m *Machine) error { return m.KillStack(ctx) }))
	c.off()
	killed, err := b.Now(ctx)
	must(t, err)
	must(t, a.restart(ctx))
	must(t, b.restart(ctx))
	await(ctx, t, "the power of node-1 is cut", func() (bool, error) { return a.Offs() > 0 && !a.Powered(), nil })
	await(ctx, t, "node-2 is alone", func() (bool, error) { s, err := b.Status(ctx); return err == nil && !s.Quorate, err })
	alone := time.Now()
	await(ctx, t, "node-2 waited for a lease and more", func() (bool, error) {
		if r, err := b.Try(ctx, "[ -s /run/held ]", ""); err == nil && r.Code == 0 {
			t.Fatal("node-2 was granted without quorum")
		}
		return time.Since(alone) > 2*l.stretch(lease), nil
	})
	must(t, a.on())
	d := &demonstration{l: l, writers: []*Machine{a}, lives: lives, killed: killed}
	granted, mounted := d.mounts(ctx, t, b)
	for m, life := range map[*Machine]string{a: lives[a], c: ""} {
		if at := resolvedOn(ctx, t, l, b, m, life); granted.Before(at) || mounted.Before(at) {
			t.Errorf("node-2 was granted %v before %s was resolved, and mounted %v before it", at.Sub(granted), m.Name(), at.Sub(mounted))
		}
	}
	measured(t, "mount on node-2", mounted.Sub(killed))
	if c.Powered() || b.Offs() != 0 {
		t.Errorf("node-3, which was off, was switched on (%v), or the power of node-2 was cut (%d)", c.Switched(), b.Offs())
	}
	holdsAll(ctx, t, b, a, lives[a], a.Written(lives[a]))
	comesBack(ctx, t, b, a, lives[a])
	must(t, c.on())
	members(ctx, t, l)
	whole(ctx, t, l)
}

// resolvedOn is when a machine knew that a life of another is over, or that nothing of it can be left: a verdict, or a clean word of a later life. A life
// "" is any.
func resolvedOn(ctx context.Context, t *testing.T, l *Lab, by, on *Machine, life string) (at time.Time) {
	t.Helper()
	await(ctx, t, on.Name()+" is fenced, or back clean, for "+by.Name(), func() (bool, error) {
		all, err := l.Events(by, "", on)
		for _, e := range all {
			if e.Event == client.EventVerdict || e.Event == client.EventClean && e.Incarnation != life {
				at = e.At.Time
				return true, nil
			}
		}
		return false, err
	})
	return at
}

// lastWords demands that a machine says after its boot that it ended its life itself, and why.
func lastWords(ctx context.Context, t *testing.T, m *Machine) {
	t.Helper()
	if !left(ctx, t, m) {
		t.Errorf("%s does not say why it ended its life", m.Name())
	}
}

// left reports whether a machine says that. Who resets itself at once gives its disk one second to take the words, which on a busy host may be too short; who
// waits for its watchdog has longer.
func left(ctx context.Context, t *testing.T, m *Machine) bool {
	t.Helper()
	text, err := m.Attention(ctx, client.AttentionLastWords)
	t.Logf("%s: %q (%v)", m.Name(), text, err)
	return err == nil && strings.Contains(text, "ended its own life")
}

// elapsed is what a machine's own clock says since a moment by it.
func elapsed(ctx context.Context, t *testing.T, m *Machine, since time.Time) time.Duration {
	t.Helper()
	now, err := m.Now(ctx)
	must(t, err)
	return now.Sub(since)
}
