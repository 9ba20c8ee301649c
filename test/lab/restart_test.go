package lab

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// restarts is the configuration of both tests: an emulated machine on a busy host takes half a minute to start a daemon.
var restarts = Setup{SelfFence: true, Lease: 90 * time.Second}

// A daemon is restarted as planned on a node whose file system is mounted and written (R26): it ends and another takes its place within the same life of
// the machine. Nobody is fenced, nobody reaches for its journal, and it writes on all the time.
// proves: R26
func TestAPlannedRestartUnderAFileSystem(t *testing.T) {
	goesOnOverARestart(t, restarts, func(*Machine, context.Context, *testing.T) string { return "" })
}

// goesOnOverARestart restarts a daemon as planned under a file system that is written. What lasts says of its machine is the same before and after.
func goesOnOverARestart(t *testing.T, setup Setup, lasts func(*Machine, context.Context, *testing.T) string) {
	t.Helper()
	l := cluster(t, setup, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	daemon, units := instance(ctx, t, a, b), lasts(b, ctx, t)
	asked, before := time.Now(), b.Written(lives[b])
	must(t, b.restartsDaemon(ctx, t, a, "fenced"))
	await(ctx, t, "the next daemon is a member", func() (bool, error) {
		s, err := a.State(ctx, b)
		return err == nil && s == client.StateMember && instance(ctx, t, a, b) != daemon, err
	})
	measured(t, "next daemon is a member", time.Since(asked))
	for m, life := range lives {
		n := m.Written(life)
		await(ctx, t, m.Name()+" writes on", func() (bool, error) { return m.Written(life) > n+5, nil })
	}
	if life, err := b.Boot(ctx); err != nil || life != lives[b] || b.Written(life) <= before {
		t.Errorf("node-2 lives another life (%v)", err)
	}
	if now := lasts(b, ctx, t); now != units {
		t.Errorf("what was to go on has ended or was started again:\n%s\nnow\n%s", units, now)
	}
	told, err := l.Events(a, client.EventRestart, b)
	if err != nil || len(told) < 2 { // that it goes, and that it is back
		t.Errorf("the log tells of no restart: %v (%v)", told, err)
	}
	log, err := a.KernelLog(ctx)
	must(t, err)
	if reached, _ := journalIn(log, begun); !reached.IsZero() {
		t.Error("node-1 reached for the journal of a machine that lives")
	}
	holdsAll(ctx, t, a, b, lives[b], b.Written(lives[b]))
	harmless(t, l, l.Machines...)
	whole(ctx, t, l)
}

// The same, and while the daemon is away a lockspace more is in the kernel: the next daemon does not know who made it, so it is dirty and the machine is
// reset. Its journal is replayed after that life is proven over and not before.
func TestAPlannedRestartThatFindsAnotherLockspace(t *testing.T) {
	l := cluster(t, restarts, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(2), l.Machine(1)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	// The program that is installed when the daemon goes is the one that comes: here one that makes a lockspace first.
	must(t, b.Put(ctx, "/run/next", `#!/bin/sh
mv -f /usr/sbin/fenced.now /usr/sbin/fenced
setsid dlm_tool join another </dev/null >/share/$(hostname)/another.log 2>&1 &
until [ -d /sys/kernel/dlm/another ]; do sleep 0.1; done
exec /usr/sbin/fenced "$@"
`))
	_, err = b.Run(ctx, "chmod +x /run/next; mv /usr/sbin/fenced /usr/sbin/fenced.now; mv /run/next /usr/sbin/fenced")
	must(t, err)
	harmed := time.Now()
	if err := b.restartsDaemon(ctx, t, a, "/usr/sbin/fenced.now"); !errors.Is(err, ErrLost) { // the machine may be gone before it answers
		must(t, err)
	}
	await(ctx, t, b.Name()+" lives another life", func() (bool, error) { life, err := b.Boot(ctx); return err == nil && life != lives[b], err })
	measured(t, "reset", time.Since(harmed))
	acknowledged := b.Written(lives[b])
	resolved := resolvedOn(ctx, t, l, a, b, lives[b])
	replayed := replay(ctx, t, a, begun)
	if replayed.Before(resolved) {
		t.Errorf("%s began to replay the journal %v before that life was proven over", a.Name(), resolved.Sub(replayed))
	}
	measured(t, "replay", replayed.Sub(begun))
	if clean, err := l.Events(a, client.EventClean, b); err != nil || countLives(clean, lives[b]) != 0 {
		t.Errorf("%s was clean again in the life in which it wrote (%v, %v)", b.Name(), clean, err)
	}
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	comesBack(ctx, t, a, b, lives[b])
	if b.Offs() == 0 { // nobody else ended it
		lastWords(ctx, t, b)
	}
	harmless(t, l, a, l.Machine(3))
	whole(ctx, t, l)
}

// restartsDaemon has a machine's daemon restart as planned, asked by this program, and returns when another machine knows of the next daemon. Before the word
// is in the log a scan must have answered, for which a busy machine may take longer than the command waits: the word may still come, or is taken back, and
// then it is asked for again. ErrLost: the machine went.
func (m *Machine) restartsDaemon(ctx context.Context, t *testing.T, by *Machine, program string) error {
	t.Helper()
	for daemon := instance(ctx, t, by, m); ; {
		r, err := m.Try(ctx, program+" restart --timeout 25s --reason lab", "")
		if err != nil {
			return err
		}
		t.Logf("%s: %d: %s", m.Name(), r.Code, r.Err+r.Out)
		for asked := time.Now(); time.Since(asked) < m.lab.stretch(restarts.Lease); time.Sleep(looks) {
			if instance(ctx, t, by, m) != daemon {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// instance is the run of a machine's daemon that another one knows.
func instance(ctx context.Context, t *testing.T, by, of *Machine) string {
	t.Helper()
	s, err := by.Status(ctx)
	must(t, err)
	for _, n := range s.Nodes {
		if n.Name == of.Name() {
			return n.Instance
		}
	}
	t.Fatalf("%s does not know %s", by.Name(), of.Name())
	return ""
}
