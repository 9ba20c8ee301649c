package lab

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// The demonstration of 2006 (SCENARIOS.md): A and B write to a cluster file system; the cluster's software is killed by force on all three and started
// again; C asks to mount. Then, C used the file system beside A and B and corrupted it. Required: A and B find what is left over and are never
// clean, C fences both, and only after that is granted and mounts; no block was written by two. Nobody ends itself here: C has to do it, with the
// votes of those whom it fences, and the brake lets it take the second later than the first.
// proves: S2.1
func TestTheDemonstrationOf2006(t *testing.T) {
	l := cluster(t, Setup{AllAsk: true}, 1, 2)
	ctx := within(t, l, scenarioWithin)
	d := demonstrate(ctx, t, l, l.Machines[:2])
	c := l.Machine(3)
	verdicts := map[*Machine]time.Time{}
	for _, m := range d.writers {
		verdicts[m] = verdictOn(ctx, t, l, c, m)
	}
	granted, mounted := d.mounts(ctx, t, c)
	for m, at := range verdicts {
		if granted.Before(at) || mounted.Before(at) {
			t.Errorf("C was granted %v before the verdict on %s, and mounted %v before it", at.Sub(granted), m.Name(), at.Sub(mounted))
		}
		if n := m.Offs(); n < 1 || n > 2 {
			t.Errorf("the power of %s was cut %d times", m.Name(), n)
		}
	}
	d.ends(ctx, t, c)
	a, b := d.writers[0], d.writers[1]
	measured(t, "verdict on node-1", verdicts[a].Sub(d.killed))
	measured(t, "verdict on node-2", verdicts[b].Sub(d.killed))
	measured(t, "mount on node-3", mounted.Sub(d.killed))
}

// demonstration is a cluster whose software was killed on all machines while some wrote, and started again.
type demonstration struct {
	l       *Lab
	writers []*Machine
	lives   map[*Machine]string // in which they wrote
	killed  time.Time           // by the clock of the last machine
}

// demonstrate has these machines write, kills the software of all, starts it again everywhere, and has who did not write ask to mount.
func demonstrate(ctx context.Context, t *testing.T, l *Lab, writers []*Machine) *demonstration {
	t.Helper()
	d := &demonstration{l: l, writers: writers, lives: l.writing(ctx, t, writers...)}
	if l.setup.AllAsk {
		for _, m := range l.Machines[len(writers):] { // nobody asked there: its daemon may die
			stateless(ctx, t, m)
		}
	}
	must(t, each(l.Machines, func(m *Machine) error { return m.KillStack(ctx) }))
	var err error
	d.killed, err = l.Machines[len(l.Machines)-1].Now(ctx)
	must(t, err)
	must(t, each(l.Machines, func(m *Machine) error { return m.restart(ctx) }))
	return d
}

// stateless waits until the log says that a machine's daemon may die (R12).
func stateless(ctx context.Context, t *testing.T, m *Machine) {
	t.Helper()
	await(ctx, t, m.Name()+" is stateless", func() (bool, error) { return m.Flagged(ctx, m, client.FlagStateless) })
}

// restart starts all software of a machine again, in the order of its units: dlm_controld waits behind fenced, and who never mounted asks to mount.
func (m *Machine) restart(ctx context.Context) error {
	_, err := m.Run(ctx, "setsid sh -c 'stack corosync; stack fenced; stack dlm; grep -q gfs2 /proc/mounts || stack mount' </dev/null >>/share/"+m.Name()+"/restart.log 2>&1 &")
	return err
}

// mounts waits until a machine has mounted, and returns when it was granted that and when its kernel had joined, by its clock.
func (d *demonstration) mounts(ctx context.Context, t *testing.T, m *Machine) (granted, mounted time.Time) {
	t.Helper()
	await(ctx, t, m.Name()+" mounts", func() (bool, error) {
		r, err := m.Try(ctx, "grep -q gfs2 /proc/mounts", "")
		return r.Code == 0 && err == nil, err
	})
	out, err := m.Run(ctx, "cat /run/held")
	must(t, err)
	granted, err = time.Parse(time.RFC3339Nano, out)
	must(t, err)
	return granted, joinedAt(ctx, t, m, granted.Add(-clocks))
}

// ends looks, from a machine that has mounted, at what the dead wrote, writes beside it, waits until all are back, and proves that all is whole.
func (d *demonstration) ends(ctx context.Context, t *testing.T, by *Machine) {
	t.Helper()
	for _, m := range d.writers {
		if !d.l.setup.SelfFence { // who resets itself may be gone before the line is written; its last words are looked at
			if found, err := d.l.Events(m, client.EventDirty, m); err != nil || len(found) == 0 || found[0].Incarnation != d.lives[m] {
				t.Errorf("%s did not say that it found something left over (%v, %v)", m.Name(), found, err)
			}
		}
		if clean, err := d.l.Events(by, client.EventClean, m); err != nil || countLives(clean, d.lives[m]) > 1 {
			t.Errorf("%s was clean again in the life in which it wrote (%v)", m.Name(), err)
		}
		holdsAll(ctx, t, by, m, d.lives[m], m.Written(d.lives[m]))
		if m.Offs() > 2 {
			t.Errorf("the power of %s was cut %d times", m.Name(), m.Offs())
		}
	}
	for _, m := range d.l.Machines[len(d.writers):] {
		if m.Offs() != 0 {
			t.Errorf("%s was clean, and its power was cut %d times", m.Name(), m.Offs())
		}
	}
	life, err := by.Boot(ctx)
	must(t, err)
	must(t, by.Write(ctx, "after"))
	await(ctx, t, by.Name()+" writes", func() (bool, error) { return by.Written(life) > 5, nil })
	for _, m := range d.writers {
		comesBack(ctx, t, by, m, d.lives[m])
	}
	whole(ctx, t, d.l)
}

// countLives counts in how many streams (runs of a daemon) a life is said of; the daemon that comes again may tell it again.
func countLives(events []client.Event, life string) int {
	index := map[uint64]bool{}
	for _, e := range events {
		if e.Incarnation == life {
			index[e.Index] = true
		}
	}
	return len(index)
}

// clocks is how far apart two readings of one machine's clock may be: the kernel's log is placed by a hundredth of a second.
const clocks = time.Second

// joinedAt is when a machine's kernel had joined the file system's lockspace after a moment, by its own clock.
func joinedAt(ctx context.Context, t *testing.T, m *Machine, after time.Time) time.Time {
	t.Helper()
	log, err := m.KernelLog(ctx)
	must(t, err)
	for _, line := range log {
		if line.At.Before(after) {
			continue
		}
		if strings.Contains(line.Text, "gfs2: fsid=lab:shared: Now mounting") || strings.Contains(line.Text, "gfs2: fsid=lab:shared: Joined cluster") {
			return line.At
		}
	}
	t.Fatalf("%s does not say when it joined", m.Name())
	return time.Time{}
}
