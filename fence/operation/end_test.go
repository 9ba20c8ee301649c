package operation_test

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence/operation"
)

// R9: an actor that was stopped and wakes after its claim's time asks nothing more of a device, whatever it had in mind.
func TestR9NothingIsAskedAfterTheClaimsTime(t *testing.T) {
	spec := newSpec(level(dev("a")), level(dev("b")))
	spec.EndMS = begin + 1000
	op := operation.New(spec, begin)
	var first operation.Status
	for _, c := range op.Step(begin, operation.Started{}) {
		if s, ok := c.(operation.Status); ok {
			first = s
		}
	}
	if first.ID == 0 {
		t.Fatal("the walk does not begin with a read")
	}
	// It was stopped for a minute; the answer to its read waited in a queue, in time and good: a Do would follow.
	calls := op.Step(begin+60_000, operation.CallResult{
		ID: first.ID, Class: operation.ClassOK, State: "on", Identity: identity(uuidV), StartedMS: begin + 1, FinishedMS: begin + 5,
	})
	ended := false
	for _, c := range calls {
		switch c := c.(type) {
		case operation.Do, operation.Status, operation.WaitUntil:
			t.Errorf("asked after the end: %#v", c)
		case operation.Finished:
			ended = true
			if c.Proven || !strings.Contains(c.FailedText, "R9") {
				t.Errorf("%+v", c.Result)
			}
		}
	}
	if !ended {
		t.Error("the walk goes on after its claim's time")
	}
}

// Within its time the end changes nothing.
func TestTheEndDoesNotHurryAWalk(t *testing.T) {
	spec := newSpec(level(dev("a")))
	spec.EndMS = begin + operation.Duration(spec)
	if _, r := walk(t, spec, abcd()); !r.Proven {
		t.Errorf("%+v", r)
	}
}
