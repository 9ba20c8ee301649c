package lab

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// A node that writes is gone together with its BMC: the one thing nobody can prove. Its watchdog is no proof, because the machine is a guest of a
// hypervisor, which could have paused it (R15). So nobody recovers, fenced says that it waits for a person, and when one vouches the journal is replayed
// and service goes on (R19).
// proves: R15, R19
func TestNobodyCanProveItButAPerson(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "softdog"}, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	b.KillBMC()
	b.off()
	acknowledged := b.Written(lives[b])
	await(ctx, t, "the watchdog is refused as a proof", func() (bool, error) {
		all, err := l.Events(a, "", b)
		for _, e := range all {
			if strings.Contains(e.Text, "a paused guest pauses its watchdog") {
				return true, nil
			}
		}
		return false, err
	})
	await(ctx, t, "fenced says that it needs a person", func() (bool, error) {
		text, err := a.Attention(ctx, client.AttentionNotProven)
		return text != "", err
	})
	held := a.Written(lives[a])
	log, err := a.KernelLog(ctx)
	must(t, err)
	if reached, _ := journalIn(log, begun); !reached.IsZero() {
		t.Error("node-1 reached for the journal although nothing is proven")
	}
	if e, err := l.Events(a, client.EventVerdict, b); err != nil || len(e) > 0 {
		t.Errorf("there is a verdict (%v, %v)", e, err)
	}
	vouched, err := a.Now(ctx)
	must(t, err)
	_, err = a.Run(ctx, "fenced ack node-2 --yes --reason 'its power cord is in my hand'")
	must(t, err)
	replayed := replay(ctx, t, a, begun)
	if replayed.Before(vouched) {
		t.Errorf("node-1 began to replay the journal %v before anybody vouched", vouched.Sub(replayed))
	}
	await(ctx, t, "the survivor writes on", func() (bool, error) { return a.Written(lives[a]) > held+5, nil })
	measured(t, "acknowledgement", vouched.Sub(begun))
	measured(t, "replay", replayed.Sub(begun))
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	must(t, b.ReviveBMC())
	must(t, b.on())
	comesBack(ctx, t, a, b, lives[b])
	whole(ctx, t, l)
}

// A node that writes is cut off, and nobody can switch it: its own watchdog resets it when its lease is over, without any help of its daemon, which may
// not end its machine. After the boot it says why.
func TestSoftdogEndsWhoIsCutOff(t *testing.T) {
	l := cluster(t, Setup{Watchdog: "softdog"}, 1, 2)
	endsItself(t, l, true, func(_ context.Context, b *Machine) error {
		l.Isolate(b)
		return nil
	})
}

// endsItself harms node-2, which writes and whose BMC is dead, and demands that it is reset by itself, that the others recover what it had only after
// its life is proven over, and that all is whole. Words: it knew why, and says so after its boot.
func endsItself(t *testing.T, l *Lab, words bool, harm func(context.Context, *Machine) error) {
	t.Helper()
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	b.KillBMC()
	harmed := time.Now()
	must(t, harm(ctx, b))
	await(ctx, t, "node-2 was reset", func() (bool, error) { life, err := b.Boot(ctx); return err == nil && life != lives[b], err })
	measured(t, "reset", time.Since(harmed))
	if b.Offs() != 0 {
		t.Errorf("it was not by itself: %v", b.Switched())
	}
	acknowledged := b.Written(lives[b])
	if words {
		await(ctx, t, "node-2 answers", func() (bool, error) { _, err := b.Status(ctx); return err == nil, err })
		lastWords(ctx, t, b)
	}
	l.Heal()
	must(t, b.ReviveBMC())
	resolved := resolvedOn(ctx, t, l, a, b, lives[b])
	replayed := replay(ctx, t, a, begun)
	if replayed.Before(resolved) {
		t.Errorf("node-1 began to replay the journal %v before that life was proven over", resolved.Sub(replayed))
	}
	before := a.Written(lives[a])
	await(ctx, t, "the survivor writes on", func() (bool, error) { return a.Written(lives[a]) > before+5, nil })
	measured(t, "replay", replayed.Sub(begun))
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	comesBack(ctx, t, a, b, lives[b])
	harmless(t, l, a, l.Machine(3))
	whole(ctx, t, l)
}
