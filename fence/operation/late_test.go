package operation_test

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// An answer that finished after its deadline never counts, even when it is delivered before the walk has given the call up.
func TestLateAnswerNeverCounts(t *testing.T) {
	for n := 1; n <= 3; n++ {
		fakes := abcd()
		fakes["a"].status = func(f *fake, k int) answer {
			a := f.truth()
			if k == n {
				a.ms = 5001 // its deadline is at most 5000 ms away, the walk waits a grace longer
			}
			return a
		}
		_, r := walk(t, newSpec(level(dev("a"))), fakes)
		if want := "timeout ok "; classes(r, "a") != want || !r.Proven {
			t.Errorf("read %d: %s, want %s", n, classes(r, "a"), want)
		}
	}
}

// An answer just in time counts.
func TestAnswerAtTheDeadlineCounts(t *testing.T) {
	fakes := abcd()
	fakes["a"].status = func(f *fake, k int) answer {
		a := f.truth()
		if k == 1 {
			a.ms = 5000
		}
		return a
	}
	if _, r := walk(t, newSpec(level(dev("a"))), fakes); classes(r, "a") != "ok " {
		t.Errorf("%+v", r)
	}
}

// An answer to a call of an earlier attempt never counts: the second attempt has to read for itself.
func TestAnswerOfAnEarlierAttemptNeverCounts(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	fakes["a"].do = func(f *fake, n int) answer {
		if n == 1 {
			return answer{ms: 5400, effectMS: -1} // accepted long after the attempt was over
		}
		return answer{never: true, effectMS: 0}
	}
	_, r := walk(t, spec, fakes)
	if r.Proven || classes(r, "a") != "timeout timeout " {
		t.Errorf("%+v", r)
	}
}

// An answer that claims to be older than its question is a cached one, or nonsense: it never counts (R16 c).
func TestAnswerFromThePastNeverCounts(t *testing.T) {
	for _, shift := range []int64{-1, +1} {
		op := operation.New(newSpec(level(dev("a"))), begin)
		calls := op.Step(begin, operation.Started{})
		st := findStatus(t, calls)
		from := int64(begin)
		if shift < 0 {
			from--
		}
		to := begin + 10 + max(shift, 0)
		calls = op.Step(begin+10, operation.CallResult{ID: st.ID, Class: operation.ClassOK, State: fence.PowerOn, Identity: identity(uuidV), StartedMS: from, FinishedMS: to})
		for _, c := range calls {
			if _, ok := c.(operation.Do); ok {
				t.Errorf("shift %d: switched on the word of an impossible answer", shift)
			}
		}
	}
}

// An id that was never given, or was given to a timer, is nobody's.
func TestStrayInputsChangeNothing(t *testing.T) {
	op := operation.New(newSpec(level(dev("a"))), begin)
	if c := op.Step(begin, operation.Timer{ID: 0}); c != nil {
		t.Errorf("before the start: %v", c)
	}
	op.Step(begin, operation.Started{})
	for id := range uint64(9) {
		if c := op.Step(begin, operation.CallResult{ID: id + 100, Class: operation.ClassOK, State: fence.PowerOff}); c != nil {
			t.Errorf("id %d: %v", id, c)
		}
		if c := op.Step(begin, operation.CallResult{ID: 1, Class: operation.ClassOK, State: fence.PowerOff}); c != nil {
			t.Errorf("a timer's id: %v", c)
		}
	}
	if c := op.Step(begin, operation.Started{}); c != nil {
		t.Errorf("a second start: %v", c)
	}
}

// R9, S5.9: what may still take effect is told: an accepted off that never showed, until the device's effect time is over.
func TestR9EffectUntil(t *testing.T) {
	fakes := abcd()
	fakes["a"].do = func(*fake, int) answer { return answer{ms: 10, effectMS: 60_000} }
	w, r := walk(t, newSpec(level(dev("a")), level(dev("b"))), fakes)
	if !r.Proven || r.Evidence.Level != 1 {
		t.Fatalf("%+v", r)
	}
	w.result = nil
	w.goOn(nil) // let the BMC act at last
	if fakes["a"].effect <= r.FinishedMS || fakes["a"].effect > r.EffectUntilMS {
		t.Errorf("the effect came at %d, the walk ended at %d and said %d", fakes["a"].effect, r.FinishedMS, r.EffectUntilMS)
	}
}

func TestR9EffectByClass(t *testing.T) {
	for class, open := range map[operation.Class]bool{
		operation.ClassAuth: false, operation.ClassRefused: false, operation.ClassUnsupported: false,
		operation.ClassTimeout: true, operation.ClassUnreachable: true, operation.ClassPluginDied: true, operation.ClassUnknown: true,
	} {
		fakes := abcd()
		fakes["a"].do = fails(class)
		if _, r := walk(t, newSpec(level(dev("a"))), fakes); (r.EffectUntilMS > 0) != open {
			t.Errorf("%s: may take effect until %d", class, r.EffectUntilMS)
		}
	}
}

// R9: a device that had read off when its level failed is settled, in whatever part of the pass; so is an effect whose time is over.
func TestR9Settled(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"), dev("b"))), abcd()
	fakes["b"].do = fails(operation.ClassRefused)
	fakes["a"].do = func(*fake, int) answer { return answer{ms: 1} }
	fakes["a"].status = func(f *fake, n int) answer { a := f.truth(); a.ms = 1; return a }
	if _, r := walk(t, spec, fakes); r.Proven || r.EffectUntilMS != 0 || classes(r, "a") != "ok " {
		t.Errorf("%+v", r)
	}
	fakes = abcd()
	w := newWorld(newSpec(level(dev("a"))), fakes)
	w.run(func() bool { return fakes["a"].reads == 3 })
	w.step(operation.Cancelled{Why: "in the pass"})
	if w.result.EffectUntilMS != 0 || classes(*w.result, "a") != "ok " {
		t.Errorf("%+v", *w.result)
	}
	fakes = abcd()
	fakes["a"].do = hangs
	spec = newSpec(level(dev("a")), level(fence.Step{Ask: fence.AskHuman}))
	spec.Judge.Devices[0].EffectMS = 10_000
	if _, r := walk(t, spec, fakes); r.EffectUntilMS != 0 {
		t.Errorf("at %d it still warns of %d", r.FinishedMS, r.EffectUntilMS)
	}
}

// R9: a walk that is cancelled in the middle of a command says so, and does nothing more.
func TestCancelled(t *testing.T) {
	fakes := abcd()
	fakes["a"].do = hangs
	w := newWorld(newSpec(level(dev("a"))), fakes)
	w.run(func() bool { return fakes["a"].does == 1 })
	w.step(operation.Cancelled{Why: "rejoined"})
	r := w.result
	if r == nil || r.Ended != operation.EndedCancelled || r.Proven || r.FailedText != "rejoined" || r.EffectUntilMS != w.now+5000+90_000 {
		t.Fatalf("%+v", r)
	}
	if classes(*r, "a") != "unknown " {
		t.Errorf("attempts %+v", r.Attempts)
	}
	for _, in := range []operation.Input{operation.Started{}, operation.Timer{ID: 1}, operation.Cancelled{}, operation.Acknowledged{}} {
		if c := w.op.Step(w.now+1, in); c != nil {
			t.Errorf("after the end: %v", c)
		}
	}
}

func findStatus(t *testing.T, calls []operation.Call) operation.Status {
	t.Helper()
	for _, c := range calls {
		if s, ok := c.(operation.Status); ok {
			return s
		}
	}
	t.Fatalf("no read in %v", calls)
	return operation.Status{}
}

// R9, I5: where the device showed the wanted state before the command, its read-back does not show that the command is over.
func TestR9ReadBackOfWhatWasSoAlready(t *testing.T) {
	fakes := abcd()
	fakes["a"].on = false
	fakes["a"].do = func(*fake, int) answer { return answer{ms: 10, effectMS: 60_000} }
	w, r := walk(t, newSpec(level(dev("a"))), fakes)
	if !r.Proven {
		t.Fatalf("%+v", r)
	}
	w.result = nil
	w.goOn(nil)
	if fakes["a"].effect <= r.FinishedMS || fakes["a"].effect > r.EffectUntilMS {
		t.Errorf("the effect came at %d, the walk ended at %d and said %d", fakes["a"].effect, r.FinishedMS, r.EffectUntilMS)
	}
}

// R9: a level that failed beside it settles such a command no more than the proof does.
func TestR9AbandonedReadBackOfWhatWasSoAlready(t *testing.T) {
	fakes := abcd()
	fakes["a"].on = false
	w := newWorld(newSpec(level(dev("a"))), fakes)
	w.run(func() bool { return fakes["a"].reads == 3 })
	w.step(operation.Cancelled{Why: "in the pass"})
	if w.result.EffectUntilMS == 0 {
		t.Errorf("%+v", *w.result)
	}
}

// R9: two commands, one effect: whichever it was, the other may still come.
func TestR9ReadBackOfTheSecondCommand(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	spec.Judge.Devices[0].EffectMS = 10_000
	fakes["a"].do = func(f *fake, n int) answer {
		if n == 1 {
			return answer{never: true, effectMS: 6000} // while the second one is polled
		}
		return answer{ms: 10, effectMS: 9_990} // after all that the first one may do
	}
	w, r := walk(t, spec, fakes)
	if !r.Proven || fakes["a"].does != 2 {
		t.Fatalf("%d commands, %+v", fakes["a"].does, r)
	}
	w.result = nil
	w.goOn(nil)
	if fakes["a"].effect <= r.FinishedMS || fakes["a"].effect > r.EffectUntilMS {
		t.Errorf("the second came at %d, the walk ended at %d and said %d", fakes["a"].effect, r.FinishedMS, r.EffectUntilMS)
	}
}

// R9: what an earlier claim sent may be what is read back.
func TestR9ReadBackBesideAnEarlierClaim(t *testing.T) {
	for _, inFlight := range []bool{false, true} {
		spec := newSpec(level(dev("a")))
		spec.InFlight = inFlight
		if _, r := walk(t, spec, abcd()); !r.Proven || (r.EffectUntilMS > 0) != inFlight {
			t.Errorf("in flight %v: %+v", inFlight, r)
		}
	}
}

// V5, I5: a machine that runs is not asked to run: the on might come into the next off.
func TestV5WhoRunsIsNotPoweredOn(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	spec.Action = fence.ActionOn
	if _, r := walk(t, spec, fakes); !r.Proven || fakes["a"].does != 0 || r.EffectUntilMS != 0 {
		t.Errorf("%d commands, %+v", fakes["a"].does, r)
	}
}
