package lab

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// Fenced is started for the first time beside a file system that is mounted and written since before there was a fenced, and armed. The node is
// unguarded: it is not admitted and says so, and nobody resets it, neither its own daemon nor the others.
func TestAFirstStartBesideALiveFileSystem(t *testing.T) {
	shared.end()
	reported(t)
	l := start(t, Setup{SelfFence: true}, 3)
	t.Cleanup(func() { ended(t, l) })
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	must(t, l.Install(ctx, l.Machines...))
	must(t, l.Stack(ctx, "corosync", l.Machines...))
	must(t, l.Ring(ctx, l.Machines...))
	must(t, l.Stack(ctx, "dlm-alone", l.Machines...))
	must(t, l.MakeFS(ctx))
	must(t, a.Mount(ctx))
	lives := l.writing(ctx, t, a)
	must(t, l.Stack(ctx, "fenced", l.Machines...))
	bootstrap(ctx, t, l)
	await(ctx, t, "node-1 is unguarded", func() (bool, error) { return b.Flagged(ctx, a, client.FlagUnguarded) })
	for _, m := range l.Machines[1:] {
		await(ctx, t, m.Name()+" is a member", func() (bool, error) { s, err := b.State(ctx, m); return s == client.StateMember, err })
	}
	armed := time.Now()
	_, err := b.Run(ctx, "fenced arm --reason lab")
	must(t, err)
	await(ctx, t, "the time is over in which who is not clean becomes a victim", func() (bool, error) {
		return time.Since(armed) > l.stretch(postJoinDelay+lease+failureTimeout), nil
	})
	written := a.Written(lives[a])
	await(ctx, t, "node-1 writes on", func() (bool, error) { return a.Written(lives[a]) > written+5, nil })
	if life, err := a.Boot(ctx); err != nil || life != lives[a] {
		t.Errorf("node-1 was reset (%v)", err)
	}
	if still, err := b.Flagged(ctx, a, client.FlagUnguarded); err != nil || !still {
		t.Errorf("node-1 is not unguarded any more (%v)", err)
	}
	harmless(t, l, l.Machines...)
	holdsAll(ctx, t, a, a, lives[a], written)
}
