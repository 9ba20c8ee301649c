package operation_test

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

func TestWalkProvesPowerOff(t *testing.T) {
	fakes := abcd()
	w, r := walk(t, newSpec(level(dev("a"))), fakes)
	if !r.Proven || fakes["a"].on || fakes["a"].does != 1 || fakes["a"].reads != 3 {
		t.Fatalf("%+v, %d commands, %d reads", r, fakes["a"].does, fakes["a"].reads)
	}
	d := r.Evidence.Devices[0]
	if r.Evidence.Kind != fence.EvidencePowerOff || d.Before != fence.PowerOn || r.FirstReadOff || r.Evidence.ReadIndex != 12 || r.Evidence.Claim != 7 {
		t.Errorf("evidence %+v", r.Evidence)
	}
	if classes(r, "a") != "ok " || r.EffectUntilMS != 0 || r.LevelsTried != 1 || r.OffMS != d.First.FinishedMS {
		t.Errorf("result %+v", r)
	}
	if got := w.now - begin; got != 10+10+10+100+10 {
		t.Errorf("took %d ms of virtual time", got)
	}
	if calls := w.op.Step(w.now, operation.Timer{ID: 1}); calls != nil {
		t.Errorf("after the end: %v", calls)
	}
}

// R16 b: off is commanded even where the state already reads off; R10: and it is told that it did.
func TestR16bAlreadyOffIsStillCommanded(t *testing.T) {
	fakes := abcd()
	fakes["a"].on = false
	_, r := walk(t, newSpec(level(dev("a"))), fakes)
	if !r.Proven || fakes["a"].does != 1 || !r.FirstReadOff || r.Evidence.Devices[0].CommandedMS == 0 {
		t.Errorf("%d commands, %+v", fakes["a"].does, r)
	}
}

// R16 b: a command that was not accepted proves nothing, whatever is read afterwards.
func TestR16bUnacceptedCommandProvesNothing(t *testing.T) {
	fakes := abcd()
	fakes["a"].on = false
	fakes["a"].do = fails(operation.ClassUnreachable)
	_, r := walk(t, newSpec(level(dev("a"))), fakes)
	if r.Proven || classes(r, "a") != "unreachable unreachable " {
		t.Errorf("%+v", r)
	}
}

// R16 a, S5.7: what is not certainly the victim's machine is not switched, and neither is its twin.
// part of: S5.7
func TestR16aNothingIsSwitchedThatIsNotTheVictims(t *testing.T) {
	says := func(id fence.Identity) func(*fake, int) answer {
		return func(f *fake, n int) answer { return answer{ms: 30, state: f.state(), id: id} }
	}
	for _, c := range []struct {
		name   string
		id     fence.Identity
		change func(*operation.Spec)
		class  string
	}{
		{"another node's machine", identity(uuidO), nil, "mismatch "},
		{"nobody's machine", identity("11111111-2222-3333-4444-555555555555"), nil, "mismatch "},
		{"an operator's wish does not turn another machine into the victim's", identity(uuidO), func(s *operation.Spec) { s.Victim.Cause = fence.CauseOperator }, "mismatch "},
		{"another node's machine behind a proven mapping", identity(uuidO), func(s *operation.Spec) { s.Judge.Proven = s.Judge.Levels[0].Proofs(s.Judge.Devices) }, "mismatch "},
		{"no identity, not proven", fence.Identity{}, nil, "refused "},
		{"all zeros, not proven", identity("00000000-0000-0000-0000-000000000000"), nil, "refused "},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec, fakes := newSpec(level(dev("a"), dev("b"))), abcd()
			fakes["b"].status = says(c.id)
			if c.change != nil {
				c.change(&spec)
			}
			_, r := walk(t, spec, fakes)
			if r.Proven || fakes["a"].does+fakes["b"].does != 0 || fakes["b"].reads != 1 || classes(r, "b") != c.class {
				t.Errorf("%d and %d commands, %d reads, %+v", fakes["a"].does, fakes["b"].does, fakes["b"].reads, r)
			}
		})
	}
}

// R16 a: a mapping that a drill proved stands for an identity that the device does not give.
func TestR16aProvenMapping(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	fakes["a"].status = func(f *fake, n int) answer { return answer{ms: 10, state: f.state()} }
	spec.Judge.Proven = spec.Judge.Levels[0].Proofs(spec.Judge.Devices)
	if _, r := walk(t, spec, fakes); !r.Proven {
		t.Errorf("%+v", r)
	}
}

// R16 a: an operator may switch what is not proven, and still gets no proof by it.
func TestR16aOperatorSwitchesWithoutProof(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	fakes["a"].status = func(f *fake, n int) answer { return answer{ms: 10, state: f.state()} }
	spec.Victim.Cause = fence.CauseOperator
	_, r := walk(t, spec, fakes)
	if r.Proven || fakes["a"].on || fakes["a"].does != 1 || !strings.Contains(r.FailedText, "not proven by a drill") {
		t.Errorf("%+v", r)
	}
}

// R16 a: an address that leads to another machine after the command proves nothing.
func TestR16aIdentitySwappedAfterTheCommand(t *testing.T) {
	for from := 2; from <= 3; from++ {
		for _, id := range []fence.Identity{identity(uuidO), {}} {
			fakes := abcd()
			fakes["a"].status = func(f *fake, n int) answer {
				a := f.truth()
				if n >= from {
					a.id, a.state = id, fence.PowerOff
				}
				return a
			}
			if _, r := walk(t, newSpec(level(dev("a"))), fakes); r.Proven {
				t.Errorf("from read %d: proven by %v", from, id)
			}
		}
	}
}

// R16 a: a device that identified itself and no longer does is not the device that it was, even where its mapping is proven: an empty slot reads off.
func TestR16aIdentityThatVanishes(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	spec.Judge.Proven = spec.Judge.Levels[0].Proofs(spec.Judge.Devices)
	fakes["a"].status = func(f *fake, n int) answer {
		if n > 1 {
			return answer{ms: 10, state: fence.PowerOff}
		}
		return f.truth()
	}
	if _, r := walk(t, spec, fakes); r.Proven || classes(r, "a") != "unknown unknown " {
		t.Errorf("%+v", r)
	}
}

// R16 c: the two reads are the settling time apart; a state that goes back to on between them is no proof.
func TestR16cTwoReadsASettlingTimeApart(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	spec.Judge.Devices[0].SettleMS = 1500
	_, r := walk(t, spec, fakes)
	d := r.Evidence.Devices[0]
	if !r.Proven || d.Final.StartedMS-d.First.FinishedMS != 1500 {
		t.Errorf("reads %+v", d)
	}
	fakes = abcd()
	fakes["a"].status = func(f *fake, n int) answer {
		a := f.truth()
		if n%3 == 0 { // each attempt reads before, off, and then in the pass
			a.state = fence.PowerOn
		}
		return a
	}
	_, r = walk(t, spec, fakes)
	if r.Proven || classes(r, "a") != "lied lied " {
		t.Errorf("%+v", r)
	}
}

// R16 c: one read is never two, even where the roster says nothing of settling.
func TestR16cNeverOneReadForTwo(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	spec.Judge.Devices[0].SettleMS = 0
	instant := func(f *fake, n int) answer { a := f.truth(); a.ms = 0; return a }
	fakes["a"].status, fakes["a"].do = instant, func(*fake, int) answer { return answer{} }
	_, r := walk(t, spec, fakes)
	d := r.Evidence.Devices[0]
	if !r.Proven || d.Final.StartedMS <= d.First.FinishedMS || fakes["a"].reads != 3 {
		t.Errorf("%d reads: %+v", fakes["a"].reads, d)
	}
}

// R16 c, V1: a walk that began before this node knew of the victim touches nothing.
func TestV1TooEarlyTouchesNothing(t *testing.T) {
	spec, fakes := newSpec(level(dev("a")), level(dev("b"))), abcd()
	spec.ReadIndex = 9
	_, r := walk(t, spec, fakes)
	if r.Proven || fakes["a"].reads+fakes["b"].reads != 0 || !strings.Contains(r.FailedText, "R16 c") {
		t.Errorf("%+v", r)
	}
}

// R17, S5.15: the first outlet comes back while the second goes off: no proof from that pass; the retry proves.
// proves: S5.15
func TestR17OutletComesBack(t *testing.T) {
	spec := newSpec(level(dev("a"), dev("b")))
	fakes := abcd()
	w := newWorld(spec, fakes)
	fakes["b"].do = func(f *fake, n int) answer { return answer{ms: 10, effectMS: 1000} }
	fakes["a"].do = func(f *fake, n int) answer {
		if n == 1 {
			w.at(w.now+700, nil, func() { f.set(w.now, true) })
		}
		return answer{ms: 10}
	}
	w.run(nil)
	if err := w.sound(spec); err != nil {
		t.Fatal(err)
	}
	r := *w.result
	if !r.Proven || fakes["a"].does != 2 || fakes["b"].does != 1 || classes(r, "a") != "lied ok " || fakes["a"].on || fakes["b"].on {
		t.Errorf("%d and %d commands: %+v", fakes["a"].does, fakes["b"].does, r)
	}
}

// R17: the pass begins the longest hold-up after the last device of the level first read off, for every device. A relay may open long after
// its command was accepted, and the supply feeds the machine from then on.
func TestR17HoldUp(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"), dev("b"))), abcd()
	spec.Judge.Devices[0].HoldUpMS = 5000
	fakes["b"].do = func(f *fake, n int) answer { return answer{ms: 400, effectMS: 2000} }
	_, r := walk(t, spec, fakes)
	last := max(r.Evidence.Devices[0].First.FinishedMS, r.Evidence.Devices[1].First.FinishedMS)
	for _, d := range r.Evidence.Devices {
		if d.Final.StartedMS != last+5000 {
			t.Errorf("%s was read %d ms after the last first read", d.Device, d.Final.StartedMS-last)
		}
	}
}

// R16 d, R17: a machine that spoke until just now speaks on while its supplies hold up, and what was read before that would be void. The walk's
// first reads begin behind it, for all devices of the level, whichever opened last.
func TestR16dFirstReadBehindTheHoldUp(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"), dev("b"))), abcd()
	spec.Judge.Devices[0].HoldUpMS, spec.Speaks = 5000, true
	fakes["b"].do = func(f *fake, n int) answer { return answer{ms: 400, effectMS: 2000} }
	w, r := walk(t, spec, fakes)
	if !r.Proven || w.now-begin > operation.Duration(spec) {
		t.Fatalf("%+v after %d ms of %d", r, w.now-begin, operation.Duration(spec))
	}
	opened := max(fakes["a"].effect, fakes["b"].effect)
	for _, d := range r.Evidence.Devices {
		if d.First.StartedMS < opened+5000 || d.Final.StartedMS < d.First.FinishedMS+5000 {
			t.Errorf("%s: off at %d, first read at %d, last at %d", d.Device, opened, d.First.StartedMS, d.Final.StartedMS)
		}
	}
	fakes = abcd()
	spec.Judge.Devices[0].HoldUpMS = 0
	if _, r := walk(t, spec, fakes); !r.Proven || fakes["a"].reads != 3 {
		t.Errorf("a device without hold-up is read %d times", fakes["a"].reads)
	}
}

// R9: a supply feeds the machine after its outlet is off, and a life that came meanwhile ends with it: the claim is not quiet before.
func TestR9HoldUpIsInFlight(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"))), abcd()
	spec.Judge.Devices[0].HoldUpMS = 5000
	w := newWorld(spec, fakes)
	w.at(begin+1000, operation.Cancelled{Why: "a later life"}, nil)
	w.run(nil)
	if r := w.result; r.Proven || r.EffectUntilMS < fakes["a"].effect+5000 || r.EffectUntilMS > begin+1000+5000 {
		t.Errorf("off at %d, in flight until %d", fakes["a"].effect, r.EffectUntilMS)
	}
}

// A pass that fails behind the hold-up begins all of it anew.
func TestR16dAnOutletThatComesBackBehindTheHoldUp(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"), dev("b"))), abcd()
	spec.Judge.Devices[0].HoldUpMS, spec.Speaks = 5000, true
	fakes["a"].status = func(f *fake, n int) answer {
		a := f.truth()
		if n == 4 { // before, off, behind the hold-up, and then in the pass
			a.state = fence.PowerOn
		}
		return a
	}
	_, r := walk(t, spec, fakes)
	if !r.Proven || classes(r, "a") != "lied ok " || fakes["a"].reads != 8 {
		t.Errorf("%d reads: %+v", fakes["a"].reads, r)
	}
}

// V2: accepting is not doing. A device that stays on has lied, one that is neither is in limbo, and the next level takes it.
func TestV2AcceptedIsNotDone(t *testing.T) {
	for want, state := range map[string]fence.PowerState{"lied lied ": fence.PowerOn, "limbo limbo ": fence.PowerUnknown} {
		fakes := abcd()
		fakes["a"].do = func(*fake, int) answer { return answer{ms: 10, effectMS: -1} }
		fakes["a"].status = func(f *fake, n int) answer { return answer{ms: 10, state: state, id: identity(uuidV)} }
		_, r := walk(t, newSpec(level(dev("a")), level(dev("b"))), fakes)
		if !r.Proven || r.Evidence.Level != 1 || classes(r, "a") != want || classes(r, "b") != "ok " || r.LevelsTried != 2 {
			t.Errorf("%s: %+v", want, r)
		}
		if r.FirstReadOff {
			t.Error("a later level cannot say what was before")
		}
	}
}

// R10: once a level has commanded something, "read off first" says nothing any more.
func TestR10BeforeIsOnlyBeforeTheWalk(t *testing.T) {
	fakes := abcd()
	fakes["b"].on = false // as the machine would be that level one cut off in the end
	fakes["a"].do = fails(operation.ClassTimeout)
	_, r := walk(t, newSpec(level(dev("a")), level(dev("b"))), fakes)
	if !r.Proven || r.FirstReadOff || r.Evidence.Devices[0].Before != fence.PowerUnknown {
		t.Errorf("%+v", r)
	}
}

// R9, R10: whom a person switches on in the middle of the walk was not off when we cut it: it comes back. Seen before the second command, and after one.
func TestR10WhoIsSwitchedOnMeanwhileWasNotOff(t *testing.T) {
	for name, from := range map[string]int{"before the next command": 2, "after the command": 1} {
		fakes := abcd()
		fakes["a"].on = false
		fakes["a"].do = func(f *fake, n int) answer {
			switch {
			case n == 1 && from == 2: // the attempt fails, and then he pushes the button
				f.on = true
				return answer{ms: 10, class: operation.ClassTimeout, effectMS: -1}
			case n == 1:
				f.on = true
				return answer{ms: 10, effectMS: 500}
			}
			return answer{ms: 10, effectMS: 0}
		}
		_, r := walk(t, newSpec(level(dev("a"))), fakes)
		if !r.Proven || r.FirstReadOff || r.Evidence.FirstReadOff() {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
