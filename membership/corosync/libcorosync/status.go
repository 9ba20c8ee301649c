package libcorosync

import (
	"errors"
	"fmt"
	"strconv"
)

// Status is corosync's cs_error_t: what every call of its libraries returns. OK never leaves this package as an error.
type Status int32

// The statuses that callers tell apart; the others have a name when they are printed.
const (
	OK          Status = 1
	Library     Status = 2 // corosync is not there, or has gone: the handle is dead
	TryAgain    Status = 6 // starting, in a change of ring, or its queue is full: later, not at once
	Invalid     Status = 7
	BadHandle   Status = 9
	Access      Status = 11 // neither root nor named by uidgid in corosync's configuration
	NotExist    Status = 12
	Exists      Status = 14
	TooBig      Status = 26
	NoResources Status = 18
	NoSections  Status = 27 // an iteration has ended
)

var statusNames = map[Status]string{
	OK: "OK", Library: "LIBRARY", 3: "VERSION", 4: "INIT", 5: "TIMEOUT", TryAgain: "TRY_AGAIN", Invalid: "INVALID_PARAM", 8: "NO_MEMORY",
	BadHandle: "BAD_HANDLE", 10: "BUSY", Access: "ACCESS", NotExist: "NOT_EXIST", 13: "NAME_TOO_LONG", Exists: "EXIST", 15: "NO_SPACE",
	16: "INTERRUPT", 17: "NAME_NOT_FOUND", NoResources: "NO_RESOURCES", 19: "NOT_SUPPORTED", 20: "BAD_OPERATION", 21: "FAILED_OPERATION",
	22: "MESSAGE_ERROR", 23: "QUEUE_FULL", 24: "QUEUE_NOT_AVAILABLE", 25: "BAD_FLAGS", TooBig: "TOO_BIG", NoSections: "NO_SECTIONS",
	28: "CONTEXT_NOT_FOUND", 30: "TOO_MANY_GROUPS", 100: "SECURITY",
}

// Error names the status as corosync's own documents do.
func (s Status) Error() string {
	name := statusNames[s]
	if name == "" {
		name = strconv.Itoa(int(s))
	}
	return "CS_ERR_" + name
}

// Gone reports whether the handle of the call is dead: corosync ended, and only a new connection helps.
func (s Status) Gone() bool { return s == Library || s == BadHandle }

// failed is the error of a call, nil for OK; what says which call of which library.
func failed(what string, s Status) error {
	if s == OK {
		return nil
	}
	return fmt.Errorf("%s: %w", what, s)
}

// ErrUnsupported says that this build cannot call corosync at all.
var ErrUnsupported = errors.New("no corosync on this machine")

// MissingError says that a library is not installed, or is not the one that it should be.
type MissingError struct {
	Library string // its file, as the loader looks for it
	Package string // the Debian package that has it
	Err     error
}

// Error says what to install first.
func (e *MissingError) Error() string {
	return fmt.Sprintf("cannot load %s: install corosync's library (Debian package %s): %v", e.Library, e.Package, e.Err)
}

// Unwrap is the loader's own error.
func (e *MissingError) Unwrap() error { return e.Err }
