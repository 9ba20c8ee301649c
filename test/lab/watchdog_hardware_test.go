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
// part of: S4.1
func TestTheDaemonIsKilledWhileItWrites(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "i6300esb"}, 1, 2)
	endsItself(t, l, false, func(ctx context.Context, b *Machine) error {
		_, err := b.Run(ctx, "killall -9 fenced")
		return err
	})
}

// Corosync stands still with the file system mounted: for the others it is gone, and no lease is renewed without it.
// part of: S4.3
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
