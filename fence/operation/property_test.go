package operation_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// nature is how a random device behaves. A device that lies about state or identity may fool anybody; the others may fail in every way.
type nature struct {
	liesState, liesIdentity bool
	swapAt                  int // from this read on its address leads to another machine; zero: never
	restores                bool
	draw                    *rapid.T
	w                       *world
	name                    string
}

var failures = []operation.Class{
	operation.ClassTimeout, operation.ClassUnreachable, operation.ClassPluginDied, operation.ClassUnknown, operation.ClassLimbo, operation.ClassAuth, operation.ClassRefused, "nonsense",
}

func (x *nature) chance(n int, name string) bool {
	return rapid.IntRange(1, n).Draw(x.draw, x.name+" "+name) == n
}

func (x *nature) took() int64 {
	if x.chance(8, "slow") {
		return rapid.Int64Range(0, 9000).Draw(x.draw, "ms")
	}
	return rapid.Int64Range(0, 300).Draw(x.draw, "ms")
}

func (x *nature) status(f *fake, n int) answer {
	if x.chance(12, "hangs") {
		return answer{never: true}
	}
	a := answer{ms: x.took(), state: f.state(), id: identity(uuidV)}
	switch {
	case x.swapAt > 0 && n >= x.swapAt:
		a.id, a.state = identity(uuidO), fence.PowerOff
	case x.chance(10, "fails"):
		a.class = rapid.SampledFrom(failures).Draw(x.draw, "class")
	case x.chance(20, "vague"):
		a.state = "PoweringOff"
	case x.chance(30, "nameless"):
		a.id = fence.Identity{}
	}
	if x.liesState {
		a.state = fence.PowerOff
	}
	if x.liesIdentity {
		a.id = identity(uuidV)
	}
	return a
}

// do acts now, late, or never, and may say otherwise. A device that restores its outlet does so once for each command, and then it stays on.
func (x *nature) do(f *fake, n int) answer {
	a := answer{ms: x.took()}
	switch {
	case x.chance(12, "hangs"):
		a.never = true
	case x.chance(10, "fails"):
		a.class = rapid.SampledFrom(failures).Draw(x.draw, "class")
	}
	switch {
	case x.chance(8, "ignores"):
		a.effectMS = -1
	case !x.restores && x.chance(8, "late"): // both together could flicker between two reads, which no reading can exclude
		a.effectMS = rapid.Int64Range(0, 20_000).Draw(x.draw, "effect")
	}
	if x.restores && a.effectMS >= 0 && x.chance(2, "restores") {
		at := x.w.now + a.effectMS + rapid.Int64Range(1, 6000).Draw(x.draw, "restore")
		x.w.at(at, nil, func() { f.set(x.w.now, true) })
	}
	return a
}

// drawWalk makes a victim of up to three levels and a world of random devices for it. Every device is one supply of the machine or its BMC:
// the machine runs only while all devices of a level that is off are not.
func drawWalk(t *rapid.T) (operation.Spec, *world, map[string]*nature) {
	names := []string{"a", "b", "c", "d"}
	var levels []fence.Level
	for range rapid.IntRange(1, 3).Draw(t, "levels") {
		var l fence.Level
		for _, n := range rapid.Permutation(names).Draw(t, "devices")[:rapid.IntRange(0, 3).Draw(t, "steps")] {
			l.Steps = append(l.Steps, dev(n))
		}
		if rapid.IntRange(1, 10).Draw(t, "odd") == 10 {
			l.Steps = append(l.Steps, rapid.SampledFrom([]fence.Step{{Wait: fence.WaitWatchdog}, {Ask: fence.AskHuman}, {}}).Draw(t, "step"))
		}
		levels = append(levels, l)
	}
	spec := newSpec(levels...)
	spec.StartLevel = rapid.IntRange(-1, 3).Draw(t, "start")
	spec.Judge.Watchdog = good
	spec.Victim.Cause = rapid.SampledFrom([]fence.Cause{fence.CauseFailed, fence.CauseOperator}).Draw(t, "cause")
	fakes, natures := map[string]*fake{}, map[string]*nature{}
	for i, n := range names {
		d := &spec.Judge.Devices[i]
		d.SettleMS, d.HoldUpMS = rapid.Int64Range(0, 1500).Draw(t, "settle"), rapid.Int64Range(0, 3000).Draw(t, "holdUp")
		d.Attempts = rapid.IntRange(0, 3).Draw(t, "attempts")
		x := &nature{draw: t, name: n}
		x.liesState, x.liesIdentity = x.chance(15, "liesState"), x.chance(15, "liesIdentity")
		x.restores = x.chance(4, "restores")
		if x.chance(6, "swapped") {
			x.swapAt = rapid.IntRange(1, 6).Draw(t, "swap")
		}
		natures[n] = x
		fakes[n] = &fake{on: !x.chance(5, "off"), status: x.status, do: x.do}
	}
	for _, l := range levels {
		if rapid.IntRange(1, 3).Draw(t, "proven") == 3 {
			spec.Judge.Proven = append(spec.Judge.Proven, l.Proofs(spec.Judge.Devices)...)
		}
	}
	w := newWorld(spec, fakes)
	for _, x := range natures {
		x.w = w
	}
	return spec, w, natures
}

// truth checks a proven walk against what the devices really were: at the instant at which the all-off pass began, every device of the
// level was off. One that lies about its state is excused, and so is one whose address leads elsewhere while it lies about who it is.
func truth(w *world, r operation.Result, natures map[string]*nature) error {
	if len(r.Evidence.Devices) == 0 {
		return nil
	}
	pass := r.Evidence.Devices[0].Final.StartedMS
	for _, d := range r.Evidence.Devices {
		pass = min(pass, d.Final.StartedMS)
	}
	for _, d := range r.Evidence.Devices {
		x := natures[d.Device]
		if x.liesState || (x.swapAt > 0 && x.liesIdentity) {
			continue
		}
		if w.fakes[d.Device].onAt(pass) {
			return fmt.Errorf("device %s was on at %d, when the all-off pass began: %+v", d.Device, pass, d)
		}
	}
	return nil
}

// Whatever devices do: the walk ends within its Duration, proves nothing that is not admissible, and what honest devices let it prove is true.
func TestProvenIsTrue(t *testing.T) {
	proven, failed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		spec, w, natures := drawWalk(t)
		w.run(nil)
		if err := w.sound(spec); err != nil {
			t.Fatal(err)
		}
		if !w.result.Proven {
			failed++
			return
		}
		proven++
		if err := truth(w, *w.result, natures); err != nil {
			t.Fatal(err)
		}
		again := operation.New(spec, begin)
		var calls []operation.Call
		for _, in := range w.inputs {
			calls = append(calls, again.Step(in.at, in.in)...)
		}
		if !reflect.DeepEqual(calls, w.calls) {
			t.Fatal("the same inputs gave other calls")
		}
	})
	t.Logf("%d proven, %d not", proven, failed)
	if proven == 0 || failed == 0 {
		t.Errorf("%d proven, %d not: the draw tests nothing", proven, failed)
	}
}

// A device that never identified itself as the victim's machine, and whose mapping nobody proved, is never switched but by an operator.
// No device is asked for anything but off.
func TestSwitchesOnlyTheVictim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, w, natures := drawWalk(t)
		spec.Victim.Cause = fence.CauseFailed
		spec.Judge.Proven = nil
		w.op = operation.New(spec, begin)
		for _, x := range natures {
			x.liesIdentity = false
		}
		w.run(nil)
		named := map[string]bool{}
		for _, in := range w.inputs {
			if c, ok := in.in.(operation.CallResult); ok && c.Class == operation.ClassOK && len(c.Identity.UUIDs) > 0 && c.Identity.UUIDs[0] == uuidV {
				named[w.deviceOf(c.ID)] = true
			}
		}
		for i, c := range w.calls {
			d, ok := c.(operation.Do)
			if !ok {
				continue
			}
			if d.Action != fence.ActionOff || !named[d.Device] || d.DeadlineMS <= w.callAt[i] {
				t.Fatalf("%s %s at %d until %d: identified %v", d.Action, d.Device, w.callAt[i], d.DeadlineMS, named[d.Device])
			}
		}
	})
}

func (w *world) deviceOf(id uint64) string {
	for _, c := range w.calls {
		if s, ok := c.(operation.Status); ok && s.ID == id {
			return s.Device
		}
	}
	return ""
}

// A power-on walk ends, and what it calls on was read on.
func TestPowerOnEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, w, _ := drawWalk(t)
		spec.Action = fence.ActionOn
		w.op = operation.New(spec, begin)
		w.run(nil)
		if err := w.sound(spec); err != nil {
			t.Fatal(err)
		}
		for _, c := range w.calls {
			if d, ok := c.(operation.Do); ok && d.Action != fence.ActionOn {
				t.Fatalf("a walk to on asked for %s", d.Action)
			}
		}
	})
}
