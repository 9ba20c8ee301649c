package claims

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/fenced-project/fenced/fence"
)

// What is done to the register.
const (
	doClaim = "claim"
	doEnd   = "end"
	doRead  = "read"
	// doLost is the end of a claim whose actor left the view: nobody asked for it, everybody applies it.
	doLost = "lost"
)

// What came of it. A refusal says nothing of the register: there are many reasons. The fate of what is unknown may be either, at any later time.
const (
	granted = "granted"
	refused = "refused"
	unknown = "unknown"
)

type input struct {
	do     string
	by     fence.NodeID
	number uint64
}

type output struct {
	what string
	saw  register
}

// register is the claim on the victim.
type register struct {
	Active uint64 // 0: nobody's
	Holder fence.NodeID
	Next   uint64
}

func (r register) String() string {
	return fmt.Sprintf("claim %d of node %d, next %d", r.Active, r.Holder, r.Next)
}

// model is what one register in one place would do.
func model(first register) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, in, out any) (bool, any) {
			r, i, o := state.(register), in.(input), out.(output)
			legal, next := step(r, i)
			switch {
			case o.what == refused:
				return true, r
			case i.do == doRead:
				return o.saw == r, r
			case o.what == unknown && !legal:
				return true, r
			}
			return legal, next
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
		DescribeState:     func(s any) string { return s.(register).String() },
	}
}

// step is whether something can be done to the register, and what comes of it.
func step(r register, i input) (bool, register) {
	switch i.do {
	case doClaim:
		return r.Active == 0 && i.number == r.Next, register{Active: i.number, Holder: i.by, Next: r.Next + 1}
	case doEnd:
		return r.Active == i.number && r.Holder == i.by, register{Next: r.Next}
	case doLost:
		return r.Active == i.number, register{Next: r.Next}
	}
	return true, r
}

// never is when something returns whose answer was lost: its effect may come at any time.
const never = math.MaxInt64

// The judge refuses histories that no register has: else it would prove nothing.
func TestTheJudgeRefuses(t *testing.T) {
	first := register{Next: 1}
	op := func(client int, call, ret int64, in input, out output) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Call: call, Return: ret, Input: in, Output: out}
	}
	claim := func(by fence.NodeID, n uint64) input { return input{do: doClaim, by: by, number: n} }
	yes, held := output{what: granted}, register{Active: 1, Holder: 1, Next: 2}
	for name, c := range map[string]struct {
		want porcupine.CheckResult
		ops  []porcupine.Operation
	}{
		"one claim":             {porcupine.Ok, []porcupine.Operation{op(1, 1, 2, claim(1, 1), yes), op(2, 3, 4, input{do: doRead}, output{saw: held})}},
		"the same number twice": {porcupine.Illegal, []porcupine.Operation{op(1, 1, 4, claim(1, 1), yes), op(2, 2, 3, claim(2, 1), yes)}},
		"two active claims":     {porcupine.Illegal, []porcupine.Operation{op(1, 1, 4, claim(1, 1), yes), op(2, 2, 3, claim(2, 2), yes)}},
		"a read that does not know of a claim that was granted before": {porcupine.Illegal, []porcupine.Operation{
			op(1, 1, 2, claim(1, 1), yes), op(2, 3, 4, input{do: doRead}, output{saw: first}),
		}},
		"a claim of unknown fate that was seen, and then not": {porcupine.Illegal, []porcupine.Operation{
			op(1, 1, never, claim(1, 1), output{what: unknown}), op(2, 2, 3, input{do: doRead}, output{saw: held}), op(2, 4, 5, input{do: doRead}, output{saw: first}),
		}},
		"a claim of unknown fate that came late": {porcupine.Ok, []porcupine.Operation{
			op(1, 1, never, claim(1, 1), output{what: unknown}), op(2, 2, 3, input{do: doRead}, output{saw: first}), op(2, 4, 5, input{do: doRead}, output{saw: held}),
		}},
		"somebody else's claim was ended": {porcupine.Illegal, []porcupine.Operation{op(1, 1, 2, claim(1, 1), yes), op(2, 3, 4, input{do: doEnd, by: 2, number: 1}, yes)}},
		"a lost claim, and the next one": {porcupine.Ok, []porcupine.Operation{
			op(1, 1, 2, claim(1, 1), yes), op(9, 0, 5, input{do: doLost, number: 1}, yes), op(2, 3, 6, claim(2, 2), yes),
		}},
	} {
		if got := porcupine.CheckOperationsTimeout(model(first), c.ops, time.Minute); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
