package operation

import "github.com/fenced-project/fenced/fence"

// Input is one of the types below. Everything that an operation learns comes in as one of them.
type Input interface{ input() }

// Started begins the walk. It is the first input; a second one changes nothing.
type Started struct{}

// CallResult answers one Status or Do, at most once. Times are milliseconds of the clock that Step gets, taken when the call really
// started (after any queue) and when it really returned. A result that finished after its call's deadline, or whose call the operation
// has given up, never counts.
type CallResult struct {
	ID uint64
	// Class is ClassOK or why the call failed; Text is for people.
	Class Class
	Text  string
	// State and Identity are what a Status read, in one session.
	State    fence.PowerState
	Identity fence.Identity
	// StartedMS and FinishedMS bound the call.
	StartedMS  int64
	FinishedMS int64
}

// Timer says that the instant of a WaitUntil has come. One that comes too early is sent back.
type Timer struct{ ID uint64 }

// Acknowledged says that the domain committed a human's acknowledgement of this life (R19): the walk ends.
type Acknowledged struct{}

// Cancelled ends the walk without a verdict: the victim rejoined (R2), left, or the claim is lost.
type Cancelled struct{ Why string }

func (Started) input()      {}
func (CallResult) input()   {}
func (Timer) input()        {}
func (Acknowledged) input() {}
func (Cancelled) input()    {}

// Call is one of the types below: what the operation wants done. Ids are unique within an operation, shared by calls and timers.
type Call interface{ call() }

// Status asks for one fresh read of a target. DeadlineMS is absolute, by the clock that Step gets, and includes any queue.
type Status struct {
	ID             uint64
	Device, Target string
	DeadlineMS     int64
}

// Do asks a device for an action, ActionOff, ActionOn or ActionOnTarget. Accepted is not done (V2): the operation reads the state back itself.
type Do struct {
	ID             uint64
	Device, Target string
	Action         fence.Action
	DeadlineMS     int64
}

// WaitUntil asks for Timer{ID} at AtMS or later. Timers that no longer matter need not be cancelled: they are ignored.
type WaitUntil struct {
	ID   uint64
	AtMS int64
}

// Report tells where the walk is, for status and watch. Nothing depends on it.
type Report struct{ Progress }

// Tried tells of an attempt that has just ended, for the event stream; Result.Attempts has them all.
type Tried struct{ Attempt }

// Finished is the last call of an operation; every later input is ignored.
type Finished struct{ Result }

func (Status) call()    {}
func (Do) call()        {}
func (WaitUntil) call() {}
func (Report) call()    {}
func (Tried) call()     {}
func (Finished) call()  {}
