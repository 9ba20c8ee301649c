package operation_test

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// R28: a level whose device refused this login lately is passed over, and nothing else of it is switched; the next one is taken at once.
func TestR28ARefusedLoginIsNotRepeated(t *testing.T) {
	spec, fakes := newSpec(level(dev("a"), dev("b")), level(dev("c"))), abcd()
	spec.Refused = []string{"b"}
	w, r := walk(t, spec, fakes)
	if !r.Proven || fakes["a"].reads+fakes["b"].reads+fakes["a"].does != 0 || r.Evidence.Level != 1 || w.now-begin > 200 {
		t.Fatalf("%d and %d reads, %+v", fakes["a"].reads, fakes["b"].reads, r)
	}
	if a := r.Attempts[0]; a.Class != operation.ClassAuth || a.Device != "" || a.Level != 0 {
		t.Errorf("%+v", a)
	}
}

// R28: within a walk too, whatever other target of the device a later level names; power-on asks no such device either.
func TestR28ARefusedDeviceIsAskedOnceInAWalk(t *testing.T) {
	spec, fakes := newSpec(level(dev("a")), level(dev("a"))), abcd()
	fakes["a"].status = fails(operation.ClassAuth)
	if _, r := walk(t, spec, fakes); r.Proven || fakes["a"].reads != 1 || r.LevelsTried != 2 {
		t.Errorf("%d logins, %+v", fakes["a"].reads, r)
	}
	spec, fakes = newSpec(level(dev("a"))), abcd()
	spec.Action, spec.StartLevel, spec.Refused = fence.ActionOn, -1, []string{"a"}
	if _, r := walk(t, spec, fakes); r.Proven || fakes["a"].reads+fakes["a"].does != 0 {
		t.Errorf("%d reads, %+v", fakes["a"].reads, r)
	}
}
