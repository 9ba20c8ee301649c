package operation

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// stand is how far a device step has got.
type stand int

const (
	reading    stand = iota // the read before anything is commanded
	ready                   // identified; waits until all devices of the level are
	commanding              // the command is in flight
	polling                 // accepted; read until it says what was commanded
	confirmed               // the first read said so; waits for the other devices and the all-off pass
	rereading               // the all-off pass is in flight
	reread                  // and said off
	closed                  // the attempt is over and written down
	pausing                 // between two attempts
)

// device is one device step of the current stage, and the attempt that runs at it.
type device struct {
	place
	fence.Device
	stand   stand
	attempt int // counts from one

	attemptMS, endMS int64  // when the attempt began, when the part of it that runs now ends
	callID           uint64 // the one call that still counts; results of all others are dropped
	issuedMS, dueMS  int64  // of that call
	endID, pollID    uint64

	// before is the state before the walk commanded anything; hadIdentity, that the device identified itself then.
	before      fence.PowerState
	hadIdentity bool
	// Of this attempt: when the command was accepted, until when it may take effect, and what was read and went wrong last.
	commandedMS, effectMS int64
	// settles: reading what was commanded shows that the command is over.
	settles bool
	// obeys: it was commanded in this attempt and may have obeyed.
	obeys     bool
	lastState fence.PowerState
	lastClass Class
	lastText  string

	first, final fence.Read
}

func (o *Operation) beginAttempt(d *device) {
	d.attempt++
	d.stand = reading
	d.attemptMS, d.commandedMS, d.effectMS, d.settles = o.nowMS, 0, 0, false
	d.obeys = false
	d.lastState, d.lastClass, d.lastText = "", "", ""
	d.first, d.final = fence.Read{}, fence.Read{}
	o.bound(d)
	o.read(d)
	o.reportDevice(d, PhaseReading)
}

// bound gives the part of the attempt that begins now its deadline.
func (o *Operation) bound(d *device) {
	d.endMS = o.nowMS + d.AttemptMS
	d.endID = o.wait(d.endMS + graceMS)
}

// read asks for a fresh read of the target, due when the running part of the attempt ends.
func (o *Operation) read(d *device) {
	o.issue(d)
	o.out = append(o.out, Status{ID: d.callID, Device: d.Name, Target: d.Target, DeadlineMS: d.dueMS})
}

func (o *Operation) issue(d *device) {
	d.callID, d.issuedMS, d.dueMS, d.pollID = o.id(), o.nowMS, d.endMS, 0
}

// command asks for the action, even where the state already reads so (R16 b).
func (o *Operation) command(d *device) {
	d.stand = commanding
	o.commanded, d.obeys = true, true
	o.bound(d)
	o.issue(d)
	d.effectMS, d.settles = d.dueMS+o.lag(d), o.changes(d)
	o.out = append(o.out, Do{ID: d.callID, Device: d.Name, Target: d.Target, Action: o.spec.do(), DeadlineMS: d.dueMS})
	if o.spec.on() {
		o.reportDevice(d, PhasePoweringOn)
	} else {
		o.reportDevice(d, PhaseRequesting)
	}
}

// changes reports whether nothing but the command that is given now can bring the target to the state that is wanted: it was read in the other
// one just before, and no earlier command is under way. Where not, the wanted state says nothing about this command, which may take effect
// until its longest effect time is over (R9, I5).
func (o *Operation) changes(d *device) bool {
	return d.lastState != fence.PowerUnknown && d.lastState != o.spec.want() && !o.spec.InFlight && o.late[d.Step] <= o.nowMS
}

// lag is how long after a command was accepted it may end a life: the device's longest effect time, and then the supply's hold-up.
func (o *Operation) lag(d *device) int64 {
	if o.spec.on() {
		return d.EffectMS
	}
	return d.EffectMS + d.HoldUpMS
}

// over forgets that the command of this attempt may still take effect, if what was read back shows that it did: but for the supply, which holds
// up from then on.
func (o *Operation) over(d *device) {
	if d.settles {
		d.effectMS = 0
		if !o.spec.on() && d.HoldUpMS > 0 {
			d.effectMS = d.first.FinishedMS + d.HoldUpMS
		}
	}
}

// callReturned finds whose call it was. A call that was given up, because its deadline, attempt or level is over, has no owner any more.
func (o *Operation) callReturned(r CallResult) {
	for _, d := range o.devices {
		if d.callID == 0 || d.callID != r.ID {
			continue
		}
		r.Class = r.Class.Normal()
		switch {
		case r.Class != ClassOK:
		case r.FinishedMS > d.dueMS:
			r.Class, r.Text = ClassTimeout, fmt.Sprintf("answered %d ms after its deadline", r.FinishedMS-d.dueMS)
		case r.StartedMS < d.issuedMS || r.FinishedMS < r.StartedMS || r.FinishedMS > o.nowMS:
			r.Class, r.Text = ClassUnknown, "the times of the answer cannot be true"
		}
		d.callID = 0
		switch d.stand {
		case reading:
			o.readBefore(d, r)
		case commanding:
			o.accepted(d, r)
		case polling:
			o.polled(d, r)
		case rereading:
			o.rereadDone(d, r)
		}
		return
	}
}

// readBefore judges the read before the command: whoever is behind the device must be the victim's machine before it is touched.
func (o *Operation) readBefore(d *device, r CallResult) {
	if o.opensBlind(r.Class) {
		d.lastState = fence.PowerUnknown
		o.command(d)
		return
	}
	if r.Class != ClassOK {
		o.endAttempt(d, r.Class, r.Text)
		return
	}
	if err := o.notVictims(d, r.Identity); err != nil {
		if !r.Identity.Empty() {
			o.endAttempt(d, ClassMismatch, "nothing was switched: "+err.Error())
			return
		}
		if o.spec.Victim.Cause != fence.CauseOperator {
			o.endAttempt(d, ClassRefused, "nothing was switched: "+err.Error())
			return
		}
		// An operator asked for this node by name: switch it, although it can prove nothing afterwards.
	}
	d.lastState = known(r.State)
	d.hadIdentity = d.hadIdentity || !r.Identity.Empty()
	o.ran(d, r.State)
	if d.before == "" {
		d.before = d.lastState
		if o.commanded {
			d.before = fence.PowerUnknown
		}
	}
	if o.spec.on() && d.lastState == fence.PowerOn {
		o.confirm(d, r) // it runs: an on that nobody needs could come late, into the next off (V5)
		return
	}
	if o.open || o.spec.on() {
		o.command(d)
		return
	}
	d.stand, d.endID = ready, 0
	o.stageAdvanced()
}

// opensBlind reports whether a step is commanded although its device cannot say how it stands: where a node opens its own way, that is so on storage
// that knows no reservation yet, and the way is its own by definition. What is read back afterwards must say on, as everywhere.
func (o *Operation) opensBlind(c Class) bool {
	return o.spec.Own && (c == ClassRefused || c == ClassUnknown)
}

// ran notes that a machine which was off at first was seen on since: somebody switched it on in the middle of the walk, so it is switched off by us,
// and comes back afterwards as any other (R9, R10).
func (o *Operation) ran(d *device, now fence.PowerState) {
	if d.before == fence.PowerOff && now == fence.PowerOn {
		d.before = fence.PowerOn
	}
}

// accepted begins to read back. A command whose fate is unknown ends the attempt: without acceptance nothing that is read counts (R16 b).
func (o *Operation) accepted(d *device, r CallResult) {
	if r.Class != ClassOK {
		if r.Class.noEffect() {
			d.effectMS, d.obeys = 0, false
		}
		o.endAttempt(d, r.Class, r.Text)
		return
	}
	d.commandedMS = r.FinishedMS
	d.effectMS = r.FinishedMS + o.lag(d)
	d.lastState = ""
	d.stand = polling
	o.read(d)
}

// polled looks whether the device did what it accepted. What may pass by itself is read again until the attempt ends.
func (o *Operation) polled(d *device, r CallResult) {
	if r.Class != ClassOK {
		d.lastClass, d.lastText = r.Class, r.Text
		if !r.Class.Transient() || r.Class == ClassPluginDied {
			o.endAttempt(d, r.Class, r.Text)
			return
		}
		o.poll(d)
		return
	}
	if class, text := o.judge(d, r); class != ClassOK {
		o.ran(d, r.State)
		d.lastClass, d.lastText = class, text
		if class == ClassMismatch {
			o.endAttempt(d, class, text)
			return
		}
		o.poll(d)
		return
	}
	if r.StartedMS < d.commandedMS { // cannot happen while reads are issued after acceptance; it would prove nothing
		o.poll(d)
		return
	}
	o.confirm(d, r)
}

// confirm takes a read that says what is wanted.
func (o *Operation) confirm(d *device, r CallResult) {
	d.first = readOf(r)
	d.stand, d.endID = confirmed, 0
	o.result.OffMS = max(o.result.OffMS, r.FinishedMS)
	o.stageAdvanced()
}

// poll reads again after PollMS; past the attempt's end its timer comes first.
func (o *Operation) poll(d *device) { d.pollID = o.wait(o.nowMS + d.PollMS) }

func (o *Operation) deviceTimer(d *device, id uint64) {
	if d.pollID == id {
		d.pollID = 0
		switch d.stand {
		case pausing:
			o.beginAttempt(d)
		case polling:
			if o.nowMS < d.endMS {
				o.read(d)
			}
		}
		return
	}
	if o.nowMS < d.endMS {
		d.endID = o.wait(d.endMS + graceMS)
		return
	}
	d.endID = 0
	if d.stand == polling && d.lastClass != "" {
		o.endAttempt(d, d.lastClass, d.lastText)
		return
	}
	o.endAttempt(d, ClassTimeout, fmt.Sprintf("no answer within %d ms", d.AttemptMS))
}

// endAttempt closes a failed attempt: again, or the level has failed.
func (o *Operation) endAttempt(d *device, class Class, text string) {
	o.close(d, class, text)
	o.passFailed()
	if !class.Transient() || d.attempt >= d.Attempts {
		o.failStage(fmt.Sprintf("device %s: %s: %s", d.Step, class, text))
		return
	}
	d.stand = pausing
	d.pollID = o.wait(o.nowMS + d.PollMS)
}

// close writes the attempt down and forgets its calls and timers, so that nothing that arrives late can count.
func (o *Operation) close(d *device, class Class, text string) {
	o.result.EffectUntilMS = max(o.result.EffectUntilMS, d.effectMS)
	o.late[d.Step] = max(o.late[d.Step], d.effectMS)
	if at, had := slices.BinarySearch(o.result.Switched, d.level); d.obeys && !had {
		o.result.Switched = slices.Insert(o.result.Switched, at, d.level)
	}
	o.note(Attempt{Level: d.level, Device: d.Name, Target: d.Target, Action: o.spec.do(), Result: d.lastState, Class: class, MS: o.nowMS - d.attemptMS, Text: text})
	d.callID, d.endID, d.pollID, d.effectMS = 0, 0, 0, 0
	d.stand = closed
	if class == ClassAuth {
		o.refused = append(o.refused, d.Name)
	}
}

// locked says why a level is passed over: one of its devices refused the login, in this walk or before it, and each further one brings the account
// nearer to being locked (R28). Nothing else of the level is switched either.
func (o *Operation) locked(st stage) string {
	for _, p := range st.places {
		if slices.Contains(o.refused, p.Device) {
			return fmt.Sprintf("device %s refused this login lately; it is not repeated yet, so that the account is not locked (R28)", p.Step)
		}
	}
	return ""
}

// abandon closes what runs at a device whose level is over. One that had read off is settled; of the others a command may still take effect.
func (o *Operation) abandon(d *device, text string) {
	switch d.stand {
	case closed, pausing:
	case confirmed, rereading, reread:
		o.over(d)
		o.close(d, ClassOK, text)
	default:
		o.close(d, ClassUnknown, text)
	}
}

func (o *Operation) reportDevice(d *device, phase Phase) {
	o.report(Progress{Phase: phase, Level: d.level, Step: d.step, Device: d.Name, Target: d.Target, Attempt: d.attempt, Attempts: d.Attempts, DeadlineMS: d.endMS})
}

// known maps whatever a device says to one of the three states.
func known(s fence.PowerState) fence.PowerState {
	if s == fence.PowerOn || s == fence.PowerOff {
		return s
	}
	return fence.PowerUnknown
}

func readOf(r CallResult) fence.Read {
	return fence.Read{State: known(r.State), Identity: r.Identity, StartedMS: r.StartedMS, FinishedMS: r.FinishedMS}
}
