package residual

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// ProbeSession is the probe of our own session record.
const ProbeSession = "session"

// Session is the record that fenced keeps of this boot, written before the first grant (R26). Writers may add fields.
type Session struct {
	Boot     string `json:"boot_id"`
	Instance string `json:"instance"`
	// Stateful is true from before the first grant until a committed entry says otherwise (R12).
	Stateful bool `json:"stateful"`
	// CleanLeave is written last, after a clean leave.
	CleanLeave bool `json:"clean_leave"`
	// Armed says that a cluster that this boot belonged to was armed.
	Armed bool `json:"armed,omitempty"`
	// Restart is what a daemon left that ended for a planned restart.
	Restart *SessionRestart `json:"restart,omitempty"`
}

// SessionRestart says by what, until when and over what state the next daemon of this boot may go on (R26).
type SessionRestart struct {
	Nonce string `json:"nonce"`
	// UntilMS is by CLOCK_BOOTTIME.
	UntilMS int64  `json:"until_ms"`
	Print   string `json:"print"`
	// Cores are the core processes that ran.
	Cores string `json:"cores,omitempty"`
}

// SessionState is the first column of the start table.
type SessionState string

// The states of the session record of this boot. Stateless here is what the record says; whether it is committed is the domain's knowledge.
const (
	SessionNone          SessionState = "none"
	SessionOpenStateless SessionState = "open-stateless"
	SessionOpenStateful  SessionState = "open-stateful"
	SessionClosed        SessionState = "closed"
	SessionUnreadable    SessionState = "unreadable"
)

// JudgeSession names the state of a record as a reader returned it, for this boot. A record that is there and cannot be understood, or that says
// it is of another boot, is unreadable: dirty, never absent (R26).
func JudgeSession(boot string, record []byte, err error) (SessionState, Session, error) {
	var s Session
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return SessionNone, s, nil
	case err != nil:
		return SessionUnreadable, s, err
	}
	// Pointers tell a field that is missing from one that says false: half a record must not read as "stateless".
	var raw struct {
		Boot       *string `json:"boot_id"`
		Stateful   *bool   `json:"stateful"`
		CleanLeave *bool   `json:"clean_leave"`
	}
	if err := errors.Join(json.Unmarshal(record, &raw), json.Unmarshal(record, &s)); err != nil {
		return SessionUnreadable, Session{}, fmt.Errorf("it is no session record: %w", err)
	}
	switch {
	case raw.Boot == nil || raw.Stateful == nil || raw.CleanLeave == nil:
		return SessionUnreadable, Session{}, errors.New("it lacks boot_id, stateful or clean_leave")
	case boot == "" || s.Boot != boot:
		return SessionUnreadable, Session{}, fmt.Errorf("it says boot %.40q, this boot is %.40q", s.Boot, boot)
	case s.CleanLeave:
		return SessionClosed, s, nil
	case s.Stateful:
		return SessionOpenStateful, s, nil
	}
	return SessionOpenStateless, s, nil
}

// sessionProbe reads the record of this boot. An open one is a finding of class state: an earlier daemon of this boot ended without leaving.
func sessionProbe(l *look) []Finding {
	l.session = SessionUnreadable
	if l.o.Session == nil {
		return []Finding{l.unknown(ProbeSession, "", "there is no reader for the session record", false)}
	}
	record, err := l.o.Session()
	state, s, err := JudgeSession(l.o.Boot, record, err)
	l.session = state
	path := "session/" + l.o.Boot + ".json"
	found := Finding{Probe: ProbeSession, Path: printable(path), Class: ClassState, Reset: true}
	switch state {
	case SessionNone, SessionClosed:
		return nil
	case SessionUnreadable:
		f := l.unknown(ProbeSession, path, "cannot read it: "+err.Error(), true)
		return []Finding{f}
	case SessionOpenStateful:
		found.What = "open session, stateful"
		found.Why = "a daemon of this boot (instance " + printable(s.Instance) + ") granted the use of shared state and did not leave"
	case SessionOpenStateless:
		found.What = "open session, stateless"
		found.Why = "a daemon of this boot (instance " + printable(s.Instance) + ") did not leave; it says that nothing shared was in use"
	}
	return []Finding{found}
}
