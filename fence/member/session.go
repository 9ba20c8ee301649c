package member

// SessionState says what the session record of this boot told.
type SessionState string

// The states of the record (start table). A record of another boot is never read: it is "none".
const (
	SessionNone       SessionState = "none"
	SessionStateless  SessionState = "open-stateless"
	SessionStateful   SessionState = "open-stateful"
	SessionClosed     SessionState = "closed"
	SessionUnreadable SessionState = "unreadable"
)

// Session is this node's durable word to its own next daemon within the same boot (R26). It is written before the first announcement.
type Session struct {
	State SessionState `json:"state"`
	Boot  string       `json:"boot"`
	// Instance is the daemon that wrote it.
	Instance string `json:"instance"`
	// EverArmed says that this node was a member of an armed cluster at any time in this boot or before.
	EverArmed bool `json:"ever_armed"`
	// Restart is what a daemon left that ended for a planned restart, zero for none.
	Restart RestartRecord `json:"restart,omitzero"`
}
