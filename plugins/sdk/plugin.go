package sdk

import (
	"context"
	"time"
)

// Plugin is what a vendor implements. Both methods may be called from several goroutines at once.
type Plugin interface {
	// Describe says what this plugin is. It touches no device, never fails, always answers the same, and returns at once.
	Describe() Description
	// Open makes the device with this name ready. Its options have been checked against the schema and completed with defaults. It does
	// not have to reach the device: a device that is down now may be up when it is needed. Errors are best made by Refused, Auth and
	// the like. A device may be opened again with other options; the old one is then closed when its calls have returned.
	Open(ctx context.Context, device string, options Options) (Device, error)
}

// Device is one opened device. ctx always has a deadline; a method that returns later than that costs its process its life (R9).
// Calls come one at a time unless Description.Limit allows more.
type Device interface {
	// Status reads the power state and, where the device has one, the identity of the system behind target, in one session, now. It never
	// answers from a cache: fenced takes two reads as proof that a machine is off (R16). target is "" where a device has only one.
	Status(ctx context.Context, target string) (Status, error)
	// Do asks the device for an action and returns when the device has accepted it. It is idempotent: off of what is off is no error. It
	// proves nothing and does not wait for the effect; fenced reads Status afterwards.
	Do(ctx context.Context, target string, action Action) error
}

// Lister is implemented by a Device that can name its targets.
type Lister interface {
	List(ctx context.Context) ([]Target, error)
}

// Prober is implemented by a Device that can say more cheaply than by Status whether it is reachable and who it is. It changes nothing.
type Prober interface {
	Probe(ctx context.Context, target string) (Probe, error)
}

// Kinder is implemented by a Device whose kind is not its plugin's. The host refuses it where the configuration says otherwise (R18).
type Kinder interface {
	Kind() Kind
}

// A Device that is also an io.Closer is closed when it is forgotten or replaced, after its last call has returned.

// Description is what a plugin says of itself.
type Description struct {
	// Name is the NAME of fenced-plugin-NAME.
	Name    string
	Version string
	// Summary is one line for people.
	Summary string
	Kind    Kind
	Options []Option
	// GivesIdentity says that Status returns UUIDs or a serial number, so that no drill is needed to prove the mapping (R16 a).
	GivesIdentity bool
	// Actions that Do knows; nil means off and on. The sdk answers any other with Unsupported.
	Actions []Action
	// Effect is the longest time by which an effect may lag behind its request (R9); zero means 90 s.
	Effect time.Duration
	// Settle lies between the two reads of R16: zero means 1 s. HoldUp is how long supplies go on after a switch (R17).
	Settle, HoldUp time.Duration
	// Limit is how many calls may be in flight at one device at once; zero means one.
	Limit int
	// ExtraOptions lets options through that the schema does not name, for Open to judge: see Options.Extra.
	ExtraOptions bool
	// Sample is a commented piece of configuration that works after its values were replaced.
	Sample string
}

// Kind says what a success of this plugin means (R18).
type Kind string

// The kinds of plugin: power ends a life; storage cuts it off; delay proves nothing; self acts on its own machine only.
const (
	Power   Kind = "power"
	Storage Kind = "storage"
	Delay   Kind = "delay"
	Self    Kind = "self"
)

// Action is what Do is asked for.
type Action string

// The actions. There is no reboot: fenced powers off, proves it, and powers on again.
const (
	ActionOff  Action = "off"
	ActionOn   Action = "on"
	ActionDiag Action = "diag"
	// ActionOnTarget is on, asked for by the daemon of the very machine that the target is: for ways that only that machine opens. Of the bundled plugins
	// only agent knows it.
	ActionOnTarget Action = "on-target"
)

// Status is one fresh look at a target.
type Status struct {
	// State is On or Off where the device said so clearly, and Unknown in every other case: see ParseState.
	State State
	// UUIDs are all spellings that the identity's bytes may have (byte orders differ by vendor); Serial is its serial number.
	UUIDs  []string
	Serial string
	// Detail is a few words for people and history.
	Detail string
}

// Target is an outlet, slot or system at a device.
type Target struct {
	ID    string
	Alias string
}

// Probe is what a device says about itself.
type Probe struct {
	Reachable bool
	UUIDs     []string
	Serial    string
	Detail    string
}
