package fence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Level is one way to end a life: all of its steps together (R17). A level without steps proves nothing and never succeeds.
type Level struct {
	Steps []Step `json:"steps"`
}

// Reach is a hash of what a level's devices reach together: the mapping of each and the target at it, in any order; "" for a level without
// devices. A drill tests that all of them off are one node off, so a change of any voids it: of an address, of an outlet, of which outlets
// belong together (R16 a, V6).
func (l Level) Reach(devices []Device) string {
	var ends []string
	for _, s := range l.Steps {
		if s.Device != "" {
			ends = append(ends, s.end(devices))
		}
	}
	if len(ends) == 0 {
		return ""
	}
	slices.Sort(ends)
	return digest(strings.Join(slices.Compact(ends), "\n"))
}

// Proof names what a drill of this level proves for one of its devices that gives no identity: that it is the node's, together with the others. A
// device that identified itself in the drill gets none: it must identify itself ever after.
func (l Level) Proof(s Step, devices []Device) string {
	return digest(l.Reach(devices) + "\n" + s.end(devices))
}

// OnlyWaits reports whether the level waits for the node's watchdog and asks no device: nobody can look beforehand whether it would do.
func (l Level) OnlyWaits() bool {
	for _, s := range l.Steps {
		if s.Wait == "" {
			return false
		}
	}
	return len(l.Steps) > 0
}

// Proofs are those of all its devices.
func (l Level) Proofs(devices []Device) []string {
	var out []string
	for _, s := range l.Steps {
		if s.Device != "" {
			out = append(out, l.Proof(s, devices))
		}
	}
	return out
}

// end is where a device step ends: the device's mapping and the target at it.
func (s Step) end(devices []Device) string {
	d, _ := findDevice(devices, s.Device) // one that the roster lacks is refused before
	return fmt.Sprintf("%q %q", d.Mapping, s.Target)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Step is one part of a level; exactly one of Device, Wait and Ask is set.
type Step struct {
	// Device names a device of the roster; Target is the outlet, slot or system at that device ("" where it has only one).
	Device string `json:"device,omitempty"`
	Target string `json:"target,omitempty"`
	// Wait is "watchdog": wait until the victim's own watchdog must have reset it (R15).
	Wait string `json:"wait,omitempty"`
	// Ask is "human": nothing but an acknowledgement ends this step (R19).
	Ask string `json:"ask,omitempty"`
}

// whole reports whether the step is exactly one thing.
func (s Step) whole() bool {
	n := 0
	for _, set := range []bool{s.Device != "", s.Wait != "", s.Ask != ""} {
		if set {
			n++
		}
	}
	return n == 1 && (s.Wait == "" || s.Wait == WaitWatchdog)
}

// WaitWatchdog and AskHuman are the only values of Step.Wait and Step.Ask.
const (
	WaitWatchdog = "watchdog"
	AskHuman     = "human"
)

// String is the form shown in plans and logs.
func (s Step) String() string {
	switch {
	case s.Wait != "":
		return "wait:" + s.Wait
	case s.Ask != "":
		return "ask:" + s.Ask
	case s.Target != "":
		return s.Device + "[" + s.Target + "]"
	}
	return s.Device
}

// DeviceKind says what a device that reports success has done.
type DeviceKind string

// The kinds of device. A delay proves nothing (R18).
const (
	KindPower   DeviceKind = "power"
	KindStorage DeviceKind = "storage"
	KindDelay   DeviceKind = "delay"
)

// Device is what every member must know of a fence device to judge evidence from it. Its secrets and options stay with the plugin host.
type Device struct {
	Name   string     `json:"name"`
	Plugin string     `json:"plugin"`
	Kind   DeviceKind `json:"kind"`
	// Mapping is a hash of everything but the target that decides which machine a command reaches (see Level.Reach; R16, V6).
	Mapping string `json:"mapping"`
	// Accepted is the operator's declaration that every target that a node's level names at this storage device is that node's: no drill can prove
	// it (R16 a, level 3).
	Accepted bool `json:"mapping_accepted,omitempty"`
	// OnTarget: its `on` works only on the machine that the target is. That node's own daemon asks for it, once in each boot before it is admitted, and
	// nobody else ever does (R18, V11, level 3).
	OnTarget bool `json:"on_target,omitempty"`
	// SettleMS lies between the two reads of R16; HoldUpMS between the last command and the all-off pass of R17.
	SettleMS int64 `json:"settle_ms"`
	HoldUpMS int64 `json:"hold_up_ms"`
	// AttemptMS bounds one attempt (command until read back off); Attempts is how many are made.
	AttemptMS int64 `json:"attempt_ms"`
	Attempts  int   `json:"attempts"`
	// PollMS lies between two reads while waiting for off.
	PollMS int64 `json:"poll_ms"`
	// EffectMS is the longest time by which an effect may lag behind its request (R9).
	EffectMS int64 `json:"effect_ms"`
	// Limit is how many calls may be in flight at this device at once.
	Limit int `json:"limit"`
}
