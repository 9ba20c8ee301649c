package lab

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// scenarioWithin is within what time a fault, all that follows it, and the return of who failed are over, however busy the host is.
const scenarioWithin = 10 * time.Minute

// A node that writes loses its power. The survivors replay its journal after the verdict and not before, service goes on, its records are there,
// and its power is cut once although two asked for it: the membership and dlm (R27).
// proves: R27
func TestAWriterLosesPower(t *testing.T) {
	l := cluster(t, Setup{}, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	cut := time.Now()
	b.off()
	acknowledged := b.Written(lives[b])
	verdict := verdictOn(ctx, t, l, a, b)
	replayed := replay(ctx, t, a, begun)
	if replayed.Before(verdict) {
		t.Errorf("node-1 began to replay the journal %v before the verdict", verdict.Sub(replayed))
	}
	before := a.Written(lives[a])
	await(ctx, t, "the survivor writes on", func() (bool, error) { return a.Written(lives[a]) > before+5, nil })
	measured(t, "verdict", verdict.Sub(begun))
	measured(t, "replay", replayed.Sub(begun))
	measured(t, "service", time.Since(cut))
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	if asked, err := l.Events(a, client.EventRequest, b); err != nil || len(asked) == 0 {
		t.Errorf("dlm_controld did not ask for node-2 (%v)", err)
	}
	comesBack(ctx, t, a, b, lives[b])
	if b.Offs() != 1 {
		t.Errorf("power was cut %d times", b.Offs())
	}
	harmless(t, l, a, l.Machine(3))
	whole(ctx, t, l)
}

// A node that writes is cut off from the others, and reaches everybody's BMC. Those with a majority cut its power and replay its journal after that;
// it is frozen, and harms nobody (S1.14).
// part of: S1.14
func TestAWriterIsCutOff(t *testing.T) {
	l := cluster(t, Setup{}, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	cut := time.Now()
	l.Isolate(b)
	verdict := verdictOn(ctx, t, l, a, b)
	acknowledged := b.Written(lives[b])
	l.Heal() // its power was cut: what comes back is another life
	replayed := replay(ctx, t, a, begun)
	if replayed.Before(verdict) {
		t.Errorf("node-1 began to replay the journal %v before the verdict", verdict.Sub(replayed))
	}
	before := a.Written(lives[a])
	await(ctx, t, "the majority writes on", func() (bool, error) { return a.Written(lives[a]) > before+5, nil })
	measured(t, "verdict", verdict.Sub(begun))
	measured(t, "replay", replayed.Sub(begun))
	measured(t, "service", time.Since(cut))
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	comesBack(ctx, t, a, b, lives[b])
	if b.Offs() != 1 {
		t.Errorf("power was cut %d times", b.Offs())
	}
	harmless(t, l, a, l.Machine(3))
	whole(ctx, t, l)
}

// An administrator reboots a machine that writes. Its software ends in the order of its units, fenced leaves, and nobody fences it: no victim, no power
// cut, no journal to replay, and the others write on.
func TestTheAdministratorReboots(t *testing.T) {
	l := cluster(t, Setup{}, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	asked := time.Now()
	_, err = b.Run(ctx, "reboot")
	must(t, err)
	await(ctx, t, "node-2 has left", func() (bool, error) {
		e, err := l.Events(a, client.EventLeft, b)
		return len(e) > 0, err
	})
	acknowledged, before := b.Written(lives[b]), a.Written(lives[a])
	comesBack(ctx, t, a, b, lives[b])
	measured(t, "back", time.Since(asked))
	await(ctx, t, "the other writes on", func() (bool, error) { return a.Written(lives[a]) > before+5, nil })
	log, err := a.KernelLog(ctx)
	must(t, err)
	if reached, _ := journalIn(log, begun); !reached.IsZero() {
		t.Error("node-1 reached for the journal of a machine that had unmounted")
	}
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	harmless(t, l, l.Machines...)
	whole(ctx, t, l)
}
