package operation

import "github.com/fenced-project/fenced/fence"

// Class says how an attempt or a call ended (INTERFACES.md, attempt class).
type Class string

// The classes. ClassLied: accepted, and still read on at the deadline or on again later. ClassLimbo: accepted, and neither on nor off.
const (
	ClassOK          Class = "ok"
	ClassRefused     Class = "refused"
	ClassTimeout     Class = "timeout"
	ClassAuth        Class = "auth"
	ClassUnreachable Class = "unreachable"
	ClassLied        Class = "lied"
	ClassLimbo       Class = "limbo"
	ClassMismatch    Class = "mismatch"
	ClassPluginDied  Class = "plugin-died"
	ClassUnsupported Class = "unsupported"
	ClassUnknown     Class = "unknown"
)

// Normal returns c, or ClassUnknown for a word that is no class: what a plugin makes up is never good news.
func (c Class) Normal() Class {
	if c == ClassOK || c.Transient() || c.final() {
		return c
	}
	return ClassUnknown
}

// Transient reports whether the same request may succeed when it is made again.
func (c Class) Transient() bool {
	switch c {
	case ClassTimeout, ClassUnreachable, ClassLimbo, ClassLied, ClassPluginDied, ClassUnknown:
		return true
	}
	return false
}

// final reports whether making the request again is useless, or harmful as with a password (R28).
func (c Class) final() bool {
	switch c {
	case ClassAuth, ClassRefused, ClassUnsupported, ClassMismatch:
		return true
	}
	return false
}

// noEffect reports whether a command that failed so was certainly not carried out.
func (c Class) noEffect() bool { return c.final() }

// Phase says what an operation is doing (INTERFACES.md, phase).
type Phase string

// The phases that an operation goes through; the others belong to the domain and the actor.
const (
	PhaseWaiting       Phase = "waiting" // for the victim's watchdog
	PhaseReading       Phase = "reading"
	PhaseRequesting    Phase = "requesting"
	PhaseVerifying     Phase = "verifying"
	PhaseBetweenLevels Phase = "between-levels"
	PhaseAsking        Phase = "asking"
	PhasePoweringOn    Phase = "powering-on"
	PhaseDone          Phase = "done"
)

// Progress is where a walk is. Level and Step count from zero; Level is -1 where a power-on walk takes the devices of all levels.
type Progress struct {
	Phase          Phase
	Level, Step    int
	Device, Target string
	// Attempt counts from one, of Attempts; zero where no attempt runs.
	Attempt, Attempts int
	// DeadlineMS is when this phase ends at the latest, by the clock that Step gets; zero where nothing is waited for.
	DeadlineMS int64
	Text       string
}

// Attempt is one try at one device, or a level that was refused without trying (then Device is empty).
type Attempt struct {
	Level  int          `json:"level"` // counts from zero
	Device string       `json:"device,omitempty"`
	Target string       `json:"target,omitempty"`
	Action fence.Action `json:"action"`
	// Result is the state that was read last: off, on, unknown, or "" where nothing was read.
	Result fence.PowerState `json:"result"`
	Class  Class            `json:"class"`
	MS     int64            `json:"ms"` // how long it took
	Text   string           `json:"text,omitempty"`
}

// Ended says how a walk ended.
type Ended string

// The ways to end.
const (
	EndedProven       Ended = "proven"
	EndedFailed       Ended = "failed"
	EndedAcknowledged Ended = "acknowledged"
	EndedCancelled    Ended = "cancelled"
)

// Result is what a walk came to.
type Result struct {
	Ended Ended
	// Proven is true if, and only if, fence.Admissible accepted Evidence; for a power-on walk, if all devices read on.
	Proven bool
	// Evidence is set where Proven, but for a power-on walk, which proves nothing about a life.
	Evidence fence.Evidence
	Attempts []Attempt
	// FirstReadOff: every device of the level that proved read off before this walk commanded anything (R10).
	FirstReadOff bool
	// FailedText says why, for people, where not Proven: the reason of each level that failed.
	FailedText  string
	LevelsTried int
	// Switched are the levels, ascending, of which a device was commanded and may have obeyed.
	Switched []int
	// Commanded: a device was asked to switch something, whatever came of it.
	Commanded bool
	// Asked: a level waits for a human (`ask: human`); only an acknowledgement ends it (R19).
	Asked bool
	// StartedMS, OffMS and FinishedMS: when the walk began, when the last device of the proving level first read as wanted, when it ended.
	StartedMS, OffMS, FinishedMS int64
	// EffectUntilMS is until when a command of this walk may still take effect, by the clock that Step gets; zero where there is none. A
	// command is over when the read before it showed the other state and one after it the wanted one; where the state was so already, or
	// something else was under way, the read-back says nothing about it. Power-on, admission of the next life and cancellation wait for it (R9).
	EffectUntilMS int64
}
