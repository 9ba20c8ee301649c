package operation_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// Which failures are tried again, and how often.
func TestAttemptsByClass(t *testing.T) {
	for class, want := range map[operation.Class]int{
		operation.ClassTimeout: 3, operation.ClassUnreachable: 3, operation.ClassLimbo: 3, operation.ClassLied: 3, operation.ClassPluginDied: 3,
		operation.ClassUnknown: 3, "made up": 3,
		operation.ClassAuth: 1, operation.ClassRefused: 1, operation.ClassUnsupported: 1, operation.ClassMismatch: 1,
	} {
		for where := range 2 {
			spec, fakes := newSpec(level(dev("a")), level(dev("b"))), abcd()
			spec.Judge.Devices[0].Attempts = 3
			if where == 0 {
				fakes["a"].status = fails(class)
			} else {
				fakes["a"].do = fails(class)
			}
			_, r := walk(t, spec, fakes)
			if n := strings.Count(classes(r, "a"), string(class.Normal())+" "); n != want || !r.Proven {
				t.Errorf("%s: %d attempts, want %d; %+v", class, n, want, r)
			}
		}
	}
}

// A plugin that dies in an operation costs one attempt and nothing else.
func TestPluginDeathCostsOneAttempt(t *testing.T) {
	for n := 1; n <= 3; n++ {
		fakes := abcd()
		fakes["a"].status = func(f *fake, k int) answer {
			if k == n {
				return answer{ms: 10, class: operation.ClassPluginDied}
			}
			return f.truth()
		}
		if _, r := walk(t, newSpec(level(dev("a"))), fakes); !r.Proven || classes(r, "a") != "plugin-died ok " {
			t.Errorf("read %d: %+v", n, r)
		}
	}
}

// A read that fails while a machine goes down is made again within the attempt: BMCs stutter just then.
func TestPollEnduresStutter(t *testing.T) {
	fakes := abcd()
	fakes["a"].status = func(f *fake, n int) answer {
		if n > 1 && n < 6 {
			return answer{ms: 10, class: operation.ClassUnreachable}
		}
		return f.truth()
	}
	if _, r := walk(t, newSpec(level(dev("a"))), fakes); !r.Proven || classes(r, "a") != "ok " {
		t.Errorf("%+v", r)
	}
}

// L2: a failed level moves on at once, even while another device of it hangs.
func TestFailedLevelMovesOnAtOnce(t *testing.T) {
	fakes := abcd()
	fakes["a"].status = hangs
	fakes["b"].status = fails(operation.ClassAuth)
	w, r := walk(t, newSpec(level(dev("a"), dev("b")), level(dev("c"))), fakes)
	if !r.Proven || r.Evidence.Level != 1 || w.now-begin != 10+140 {
		t.Errorf("after %d ms: %+v", w.now-begin, r)
	}
	if classes(r, "a") != "unknown " {
		t.Errorf("the hung device: %s", classes(r, "a"))
	}
}

// The devices of a level work side by side: a slow one delays the level, not its twins' commands.
func TestLevelIsParallel(t *testing.T) {
	fakes := abcd()
	slow := func(f *fake, n int) answer { return answer{ms: 2000, effectMS: 2000} }
	fakes["a"].do, fakes["b"].do, fakes["c"].do = slow, slow, slow
	w, r := walk(t, newSpec(level(dev("a"), dev("b"), dev("c"))), fakes)
	if got := w.now - begin; !r.Proven || got != 10+2000+10+100+10 {
		t.Errorf("took %d ms: %+v", got, r)
	}
}

func TestHopelessLevels(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*operation.Spec)
		want   string
	}{
		"no levels":          {func(s *operation.Spec) { s.Judge.Levels = nil }, "no levels"},
		"empty level":        {func(s *operation.Spec) { s.Judge.Levels = []fence.Level{{}} }, "nothing proves nothing"},
		"unknown device":     {func(s *operation.Spec) { s.Judge.Levels = []fence.Level{level(dev("z"))} }, "has no device"},
		"R18 storage":        {func(s *operation.Spec) { s.Judge.Devices[0].Kind = fence.KindStorage }, "R18"},
		"R18 delay":          {func(s *operation.Spec) { s.Judge.Devices[0].Kind = fence.KindDelay }, "R18"},
		"step of no kind":    {func(s *operation.Spec) { s.Judge.Levels[0].Steps = append(s.Judge.Levels[0].Steps, fence.Step{}) }, "no kind"},
		"another claim":      {func(s *operation.Spec) { s.Judge.Claim = 8 }, "R7"},
		"machine unknown":    {func(s *operation.Spec) { s.Victim.Machine = fence.Machine{} }, "never announced nor declared"},
		"victim never named": {func(s *operation.Spec) { s.Victim.Index = 0 }, "R16 c"},
	} {
		spec, fakes := newSpec(level(dev("a"))), abcd()
		c.change(&spec)
		w, r := walk(t, spec, fakes)
		if r.Proven || fakes["a"].reads+fakes["a"].does != 0 || !strings.Contains(r.FailedText, c.want) || w.now != begin {
			t.Errorf("%s: %d reads, %d commands, %+v", name, fakes["a"].reads, fakes["a"].does, r)
		}
	}
}

// The walk goes round once from where it starts.
func TestStartLevel(t *testing.T) {
	for start, want := range map[int]string{-1: "abc", 0: "abc", 1: "bca", 2: "cab", 3: "abc"} {
		spec, fakes := newSpec(level(dev("a")), level(dev("b")), level(dev("c"))), abcd()
		spec.StartLevel = start
		for _, f := range fakes {
			f.status = fails(operation.ClassAuth)
		}
		_, r := walk(t, spec, fakes)
		got := ""
		for _, a := range r.Attempts {
			got += a.Device
		}
		if got != want || r.Proven || r.LevelsTried != 3 {
			t.Errorf("from %d: %s, want %s", start, got, want)
		}
	}
}

var good = fence.Watchdog{Kind: "iTCO_wdt", Open: true, LeaseMS: 5000, HardwareMS: 10_000}

func TestWaitWatchdog(t *testing.T) {
	wait := fence.Step{Wait: fence.WaitWatchdog}
	dead := fence.AssumeDeadAfterMS(good)
	t.Run("alone", func(t *testing.T) {
		spec := newSpec(level(wait))
		spec.Judge.Watchdog = good
		w, r := walk(t, spec, nil)
		if !r.Proven || r.Evidence.Kind != fence.EvidenceWatchdog || r.Evidence.WaitedMS != dead || w.now != begin+dead {
			t.Errorf("%+v", r)
		}
	})
	t.Run("it runs while earlier levels fail", func(t *testing.T) {
		spec, fakes := newSpec(level(dev("a")), level(wait)), abcd()
		spec.Judge.Watchdog = good
		fakes["a"].status = hangs
		if w, r := walk(t, spec, fakes); !r.Proven || w.now != begin+dead {
			t.Errorf("at %d: %+v", w.now-begin, r)
		}
	})
	t.Run("with a device", func(t *testing.T) {
		spec, fakes := newSpec(level(dev("a"), wait)), abcd()
		spec.Judge.Watchdog = good
		_, r := walk(t, spec, fakes)
		if !r.Proven || r.Evidence.Devices[0].Final.StartedMS < begin+dead || r.Evidence.WaitedMS < dead {
			t.Errorf("%+v", r)
		}
	})
	t.Run("an early timer is no elapsed watchdog", func(t *testing.T) {
		spec := newSpec(level(wait))
		spec.Judge.Watchdog = good
		op := operation.New(spec, begin)
		op.Step(begin, operation.Started{})
		calls := op.Step(begin+dead-1, operation.Timer{ID: 1})
		if len(calls) != 1 || calls[0].(operation.WaitUntil).AtMS != begin+dead {
			t.Errorf("%v", calls)
		}
	})
	for name, change := range map[string]func(*operation.Spec){
		"none": func(s *operation.Spec) { s.Judge.Watchdog = fence.Watchdog{} }, "softdog": func(s *operation.Spec) { s.Judge.Watchdog.Kind = "softdog" },
		"virtual": func(s *operation.Spec) { s.Victim.Machine.Virtual = true }, "quorate": func(s *operation.Spec) { s.Judge.Watchdog.SidesQuorate = true },
	} {
		t.Run("R15 refused at once: "+name, func(t *testing.T) {
			spec, fakes := newSpec(level(dev("a"), wait)), abcd()
			spec.Judge.Watchdog = good
			change(&spec)
			w, r := walk(t, spec, fakes)
			if r.Proven || w.now != begin || fakes["a"].reads != 0 || !strings.Contains(r.FailedText, "R15") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// R19: a level that asks a human never ends by itself; the levels behind it are tried first, and nothing of it is switched.
func TestAskHuman(t *testing.T) {
	ask := fence.Step{Ask: fence.AskHuman}
	t.Run("the levels behind it are tried", func(t *testing.T) {
		fakes := abcd()
		_, r := walk(t, newSpec(level(dev("a"), ask), level(dev("b"))), fakes)
		if !r.Proven || r.Evidence.Level != 1 || fakes["a"].reads != 0 || !r.Asked {
			t.Errorf("%+v", r)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		fakes := abcd()
		fakes["a"].status = fails(operation.ClassAuth)
		w, r := walk(t, newSpec(level(ask), level(dev("a"))), fakes)
		if r.Proven || !r.Asked || w.now != begin+10+operation.AskMS || !strings.Contains(r.FailedText, "R19") || !strings.Contains(r.FailedText, "auth") {
			t.Errorf("at %d: %+v", w.now-begin, r)
		}
	})
	t.Run("acknowledged", func(t *testing.T) {
		w := newWorld(newSpec(level(ask)), nil)
		w.run(func() bool { return true })
		asking := false
		for _, c := range w.calls {
			if p, ok := c.(operation.Report); ok && p.Phase == operation.PhaseAsking && p.DeadlineMS == begin+operation.AskMS {
				asking = true
			}
		}
		w.step(operation.Acknowledged{})
		if !asking || w.result == nil || w.result.Proven || w.result.Ended != operation.EndedAcknowledged {
			t.Errorf("asking %v, %+v", asking, w.result)
		}
	})
}

func TestPowerOn(t *testing.T) {
	t.Run("the proving level", func(t *testing.T) {
		spec := newSpec(level(dev("a")), level(dev("b"), dev("c")))
		spec.Action, spec.StartLevel = fence.ActionOn, 1
		fakes := map[string]*fake{"a": {}, "b": {}, "c": {}}
		_, r := walk(t, spec, fakes)
		if !r.Proven || fakes["a"].on || !fakes["b"].on || !fakes["c"].on || r.Evidence.Kind != "" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("all levels, each target once", func(t *testing.T) {
		spec := newSpec(level(dev("a")), level(dev("a"), dev("b")), level(fence.Step{Ask: fence.AskHuman}))
		spec.Action, spec.StartLevel = fence.ActionOn, -1
		fakes := map[string]*fake{"a": {}, "b": {}}
		_, r := walk(t, spec, fakes)
		if !r.Proven || fakes["a"].does != 1 || fakes["b"].does != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a BMC that lives only when its outlet is on", func(t *testing.T) {
		spec := newSpec(level(dev("a"), dev("b")))
		spec.Action = fence.ActionOn
		spec.Judge.Devices[1].Attempts = 9
		fakes := map[string]*fake{"a": {}, "b": {}}
		fakes["b"].status = func(f *fake, n int) answer {
			if !fakes["a"].on || n < 4 {
				return answer{ms: 10, class: operation.ClassUnreachable}
			}
			return f.truth()
		}
		if _, r := walk(t, spec, fakes); !r.Proven || !fakes["b"].on {
			t.Errorf("%+v", r)
		}
	})
	t.Run("not another machine, not one that stays off", func(t *testing.T) {
		spec := newSpec(level(dev("a")))
		spec.Action = fence.ActionOn
		other := &fake{status: func(f *fake, n int) answer { return answer{ms: 10, state: fence.PowerOff, id: identity(uuidO)} }}
		if _, r := walk(t, spec, map[string]*fake{"a": other}); r.Proven || other.does != 0 || classes(r, "a") != "mismatch " {
			t.Errorf("%+v", r)
		}
		deaf := &fake{do: func(*fake, int) answer { return answer{ms: 10, effectMS: -1} }}
		if _, r := walk(t, spec, map[string]*fake{"a": deaf}); r.Proven || classes(r, "a") != "lied lied " {
			t.Errorf("%+v", r)
		}
	})
	t.Run("nothing to switch", func(t *testing.T) {
		for _, start := range []int{0, -1, 5} {
			spec := newSpec(level(fence.Step{Wait: fence.WaitWatchdog}))
			spec.Action, spec.StartLevel = fence.ActionOn, start
			if _, r := walk(t, spec, nil); r.Proven || r.FailedText == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}

// The same inputs give the same calls, whatever happened elsewhere (rule 1 of DESIGN.md).
func TestDeterminism(t *testing.T) {
	fakes := abcd()
	fakes["a"].status = hangs
	fakes["b"].do = fails(operation.ClassTimeout)
	spec := newSpec(level(dev("a"), dev("b")), level(dev("c"), dev("d")))
	w, _ := walk(t, spec, fakes)
	for range 20 {
		op := operation.New(spec, begin)
		var calls []operation.Call
		for _, in := range w.inputs {
			calls = append(calls, op.Step(in.at, in.in)...)
		}
		if !reflect.DeepEqual(calls, w.calls) {
			t.Fatal("the same inputs gave other calls")
		}
	}
}

// R9: a walk says of which levels it commanded devices that may have obeyed, proven or not; whoever was only read, or refused, lost nothing.
func TestWalkSaysWhatItSwitched(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken func(*fake)
		other  []int // with another level behind it
		alone  []int
	}{
		{"unread", func(f *fake) { f.status = fails(operation.ClassUnreachable) }, []int{1}, nil},
		{"refused", func(f *fake) { f.do = fails(operation.ClassRefused) }, []int{1}, nil},
		{"unanswered", func(f *fake) { f.do = hangs }, []int{0, 1}, []int{0}},
		{"lied", func(f *fake) { f.do = func(*fake, int) answer { return answer{ms: 10, effectMS: -1} } }, []int{0, 1}, []int{0}},
	} {
		for _, alone := range []bool{false, true} {
			fakes, want := abcd(), c.other
			c.broken(fakes["a"])
			spec := newSpec(level(dev("a")), level(dev("b")))
			if alone {
				spec, want = newSpec(level(dev("a"))), c.alone
			}
			_, r := walk(t, spec, fakes)
			if r.Proven == alone || !slices.Equal(r.Switched, want) {
				t.Errorf("%s: proven %v, switched %v, want %v", c.name, r.Proven, r.Switched, want)
			}
		}
	}
}
