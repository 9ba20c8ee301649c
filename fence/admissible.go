package fence

import (
	"fmt"
	"sort"
)

// Judge is everything beside victim and evidence that admissibility depends on. The actor fills it from the same committed state as every
// other member does when it applies the verdict, so both sides come to the same answer.
type Judge struct {
	// Claim is the number of the active claim under which the evidence must have been obtained (R7).
	Claim uint64
	// Levels are the victim's levels and Devices the roster's devices.
	Levels  []Level
	Devices []Device
	// Others are the known machines of every other node: a device that identifies itself as one of them is mapped to the wrong node (R16).
	Others []Machine
	// Proven are the proofs (Level.Proof) that drills gave for this victim's node (R16 a).
	Proven []string
	// Watchdog is what the victim announced of its watchdog, and Policy what the operator accepts (R15).
	Watchdog Watchdog
	Policy   Policy
	// Cuts: every member's build judges cuts, and whose machine a drill has proven (R11). Announced is what the victim's own life said that it uses, Uses
	// what the roster says of its node, and Shared what cuts a node off from each. Home is the node's machine, to which its targets lead and which a
	// drill reached. IsCut: this very life has the verdict cut; CutLife: another life of the node has it and may go on (R18).
	Cuts            bool
	Announced, Uses []string
	Shared          []Shared
	Home            Machine
	IsCut           bool
	CutLife         Incarnation
	// Rewired: the victim booted before its ways to what is shared were configured as they are (R18).
	Rewired bool
}

// Watchdog is what a node announced of its own watchdog; all durations in milliseconds.
type Watchdog struct {
	Kind       string `json:"kind,omitempty"` // "" none, "softdog", or the driver's name
	Open       bool   `json:"open,omitempty"`
	LeaseMS    int64  `json:"lease_ms,omitempty"`
	HardwareMS int64  `json:"hw_ms,omitempty"`
	// SidesQuorate says that the victim's own side could be quorate too: two_node, auto_tie_breaker and the like (R15).
	SidesQuorate bool `json:"sides_quorate,omitempty"`
}

// Admissible reports whether evidence e, obtained under the claim that j describes, proves that victim v can no longer touch what is
// shared (R16, R17, R18, V1, V2). It is the one function that may say so: the actor asks it before proposing a verdict, and every member
// again when it applies one. The error wraps ErrNotAdmissible and says which demand is not met.
//
// Acknowledgements (R19) and new boot ids (R2) are not claims' evidence; the domain judges them where it has the facts.
// Kept for R16: S5.7, V1, V6.
// Kept for R17: S5.15, V2.
func Admissible(v Victim, e Evidence, j Judge) error {
	if e.Claim != j.Claim || j.Claim == 0 {
		return refuse("it was obtained under claim %d, the active claim is %d (R7)", e.Claim, j.Claim)
	}
	if e.ReadIndex < v.Index || v.Index == 0 {
		return refuse("its first read began at log index %d, before the victim was named at %d (R16 c)", e.ReadIndex, v.Index)
	}
	if e.Level < 0 || e.Level >= len(j.Levels) {
		return refuse("level %d does not exist", e.Level+1)
	}
	level := j.Levels[e.Level]
	if len(level.Steps) == 0 {
		return refuse("level %d has no steps, and nothing proves nothing", e.Level+1)
	}
	devices := 0
	if err := level.unmixed(j.Devices); err != nil {
		return refuse("level %d: %w", e.Level+1, err)
	}
	for _, s := range level.Steps {
		var err error
		switch {
		case !s.whole():
			err = refuse("level %d has a step that is several things at once or of no kind", e.Level+1)
		case s.Device != "":
			devices++
			err = deviceProof(v, e, j, s, level)
		case s.Wait == WaitWatchdog:
			err = watchdogProof(v, e, j)
		case s.Ask != "":
			err = refuse("level %d asks a human: only an acknowledgement ends it (R19)", e.Level+1)
		default:
			err = refuse("level %d has a step of no kind", e.Level+1)
		}
		if err != nil {
			return err
		}
	}
	if devices != len(e.Devices) {
		return refuse("level %d has %d devices, the evidence has %d", e.Level+1, devices, len(e.Devices))
	}
	if want := level.Gives(j.Devices); e.Kind != want {
		return refuse("it calls itself %q, level %d can give only %q", e.Kind, e.Level+1, want)
	}
	if e.Kind == EvidenceStorageCut {
		if err := cutProof(v, e, j); err != nil {
			return err
		}
	}
	return allOff(e, j)
}

// deviceProof checks R16 for one device step: commanded under this claim, two reads that say off a settling time apart, the right machine in both.
func deviceProof(v Victim, e Evidence, j Judge, s Step, level Level) error {
	d, ok := findDevice(j.Devices, s.Device)
	if !ok {
		return refuse("the roster has no device %q", s.Device)
	}
	if d.Kind != KindPower && d.Kind != KindStorage {
		return refuse("device %s is of kind %s, which does not end a life (R18)", d.Name, d.Kind)
	}
	p, ok := findProof(e.Devices, s)
	if !ok {
		return refuse("device %s was not read", s)
	}
	switch {
	case p.Mapping != d.Mapping:
		return refuse("device %s was used with another mapping than the roster's (V6)", s)
	case p.CommandedMS <= 0:
		return refuse("device %s was not commanded off under this claim (R16 b)", s)
	case p.First.State != PowerOff || p.Final.State != PowerOff:
		return refuse("device %s read %s, then %s (R16 c)", s, p.First.State, p.Final.State)
	case p.First.StartedMS < p.CommandedMS:
		return refuse("device %s was read before off was commanded (R16 b)", s)
	case p.First.FinishedMS < p.First.StartedMS || p.Final.FinishedMS < p.Final.StartedMS:
		return refuse("a read of device %s ends before it begins", s)
	case p.First.Identity.Empty() != p.Final.Identity.Empty():
		return refuse("device %s gave an identity in one read and none in the other (R16 a)", s)
	case p.Final.StartedMS-p.First.FinishedMS < max(d.SettleMS, 1):
		return refuse("the reads of device %s are %d ms apart, it needs %d ms to settle (R16 c)", s, p.Final.StartedMS-p.First.FinishedMS, max(d.SettleMS, 1))
	}
	for _, r := range []Read{p.First, p.Final} {
		if d.Kind == KindStorage && r.Identity.Empty() {
			if !d.Accepted {
				return refuse("device %s gives no identity, no drill can prove whose ways it closes, and nobody has declared them (accept_mapping, R16 a)", d.Name)
			}
			continue // a cut shows on no machine that a drill could listen to: the operator's declaration stands for it (0078)
		}
		if err := rightMachine(v, r.Identity, d, j, level.Proof(s, j.Devices)); err != nil {
			return err
		}
	}
	return nil
}

// rightMachine checks R16 (a): the device's own identity, or for a device that has none, a drill that has proven what its level reaches.
func rightMachine(v Victim, id Identity, d Device, j Judge, proof string) error {
	if id.Empty() {
		for _, m := range j.Proven {
			if m != proof {
				continue
			}
			if j.Cuts && j.Home.Known() && v.Machine.Known() && !v.Machine.Same(j.Home) { // a life under this name on another machine (0026)
				return refuse("device %s was proven to reach machine %s, and %s ran on machine %s (R2, R16 a)", d.Name, j.Home.UUID, v.Incarnation, v.Machine.UUID)
			}
			return nil
		}
		return refuse("device %s gives no identity and its mapping was not proven by a drill (R16 a)", d.Name)
	}
	for _, o := range j.Others {
		if id.Matches(o) {
			return refuse("device %s identifies itself as another node's machine %s (R16)", d.Name, o.UUID)
		}
	}
	if !v.Machine.Known() && NormalSerial(v.Machine.Serial) == "" {
		return refuse("the machine of %s was never announced nor declared, so device %s cannot be matched to it (R16 a)", v.Incarnation, d.Name)
	}
	if !id.Matches(v.Machine) {
		return refuse("device %s identifies itself as %v %s, the victim is machine %s (R16 a)", d.Name, id.UUIDs, id.Serial, v.Machine.UUID)
	}
	return nil
}

// allOff checks R17: the final reads are one pass over all devices of the level, begun the longest hold-up after the last first read. The
// hold-up counts from the read that saw the outlet off and not from the command: a relay may open long after its command was accepted (R9),
// and the supply feeds the machine from then on.
func allOff(e Evidence, j Judge) error {
	var lastFirst, holdUp int64
	for _, p := range e.Devices {
		d, _ := findDevice(j.Devices, p.Device)
		lastFirst = max(lastFirst, p.First.FinishedMS)
		holdUp = max(holdUp, d.HoldUpMS)
	}
	for _, p := range e.Devices {
		if p.Final.StartedMS < lastFirst {
			return refuse("device %s was read for the last time before another device of its level was off (R17)", p.Device)
		}
		if p.Final.StartedMS < lastFirst+holdUp {
			return refuse("device %s was read %d ms after the last device first read off, supplies hold up to %d ms (R17)", p.Device, p.Final.StartedMS-lastFirst, holdUp)
		}
	}
	return nil
}

// watchdogProof checks R14 and R15: an elapsed watchdog counts only where nothing can have paused it and the victim's side cannot have been quorate.
// Kept for R15: S5.1, V10.
func watchdogProof(v Victim, e Evidence, j Judge) error {
	w := j.Watchdog
	switch {
	case w.Kind == "" || !w.Open:
		return refuse("%s announced no open watchdog (R15)", v.Incarnation)
	case w.LeaseMS <= 0 || w.HardwareMS <= 0:
		return refuse("%s announced a watchdog without lease (%d ms) or hardware timeout (%d ms) (R15)", v.Incarnation, w.LeaseMS, w.HardwareMS)
	case v.Unknown():
		return refuse("nobody has seen %s, so nobody knows that its watchdog is open (R15)", v.Incarnation)
	case !v.Machine.Known() && NormalSerial(v.Machine.Serial) == "":
		return refuse("the machine of %s is unknown, it may be virtual (R15)", v.Incarnation)
	case v.Machine.Virtual && !j.Policy.WatchdogWhilePaused:
		return refuse("%s is a virtual machine, a paused guest pauses its watchdog (R15)", v.Incarnation)
	case w.Kind == "softdog" && !j.Policy.AcceptSoftdog:
		return refuse("the watchdog of %s is softdog, which a hung kernel stops (R15)", v.Incarnation)
	case w.SidesQuorate:
		return refuse("the side of %s may be quorate too (R15)", v.Incarnation)
	case e.WaitedMS < AssumeDeadAfterMS(w):
		return refuse("waited %d ms for the watchdog of %s, it needs %d ms (V10)", e.WaitedMS, v.Incarnation, AssumeDeadAfterMS(w))
	}
	return nil
}

// findDevice finds a device of a committed roster, which is sorted by name, without looking at the others. A list that is not sorted, as in a file before it is
// checked, is read through.
func findDevice(ds []Device, name string) (Device, bool) {
	if i := sort.Search(len(ds), func(i int) bool { return ds[i].Name >= name }); i < len(ds) && ds[i].Name == name { // in its place: a Device is large
		return ds[i], true
	}
	for i := range ds {
		if ds[i].Name == name {
			return ds[i], true
		}
	}
	return Device{}, false
}

func findProof(ps []DeviceEvidence, s Step) (DeviceEvidence, bool) {
	for _, p := range ps {
		if p.Device == s.Device && p.Target == s.Target {
			return p, true
		}
	}
	return DeviceEvidence{}, false
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrNotAdmissible}, args...)...)
}
