package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// Operation is one walk. It is not safe for concurrent use: one goroutine steps it.
type Operation struct {
	spec    Spec
	stages  []stage
	next    int // index in stages of what comes after the current stage
	current stage
	devices []*device

	startMS, nowMS int64
	lastID         uint64
	out            []Call
	started        bool
	finished       bool

	// commanded: something was commanded in this walk, so that no later read can say what was before (R10).
	commanded bool
	// open: every device of the stage is identified, switching has begun.
	open bool
	// elapsed: the watchdog of the stage has been waited for. silent: its first reads began behind the hold-up of its supplies.
	elapsed, silent bool
	// Timers: for the watchdog, the begin of the all-off pass, the human.
	waitID, passID, askID uint64
	passAtMS              int64

	// late is until when a command that this walk gave to a target may still take effect.
	late map[fence.Step]int64
	// refused are the devices that are asked nothing any more: they refused the login (R28).
	refused []string

	parked []int // levels that wait for a human
	result Result
	failed []string
}

// New makes a walk; nothing happens before Started. nowMS is any clock that never goes back and counts suspend, as CLOCK_BOOTTIME does.
func New(spec Spec, nowMS int64) *Operation {
	return &Operation{spec: spec, stages: spec.walk(), startMS: nowMS, nowMS: nowMS, late: map[fence.Step]int64{}, refused: slices.Clone(spec.Refused)}
}

// Step takes one input at nowMS and returns what to do next, in order. After Finished it returns nothing.
func (o *Operation) Step(nowMS int64, in Input) []Call {
	if o.finished {
		return nil
	}
	o.nowMS = max(o.nowMS, nowMS)
	switch in := in.(type) {
	case Started:
		if !o.started {
			o.started = true
			o.startMS = o.nowMS
			o.nextStage()
		}
	case CallResult:
		o.callReturned(in)
	case Timer:
		o.timerFired(in.ID)
	case Acknowledged:
		o.finish(EndedAcknowledged, "acknowledged by a human")
	case Cancelled:
		o.finish(EndedCancelled, in.Why)
	}
	o.expire()
	out := o.out
	o.out = nil
	return out
}

// expire ends a walk whose claim's time is over: what it was about to ask is not asked (R9).
func (o *Operation) expire() {
	if o.finished || o.spec.EndMS == 0 || o.nowMS <= o.spec.EndMS {
		return
	}
	o.out = slices.DeleteFunc(o.out, func(c Call) bool {
		switch c.(type) {
		case Do, Status, WaitUntil:
			return true
		}
		return false
	})
	o.finish(EndedFailed, "the time of its claim is over (R9)")
}

// nextStage begins the next level that can be tried; the last resort is a human, then the walk has failed.
func (o *Operation) nextStage() {
	for o.next < len(o.stages) {
		o.current = o.stages[o.next]
		o.next++
		o.devices, o.open, o.elapsed, o.silent = nil, false, false, false
		o.waitID, o.passID, o.result.OffMS = 0, 0, 0
		if o.current.asks {
			o.park()
			continue
		}
		o.result.LevelsTried++
		if err := o.hopeless(o.current); err != nil {
			o.note(Attempt{Level: o.current.level, Action: o.spec.do(), Class: ClassRefused, Text: err.Error()})
			o.failed = append(o.failed, fmt.Sprintf("level %d: %v", o.current.level+1, err))
			continue
		}
		if why := o.locked(o.current); why != "" {
			o.note(Attempt{Level: o.current.level, Action: o.spec.do(), Class: ClassAuth, Text: why})
			o.failed = append(o.failed, fmt.Sprintf("level %d: %s", o.current.level+1, why))
			continue
		}
		o.beginStage()
		return
	}
	switch {
	case len(o.parked) > 0:
		o.ask()
	case len(o.stages) == 0 && o.spec.on():
		o.finish(EndedFailed, "no device could power it on")
	case len(o.stages) == 0:
		o.finish(EndedFailed, "the victim has no levels: nothing can prove that its life is over")
	default:
		o.finish(EndedFailed, strings.Join(o.failed, "; "))
	}
}

func (o *Operation) beginStage() {
	for _, p := range o.current.places {
		d, _ := o.spec.device(p.Device)
		o.devices = append(o.devices, &device{place: p, Device: d})
	}
	if o.current.waits {
		at := o.startMS + fence.AssumeDeadAfterMS(o.spec.Judge.Watchdog)
		o.waitID = o.wait(at)
		o.report(Progress{Phase: PhaseWaiting, Level: o.current.level, DeadlineMS: at, Text: "for the victim's watchdog"})
	}
	for _, d := range o.devices {
		o.beginAttempt(d)
	}
}

// park puts a level aside that asks a human: only a committed acknowledgement ends it (R19), so nothing of it is switched, and the levels
// behind it, which need nobody, are tried first.
func (o *Operation) park() {
	o.parked = append(o.parked, o.current.level)
	o.result.Asked = true
	o.failed = append(o.failed, fmt.Sprintf("level %d: waits for a human's acknowledgement (R19)", o.current.level+1))
	o.report(Progress{Phase: PhaseAsking, Level: o.current.level, Text: "a human is asked; the walk goes on meanwhile"})
}

// ask waits for the human when nothing else is left, at most AskMS.
func (o *Operation) ask() {
	at := o.nowMS + AskMS
	o.askID = o.wait(at)
	o.report(Progress{Phase: PhaseAsking, Level: o.parked[0], DeadlineMS: at, Text: "only an acknowledgement ends this"})
}

// failStage gives the current level up and moves on at once. What its other devices were doing is abandoned; an off that is still in
// flight there does no harm and is counted in EffectUntilMS.
func (o *Operation) failStage(why string) {
	o.failed = append(o.failed, fmt.Sprintf("level %d: %s", o.current.level+1, why))
	for _, d := range o.devices {
		o.abandon(d, "abandoned, the level failed: "+why)
	}
	o.report(Progress{Phase: PhaseBetweenLevels, Level: o.current.level, Text: why})
	o.devices = nil
	o.nextStage()
}

// stageAdvanced looks whether the stage has got far enough for the next thing: open the gate, or begin the all-off pass.
func (o *Operation) stageAdvanced() {
	if !o.open && len(o.devices) > 0 && o.all(ready) {
		o.open = true
		for _, d := range o.devices {
			o.command(d)
		}
		return
	}
	if !o.all(confirmed) || (o.current.waits && !o.elapsed) {
		return
	}
	if o.spec.on() {
		o.conclude()
		return
	}
	o.schedulePass()
}

func (o *Operation) all(s stand) bool {
	for _, d := range o.devices {
		if d.stand != s {
			return false
		}
	}
	return true
}

func (o *Operation) timerFired(id uint64) {
	switch {
	case id == 0:
	case id == o.waitID:
		// Whoever keeps the timers may be early: what counts is the clock.
		if at := o.startMS + fence.AssumeDeadAfterMS(o.spec.Judge.Watchdog); o.nowMS < at {
			o.waitID = o.wait(at)
			return
		}
		o.waitID, o.elapsed = 0, true
		o.stageAdvanced()
	case id == o.passID:
		o.passID = 0
		o.schedulePass()
	case id == o.askID:
		o.finish(EndedFailed, strings.Join(o.failed, "; "))
	default:
		for _, d := range o.devices {
			if d.endID == id || d.pollID == id {
				o.deviceTimer(d, id)
				return
			}
		}
	}
}

func (o *Operation) finish(how Ended, why string) {
	for _, d := range o.devices {
		o.abandon(d, "abandoned: "+why)
	}
	o.devices = nil
	o.finished = true
	r := &o.result
	r.Ended, r.Proven = how, how == EndedProven
	r.StartedMS, r.FinishedMS, r.Commanded = o.startMS, o.nowMS, o.commanded
	if !r.Proven {
		r.FailedText = why
	}
	if r.EffectUntilMS <= o.nowMS {
		r.EffectUntilMS = 0
	}
	o.report(Progress{Phase: PhaseDone, Level: o.current.level, Text: why})
	o.out = append(o.out, Finished{*r})
}

func (o *Operation) id() uint64 {
	o.lastID++
	return o.lastID
}

func (o *Operation) wait(atMS int64) uint64 {
	id := o.id()
	o.out = append(o.out, WaitUntil{ID: id, AtMS: atMS})
	return id
}

func (o *Operation) report(p Progress) { o.out = append(o.out, Report{p}) }

func (o *Operation) note(a Attempt) {
	o.result.Attempts = append(o.result.Attempts, a)
	o.out = append(o.out, Tried{a})
}
