package operation

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// schedulePass begins the all-off pass (R17) as soon as every first read has settled and every supply is past its hold-up since the last of
// them: when a command was accepted says nothing of when the relay opened.
func (o *Operation) schedulePass() {
	if len(o.devices) == 0 {
		o.conclude()
		return
	}
	var settled, lastFirst, holdUp int64
	for _, d := range o.devices {
		settled = max(settled, d.first.FinishedMS+d.SettleMS)
		lastFirst = max(lastFirst, d.first.FinishedMS)
		holdUp = max(holdUp, d.HoldUpMS)
	}
	o.passAtMS = max(settled, lastFirst+holdUp)
	if o.nowMS < o.passAtMS {
		o.passID = o.wait(o.passAtMS)
		o.report(Progress{Phase: PhaseVerifying, Level: o.current.level, DeadlineMS: o.passAtMS, Text: "settling"})
		return
	}
	for _, d := range o.devices {
		d.stand = rereading
		o.bound(d)
		o.read(d)
		o.reportDevice(d, PhaseVerifying)
	}
}

// rereadDone judges one read of the pass. One that does not say off spoils the pass and that device's attempt.
func (o *Operation) rereadDone(d *device, r CallResult) {
	class, text := r.Class, r.Text
	if class == ClassOK {
		class, text = o.judge(d, r)
	}
	if class != ClassOK {
		o.endAttempt(d, class, "in the all-off pass: "+text)
		return
	}
	d.final = readOf(r)
	d.stand, d.endID = reread, 0
	if o.all(reread) && !o.again() {
		o.conclude()
	}
}

// again makes the reads of a pass the first ones and begins another pass, where the machine spoke until just now and its supplies hold up: it may
// have spoken until this pass began (R16 d, R17).
func (o *Operation) again() bool {
	if o.silent || !o.spec.Speaks || !slices.ContainsFunc(o.devices, func(d *device) bool { return d.HoldUpMS > 0 }) {
		return false
	}
	o.silent = true
	for _, d := range o.devices {
		d.first, d.final, d.stand = d.final, fence.Read{}, confirmed
	}
	o.schedulePass()
	return true
}

// passFailed ends a pass that has failed or can no longer succeed: the devices that were off stay confirmed by their first reads, and are read again in the
// next pass. An answer of the old pass counts for nothing.
func (o *Operation) passFailed() {
	o.passID, o.silent = 0, false
	for _, d := range o.devices {
		if d.stand == rereading || d.stand == reread {
			d.stand, d.callID, d.endID = confirmed, 0, 0
			d.final = fence.Read{}
		}
	}
}

// conclude asks the one function that may say so, and ends the walk or the level.
func (o *Operation) conclude() {
	if o.spec.on() {
		o.closeAll(ClassOK, "read back on")
		o.finish(EndedProven, "read back on")
		return
	}
	e := o.evidence()
	if err := fence.Admissible(o.spec.Victim, e, o.spec.Judge); err != nil {
		o.failStage(err.Error())
		return
	}
	o.result.Evidence = e
	o.result.FirstReadOff = e.FirstReadOff()
	o.closeAll(ClassOK, "")
	o.finish(EndedProven, "the evidence is admissible")
}

func (o *Operation) closeAll(class Class, text string) {
	for _, d := range o.devices {
		o.over(d)
		o.close(d, class, text)
	}
	o.devices = nil
}

func (o *Operation) evidence() fence.Evidence {
	e := fence.Evidence{Kind: o.gives(o.current.level), Claim: o.spec.Claim, ReadIndex: o.spec.ReadIndex, Level: o.current.level}
	if o.current.waits {
		e.WaitedMS = o.nowMS - o.startMS
	}
	for _, d := range o.devices {
		e.Devices = append(e.Devices, fence.DeviceEvidence{
			Device: d.Name, Target: d.Target, Mapping: d.Mapping, Before: d.before, CommandedMS: d.commandedMS, First: d.first, Final: d.final,
		})
	}
	return e
}

// gives is the kind of evidence that a level can give.
func (o *Operation) gives(level int) fence.EvidenceKind {
	return o.spec.Judge.Levels[level].Gives(o.spec.Judge.Devices)
}

// judge says whether a read after the command shows the victim's machine in the state that was commanded.
func (o *Operation) judge(d *device, r CallResult) (Class, string) {
	if r.Identity.Empty() && d.hadIdentity {
		return ClassUnknown, "the device identified itself before and does not now"
	}
	if err := o.notVictims(d, r.Identity); err != nil && (!r.Identity.Empty() || o.spec.Victim.Cause != fence.CauseOperator) {
		return ClassMismatch, err.Error()
	}
	d.lastState = known(r.State)
	switch {
	case d.lastState == o.spec.want():
		return ClassOK, ""
	case d.lastState == fence.PowerUnknown:
		return ClassLimbo, fmt.Sprintf("accepted %s, reads neither on nor off", o.spec.do())
	}
	return ClassLied, fmt.Sprintf("accepted %s, reads %s", o.spec.do(), d.lastState)
}
