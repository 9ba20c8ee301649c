package lab

import (
	"context"
	"testing"
)

// An emulated watchdog of hardware, i6300esb, where softdog was.
func TestI6300esbEndsWhoIsCutOff(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "i6300esb"}, 1, 2)
	endsItself(t, l, true, func(_ context.Context, b *Machine) error {
		l.Isolate(b)
		return nil
	})
}

// The daemon dies by force with the file system mounted: nobody renews the lease, and the watchdog resets the machine. A killed daemon leaves no words.
func TestTheDaemonIsKilledWhileItWrites(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "i6300esb"}, 1, 2)
	endsItself(t, l, false, func(ctx context.Context, b *Machine) error {
		_, err := b.Run(ctx, "killall -9 fenced")
		return err
	})
}

// Corosync stands still with the file system mounted: for the others it is gone, and no lease is renewed without it.
func TestCorosyncIsStoppedWhileItWrites(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "i6300esb"}, 1, 2)
	endsItself(t, l, true, func(ctx context.Context, b *Machine) error {
		_, err := b.Run(ctx, "killall -STOP corosync")
		return err
	})
}

// The kernel panics and does not start again by itself, as softdog could not see: the hardware resets it.
func TestAKernelPanics(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "i6300esb"}, 1, 2)
	endsItself(t, l, false, func(ctx context.Context, b *Machine) error {
		_, err := b.Run(ctx, "echo 0 >/proc/sys/kernel/panic; setsid sh -c 'sleep 1; echo c >/proc/sysrq-trigger' </dev/null >/dev/null 2>&1 &")
		return err
	})
}

// The operator declares that watchdogs here run while a machine is paused. A node that writes is cut off and its BMC is dead: the others wait until its
// watchdog must have reset it, which is their proof (R15), and it has by then.
func TestADeclaredWatchdogIsProof(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "i6300esb", Paused: true}, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	b.KillBMC()
	l.Isolate(b)
	verdict := verdictOn(ctx, t, l, a, b)
	measured(t, "verdict", verdict.Sub(begun))
	acknowledged := b.Written(lives[b])
	if life, err := b.Boot(ctx); err != nil || life == lives[b] || b.Offs() != 0 {
		t.Errorf("the verdict came before the watchdog had reset it (%v, %v)", err, b.Switched())
	}
	replayed := replay(ctx, t, a, begun)
	if replayed.Before(verdict) {
		t.Errorf("node-1 began to replay the journal %v before the verdict", verdict.Sub(replayed))
	}
	measured(t, "replay", replayed.Sub(begun))
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	l.Heal()
	must(t, b.ReviveBMC())
	comesBack(ctx, t, a, b, lives[b])
	harmless(t, l, a, l.Machine(3))
	whole(ctx, t, l)
}
