package operation_test

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// cutSpec has a level that cuts storage at a and b, and one that switches power at c.
func cutSpec() (operation.Spec, map[string]*fake) {
	spec, fakes := newSpec(level(dev("a"), dev("b")), level(dev("c"))), abcd()
	for i := range 2 {
		spec.Judge.Devices[i].Kind, spec.Judge.Devices[i].Accepted = fence.KindStorage, true
	}
	spec.Judge.Cuts, spec.Judge.Home = true, spec.Victim.Machine
	spec.Judge.Announced, spec.Judge.Shared = []string{"san"}, []fence.Shared{{Name: "san", CutBy: [][]string{{"a", "b"}}}}
	for _, d := range []string{"a", "b"} { // a switch knows no machine
		fakes[d].status = func(f *fake, _ int) answer { return answer{ms: 10, state: f.state()} }
	}
	return spec, fakes
}

// R18: both ways are closed, read back twice, and that is a cut and nothing more.
func TestWalkProvesACut(t *testing.T) {
	spec, fakes := cutSpec()
	_, r := walk(t, spec, fakes)
	if !r.Proven || r.Evidence.Kind != fence.EvidenceStorageCut || len(r.Evidence.Devices) != 2 || fakes["c"].does != 0 {
		t.Errorf("%+v", r)
	}
}

// R18: what cannot cover the victim is not touched; the walk goes on with power.
func TestACutThatDoesNotCoverIsNotTried(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*operation.Spec)
		want  string
	}{
		"a way that nothing closes": {func(s *operation.Spec) { s.Judge.Shared[0].CutBy[0] = []string{"a", "b", "d"} }, "it lacks d"},
		"more announced":            {func(s *operation.Spec) { s.Judge.Announced = []string{"san", "nfs"} }, "from nfs"},
		"nothing announced":         {func(s *operation.Spec) { s.Judge.Announced = nil }, "announced no shared device"},
		"cut already":               {func(s *operation.Spec) { s.Judge.IsCut = true }, "cut already"},
	} {
		spec, fakes := cutSpec()
		c.spoil(&spec)
		_, r := walk(t, spec, fakes)
		if !r.Proven || r.Evidence.Kind != fence.EvidencePowerOff || r.Evidence.Level != 1 || fakes["a"].does+fakes["b"].does != 0 || !strings.Contains(r.Attempts[0].Text, c.want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// R18: of two ways one stays open: no cut, and the next level is tried. What was closed is told.
func TestACutOfOneWayIsNone(t *testing.T) {
	spec, fakes := cutSpec()
	fakes["b"].do = fails(operation.ClassRefused)
	_, r := walk(t, spec, fakes)
	if !r.Proven || r.Evidence.Kind != fence.EvidencePowerOff || len(r.Switched) != 2 || r.Switched[0] != 0 {
		t.Errorf("%+v", r)
	}
}

// R18: a walk that powers a machine on opens nothing that a cut has closed, and one that opens switches no power.
func TestUnfencingIsNoPowerOn(t *testing.T) {
	for name, c := range map[string]struct {
		open  []fence.Step
		level int
		want  string
	}{
		"power on":            {nil, -1, "c"},
		"power on of a level": {nil, 1, "c"},
		"open":                {[]fence.Step{{Device: "a"}, {Device: "b"}}, -1, "ab"},
		"open one":            {[]fence.Step{{Device: "b"}}, -1, "b"},
	} {
		spec, fakes := cutSpec()
		spec.Action, spec.StartLevel, spec.Open = fence.ActionOn, c.level, c.open
		for _, f := range fakes {
			f.on = false
		}
		_, r := walk(t, spec, fakes)
		did := ""
		for _, d := range []string{"a", "b", "c", "d"} {
			if f := fakes[d]; f != nil && f.does > 0 {
				did += d
			}
		}
		if !r.Proven || did != c.want {
			t.Errorf("%s: switched %q, %+v", name, did, r)
		}
	}
	spec, fakes := cutSpec()
	spec.Action, spec.StartLevel = fence.ActionOn, 0
	if _, r := walk(t, spec, fakes); r.Proven || fakes["a"].does != 0 {
		t.Errorf("a level that switches no power powered something on: %+v", r)
	}
}

// 0099: storage that knows no reservation yet says nothing of a node that opens its own way, and is commanded all the same; what it says afterwards must be on.
// For nobody else, and not where the device does not answer at all.
func TestItsOwnWayIsOpenedBlind(t *testing.T) {
	for name, c := range map[string]struct {
		own    bool
		class  operation.Class
		does   int
		proven bool
	}{
		"no reservation":                   {true, operation.ClassRefused, 1, true},
		"another's way":                    {false, operation.ClassRefused, 0, false},
		"no answer":                        {true, operation.ClassTimeout, 0, false},
		"nothing can be read afterwards":   {true, operation.ClassUnknown, 1, false},
		"nothing of another's can be read": {false, operation.ClassUnknown, 0, false},
	} {
		spec, fakes := cutSpec()
		spec.Action, spec.StartLevel, spec.Open, spec.Own = fence.ActionOn, -1, []fence.Step{{Device: "a"}}, c.own
		a := fakes["a"]
		a.on = false
		a.status = func(f *fake, _ int) answer {
			if f.does == 0 || !c.proven {
				return answer{ms: 10, class: c.class}
			}
			return answer{ms: 10, state: f.state()}
		}
		if _, r := walk(t, spec, fakes); r.Proven != c.proven || min(a.does, 1) != c.does {
			t.Errorf("%s: commanded %d times, %+v", name, a.does, r)
		}
	}
}
