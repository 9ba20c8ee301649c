package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/test/harness"
)

// cluster starts everything on all machines: corosync, fenced, dlm, a file system that the first ones mount.
func cluster(t *testing.T, l *Lab, setup Setup, mounts int) {
	t.Helper()
	l.setup = setup
	ctx := harness.Within(t, 8*time.Minute)
	must(t, l.Install(ctx, l.Machines...))
	must(t, l.Stack(ctx, "corosync", l.Machines...))
	must(t, l.Ring(ctx, l.Machines...))
	must(t, l.Stack(ctx, "watchdog", l.Machines...))
	must(t, l.Stack(ctx, "fenced", l.Machines...))
	_, err := l.Machine(1).Run(ctx, "until fenced bootstrap lab; do sleep 0.5; done")
	must(t, err)
	for _, m := range l.Machines {
		await(ctx, t, fmt.Sprintf("%s is a member", m.Name()), func() (bool, error) { s, err := l.Machine(1).State(ctx, m); return s == "member", err })
	}
	_, err = l.Machine(1).Run(ctx, "fenced arm --reason lab")
	must(t, err)
	must(t, l.Stack(ctx, "dlm", l.Machines...))
	must(t, l.MakeFS(ctx))
	for _, m := range l.Machines[:mounts] {
		must(t, m.Mount(ctx))
	}
}

// await asks again and again until something is so.
func await(ctx context.Context, t *testing.T, what string, f func() (bool, error)) {
	t.Helper()
	for {
		ok, err := f()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s (%v)", what, err)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// A node that writes loses its power. The survivors replay its journal after the verdict and not before, service goes on, its records are there,
// and its power is cut once although two asked for it: the membership and dlm (R27).
func TestAWriterLosesPower(t *testing.T) {
	l := start(t, 3)
	cluster(t, l, Setup{}, 2)
	ctx := harness.Within(t, 8*time.Minute)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	lifeA, lifeB := lives[a], lives[b]
	begun, err := a.Now(ctx)
	must(t, err)
	cut := time.Now()
	b.off()
	acknowledged := b.Written(lifeB)
	verdict := verdictOn(ctx, t, l, a, b)
	replayed := replay(ctx, t, a, begun)
	if replayed.Before(verdict) {
		t.Errorf("node-1 began to replay the journal %v before the verdict", verdict.Sub(replayed))
	}
	before := a.Written(lifeA)
	await(ctx, t, "the survivor writes on", func() (bool, error) { return a.Written(lifeA) > before+5, nil })
	measured(t, "verdict", verdict.Sub(begun))
	measured(t, "replay", replayed.Sub(begun))
	measured(t, "service", time.Since(cut))

	owner, n, err := a.Records(ctx, "node-2")
	if err != nil || owner != "node-2/"+lifeB || n < acknowledged {
		t.Errorf("the file of the dead: %d records of %s, %d were acknowledged (%v)", n, owner, acknowledged, err)
	}
	await(ctx, t, "it comes back", func() (bool, error) { life, err := b.Boot(ctx); return life != lifeB, err })
	if b.Offs() != 1 || a.Offs() != 0 || l.Machine(3).Offs() != 0 {
		t.Errorf("power was cut %d times, and of others %d and %d", b.Offs(), a.Offs(), l.Machine(3).Offs())
	}
	whole(ctx, t, l)
}

// writing has these machines write, each to a file of its name, and returns their lives when all do.
func (l *Lab) writing(ctx context.Context, t *testing.T, ms ...*Machine) map[*Machine]string {
	t.Helper()
	lives := map[*Machine]string{}
	for _, m := range ms {
		life, err := m.Boot(ctx)
		must(t, err)
		lives[m] = life
		must(t, m.Write(ctx, m.Name()))
	}
	for _, m := range ms {
		await(ctx, t, m.Name()+" writes", func() (bool, error) { return m.Written(lives[m]) > 20, nil })
	}
	return lives
}

// verdictOn waits for the verdict that by knows on a node, and returns its time.
func verdictOn(ctx context.Context, t *testing.T, l *Lab, by, on *Machine) (at time.Time) {
	t.Helper()
	await(ctx, t, "a verdict on "+on.Name(), func() (bool, error) {
		e, err := l.Events(by, client.EventVerdict, on)
		if len(e) > 0 {
			at = e[0].At.Time
		}
		return len(e) > 0, err
	})
	return at
}

// replay waits until a machine's kernel has replayed a journal after a moment, and returns when it reached for it, by that machine's clock.
func replay(ctx context.Context, t *testing.T, m *Machine, after time.Time) (at time.Time) {
	t.Helper()
	await(ctx, t, m.Name()+" replays a journal", func() (bool, error) {
		log, err := m.KernelLog(ctx)
		reached, done := journalIn(log, after)
		at = reached
		return done, err
	})
	return at
}

func journalIn(log []Kernel, after time.Time) (reached time.Time, done bool) {
	for _, line := range log {
		switch {
		case line.At.Before(after) || !strings.Contains(line.Text, "gfs2: fsid=lab:shared"):
		case strings.Contains(line.Text, "Trying to acquire journal"):
			reached = line.At
		case strings.Contains(line.Text, "recover jid") && strings.Contains(line.Text, "result success") && !reached.IsZero():
			return reached, true
		}
	}
	return reached, false
}

// whole ends a test: nothing that was said or written breaks an invariant, and the file system has no error.
func whole(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	r, err := l.Check()
	must(t, err)
	for _, v := range r.Violations {
		t.Errorf("check-log: %s", v)
	}
	t.Logf("check-log: %d lines, %d victims, %d verdicts, %d releases, %d writes, %d violations", r.Lines, r.Victims, r.Verdicts, r.Releases, r.Writes, len(r.Violations))
	must(t, each(l.Machines, func(m *Machine) error {
		_, err := m.Run(ctx, "grep -q gfs2 /proc/mounts || exit 0; kill $(cat /run/writers) 2>/dev/null; until umount "+mountpoint+"; do sleep 0.2; done")
		return err
	}))
	m := l.Machine(1)
	r2, err := m.Try(ctx, "fsck.gfs2 -n /dev/shared", "")
	if err != nil || r2.Code != 0 {
		t.Errorf("fsck.gfs2 -n ended with %d (%v):\n%s%s", r2.Code, err, r2.Out, r2.Err)
	}
}
