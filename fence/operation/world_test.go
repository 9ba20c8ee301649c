package operation_test

import (
	"container/heap"
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

const (
	uuidV = "4c4c4544-0042-3510-8052-b4c04f564831" // the victim's machine
	uuidO = "4c4c4544-0042-3510-8052-b4c04f564832" // another node's
)

func identity(u string) fence.Identity { return fence.Identity{UUIDs: []string{u}} }

// answer is what a fake device does with one call.
type answer struct {
	ms    int64 // how long the call takes
	class operation.Class
	state fence.PowerState
	id    fence.Identity
	never bool // it does not return at all
	// effectMS is when a command takes effect after it was asked for; negative: never.
	effectMS int64
}

// fake is a scripted device. A nil script answers truthfully after 10 ms, identified as the victim's machine.
type fake struct {
	on     bool
	status func(f *fake, n int) answer // n counts from one
	do     func(f *fake, n int) answer
	reads  int
	does   int
	effect int64 // the last effect on it, for tests of quiescence
	// history of on, for ground truth.
	history []change
}

type change struct {
	at int64
	on bool
}

func (f *fake) set(at int64, on bool) {
	f.on, f.effect = on, at
	f.history = append(f.history, change{at, on})
}

func (f *fake) onAt(at int64) bool {
	on := f.history[0].on
	for _, c := range f.history {
		if c.at <= at {
			on = c.on
		}
	}
	return on
}

func (f *fake) state() fence.PowerState {
	if f.on {
		return fence.PowerOn
	}
	return fence.PowerOff
}

func (f *fake) truth() answer { return answer{ms: 10, state: f.state(), id: identity(uuidV)} }

// fails makes a script that fails with class.
func fails(class operation.Class) func(*fake, int) answer {
	return func(*fake, int) answer { return answer{ms: 10, class: class, effectMS: -1} }
}

func hangs(*fake, int) answer { return answer{never: true, effectMS: -1} }

// world runs one operation against fakes in virtual time.
type world struct {
	now     int64
	op      *operation.Operation
	fakes   map[string]*fake
	pending events
	seq     int
	calls   []operation.Call
	callAt  []int64
	inputs  []stamped
	result  *operation.Result
}

type stamped struct {
	at int64
	in operation.Input
}

// event is an input to deliver or a thing that happens to a device.
type event struct {
	at  int64
	seq int
	in  operation.Input
	run func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, k int) bool {
	return e[i].at < e[k].at || e[i].at == e[k].at && e[i].seq < e[k].seq
}
func (e events) Swap(i, k int) { e[i], e[k] = e[k], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

const begin = 50_000

func newWorld(spec operation.Spec, fakes map[string]*fake) *world {
	w := &world{now: begin, fakes: fakes, op: operation.New(spec, begin)}
	for _, f := range fakes {
		f.history = append(f.history, change{0, f.on})
	}
	return w
}

func (w *world) at(at int64, in operation.Input, run func()) {
	w.seq++
	heap.Push(&w.pending, event{max(at, w.now), w.seq, in, run})
}

func (w *world) step(in operation.Input) {
	w.inputs = append(w.inputs, stamped{w.now, in})
	for _, c := range w.op.Step(w.now, in) {
		w.calls, w.callAt = append(w.calls, c), append(w.callAt, w.now)
		switch c := c.(type) {
		case operation.WaitUntil:
			w.at(c.AtMS, operation.Timer{ID: c.ID}, nil)
		case operation.Status:
			w.status(c)
		case operation.Do:
			w.do(c)
		case operation.Finished:
			w.result = &c.Result
		}
	}
}

func (w *world) status(c operation.Status) {
	f := w.fakes[c.Device+c.Target]
	f.reads++
	a := f.truth()
	if f.status != nil {
		a = f.status(f, f.reads)
	}
	w.answer(c.ID, a)
}

func (w *world) do(c operation.Do) {
	f := w.fakes[c.Device+c.Target]
	f.does++
	a := answer{ms: 10}
	if f.do != nil {
		a = f.do(f, f.does)
	}
	if a.effectMS >= 0 {
		w.at(w.now+a.effectMS, nil, func() { f.set(w.now, c.Action != fence.ActionOff) })
	}
	w.answer(c.ID, a)
}

func (w *world) answer(id uint64, a answer) {
	if a.never {
		return
	}
	if a.class == "" {
		a.class = operation.ClassOK
	}
	w.at(w.now+a.ms, operation.CallResult{ID: id, Class: a.class, Text: "scripted", State: a.state, Identity: a.id, StartedMS: w.now, FinishedMS: w.now + a.ms}, nil)
}

// run steps until the operation finishes, nothing is left to happen, or stop says so.
func (w *world) run(stop func() bool) {
	w.step(operation.Started{})
	w.goOn(stop)
}

func (w *world) goOn(stop func() bool) {
	for w.result == nil && w.pending.Len() > 0 && (stop == nil || !stop()) {
		e := heap.Pop(&w.pending).(event)
		w.now = e.at
		if e.run != nil {
			e.run()
			continue
		}
		w.step(e.in)
	}
}

// walk runs a spec to its end and checks what must hold of every walk.
func walk(t testing.TB, spec operation.Spec, fakes map[string]*fake) (*world, operation.Result) {
	t.Helper()
	w := newWorld(spec, fakes)
	w.run(nil)
	if err := w.sound(spec); err != nil {
		t.Fatal(err)
	}
	return w, *w.result
}

func (w *world) sound(spec operation.Spec) error {
	if w.result == nil {
		return fmt.Errorf("the walk hangs: nothing is pending and it has not finished")
	}
	r := w.result
	if took, most := r.FinishedMS-r.StartedMS, operation.Duration(spec); took > most {
		return fmt.Errorf("it took %d ms, Duration says at most %d ms (R7)", took, most)
	}
	if r.Proven != (r.Ended == operation.EndedProven) || (!r.Proven && r.FailedText == "") {
		return fmt.Errorf("a result that contradicts itself: %+v", r)
	}
	if r.Proven && spec.Action != fence.ActionOn {
		if err := fence.Admissible(spec.Victim, r.Evidence, spec.Judge); err != nil {
			return fmt.Errorf("proven without admissible evidence: %w", err)
		}
	}
	if !r.Proven && r.Evidence.Kind != "" {
		return fmt.Errorf("evidence of a walk that proved nothing")
	}
	return nil
}

// level makes a level of device steps "name" or "name/target".
func level(steps ...fence.Step) fence.Level { return fence.Level{Steps: steps} }

func dev(name string) fence.Step { return fence.Step{Device: name} }

func power(name string) fence.Device {
	return fence.Device{Name: name, Kind: fence.KindPower, Mapping: "map-" + name, SettleMS: 100, AttemptMS: 5000, Attempts: 2, PollMS: 200, EffectMS: 90_000}
}

// newSpec is a victim with one level for each argument, over devices a, b, c, d that are all alike.
func newSpec(levels ...fence.Level) operation.Spec {
	return operation.Spec{
		Victim: fence.Victim{Incarnation: fence.Incarnation{Node: 3, Boot: "boot"}, Machine: fence.Machine{UUID: uuidV}, Cause: fence.CauseFailed, Index: 10, Action: fence.ActionReboot},
		Claim:  7, ReadIndex: 12, Action: fence.ActionReboot,
		Judge: fence.Judge{
			Claim: 7, Levels: levels, Devices: []fence.Device{power("a"), power("b"), power("c"), power("d")},
			Others: []fence.Machine{{UUID: uuidO}},
		},
	}
}

func abcd() map[string]*fake {
	return map[string]*fake{"a": {on: true}, "b": {on: true}, "c": {on: true}, "d": {on: true}}
}

// classes lists the classes of the attempts at a device.
func classes(r operation.Result, device string) string {
	s := ""
	for _, a := range r.Attempts {
		if a.Device == device {
			s += string(a.Class) + " "
		}
	}
	return s
}
