package operation

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// What a walk assumes where the roster says nothing, and its own bounds; milliseconds.
const (
	defaultAttemptMS = 20_000
	defaultPollMS    = 500
	// minSettleMS keeps two reads from being one (R16 c), whatever the roster says.
	minSettleMS = 1
	// graceMS is how much later than a call's deadline the walk gives the call up, so that the device's own word for the failure arrives first.
	graceMS = 100
	// AskMS is how long a walk whose last resort is a human waits for the acknowledgement before it ends unproven, so that its domain
	// can try the other levels again: a BMC may have come back while nobody looked.
	AskMS = 60_000
)

// Spec is everything that a walk depends on. Both walks are functions of it and of their inputs alone.
type Spec struct {
	Victim fence.Victim
	// Claim is the claim under which this runs (R7); Judge.Claim is the active one, so they are equal.
	Claim uint64
	// ReadIndex is the log index that this node had applied before the walk began (R16 c, V1).
	ReadIndex uint64
	// Action: ActionOff and ActionReboot walk to off (powering on again is an obligation of its own, R9), ActionOn walks to on.
	Action fence.Action
	Judge  fence.Judge
	// StartLevel counts from zero. To off: the walk starts there and goes round once; out of range means zero. To on: only that
	// level's devices, the ones that proved off; negative means the devices of all levels.
	StartLevel int
	// Only: to off, no level but StartLevel is walked (a drill tests one).
	Only bool
	// Open, to on: these steps are switched on and nothing else, to open what a cut has closed (R18). Without it no step that cuts storage is.
	Open []fence.Step
	// Own, to on: the walk runs on the very machine that is opened (0099).
	Own bool
	// InFlight: something of an earlier claim on this machine may still take effect, so that no read-back shows whose command did what (R9).
	InFlight bool
	// Speaks: a life of this machine was heard until just now. Its supplies hold up after the devices read off, so it speaks on, and what is heard
	// after the evidence's first read voids it (R16 d): the walk reads once more behind the hold-up, and that is the first read.
	Speaks bool
	// Refused are devices that are asked nothing in this walk: they refused this very login lately (R28). Their levels fail at once.
	Refused []string
	// EndMS is when the claim's time is over, by the clock that Step gets: nothing is asked of a device after it, so that an actor that was
	// stopped and wakes does not switch under a claim that the others have long waited out (R9). Zero means no end.
	EndMS int64
}

func (s Spec) on() bool { return s.Action == fence.ActionOn }

// want is the state that the walk wants to read, do what it asks for.
func (s Spec) want() fence.PowerState {
	if s.on() {
		return fence.PowerOn
	}
	return fence.PowerOff
}

func (s Spec) do() fence.Action {
	switch {
	case s.Own:
		return fence.ActionOnTarget
	case s.on():
		return fence.ActionOn
	}
	return fence.ActionOff
}

// device returns the roster's device with its gaps filled. A device that the roster lacks fails its level before it is asked anything.
func (s Spec) device(name string) (fence.Device, bool) {
	for _, d := range s.Judge.Devices {
		if d.Name != name {
			continue
		}
		if d.AttemptMS <= 0 {
			d.AttemptMS = defaultAttemptMS
		}
		if d.PollMS <= 0 {
			d.PollMS = defaultPollMS
		}
		d.Attempts = max(d.Attempts, 1)
		d.SettleMS = max(d.SettleMS, minSettleMS)
		d.HoldUpMS = max(d.HoldUpMS, 0)
		d.EffectMS = max(d.EffectMS, 0)
		return d, true
	}
	return fence.Device{}, false
}

// place is a device step with the level and step it stands at.
type place struct {
	level, step int
	fence.Step
}

// walk lists, in the order of the walk, the device steps that are taken together, level by level.
func (s Spec) walk() []stage {
	levels := s.Judge.Levels
	if s.on() {
		return s.walkOn()
	}
	from := s.StartLevel
	if from < 0 || from >= len(levels) {
		from = 0
	}
	var out []stage
	for i := range levels {
		n := (from + i) % len(levels)
		if s.Only && n != s.StartLevel {
			continue
		}
		st := stage{level: n}
		for k, step := range levels[n].Steps {
			switch {
			case step.Ask != "":
				st.asks = true
			case step.Device != "":
				st.places = append(st.places, place{n, k, step})
			case step.Wait == fence.WaitWatchdog:
				st.waits = true
			}
		}
		out = append(out, st)
	}
	return out
}

// walkOn is one stage with every target once: those that switch power, or those that are to be opened.
func (s Spec) walkOn() []stage {
	st := stage{level: s.StartLevel}
	if s.StartLevel < 0 {
		st.level = -1
	}
	for n, l := range s.Judge.Levels {
		if s.StartLevel >= 0 && n != s.StartLevel {
			continue
		}
		for k, step := range l.Steps {
			if step.Device != "" && s.switchesOn(step) && !st.has(step) {
				st.places = append(st.places, place{n, k, step})
			}
		}
	}
	if len(st.places) == 0 {
		return nil
	}
	return []stage{st}
}

// switchesOn reports whether a walk to on is about a step.
func (s Spec) switchesOn(step fence.Step) bool {
	if s.Open != nil { // empty, it is about nothing: never about power
		return slices.Contains(s.Open, step)
	}
	d, _ := s.device(step.Device)
	return d.Kind != fence.KindStorage
}

// stage is what is done together: a level of the walk to off, or the whole walk to on.
type stage struct {
	level       int
	places      []place
	waits, asks bool
}

func (st stage) has(s fence.Step) bool {
	for _, p := range st.places {
		if p.Device == s.Device && p.Target == s.Target {
			return true
		}
	}
	return false
}

// Duration is the longest that the walk can take, in milliseconds, whatever its devices do: the longest duration of its claim (R7).
// The devices of a level run side by side, but in the worst case they fail the all-off pass one after the other.
func Duration(s Spec) int64 {
	var sum int64
	asks := false
	for _, st := range s.walk() {
		if st.asks {
			asks = true
			continue
		}
		if st.waits {
			sum += max(fence.AssumeDeadAfterMS(s.Judge.Watchdog), 0)
		}
		sum += stageMS(s, st)
	}
	if asks {
		sum += AskMS
	}
	return sum
}

func stageMS(s Spec, st stage) int64 {
	var slowest, settle, holdUp, attempts, sum int64
	for _, p := range st.places {
		d, _ := s.device(p.Device)
		slowest = max(slowest, d.AttemptMS+graceMS)
		settle = max(settle, d.SettleMS)
		holdUp = max(holdUp, d.HoldUpMS)
		// Each attempt: a read, a command read back, and a pause before the next.
		sum += int64(d.Attempts) * (2*(d.AttemptMS+graceMS) + d.PollMS)
		attempts += int64(d.Attempts)
	}
	// Each attempt may be spoilt by a pass of its own, which waits and then reads all; by its second one where a machine may speak on.
	passes := int64(1)
	if holdUp > 0 {
		passes = 2
	}
	return sum + attempts*passes*(max(settle, holdUp)+slowest)
}
