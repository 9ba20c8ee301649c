package fence

import "errors"

// Sentinels that callers branch on: exit codes and HTTP answers follow from them (INTERFACES.md, exit codes).
var (
	// ErrNoQuorum: nothing may be decided without a quorate view (106).
	ErrNoQuorum = errors.New("no quorum")
	// ErrNotArmed: the cluster was not armed, so no device is touched (113).
	ErrNotArmed = errors.New("not armed")
	// ErrNoSuchNode: the roster does not know the node (105).
	ErrNoSuchNode = errors.New("no such node")
	// ErrNoCut: no level of the node cuts storage, so there is nothing to open (105).
	ErrNoCut = errors.New("there is nothing to unfence")
	// ErrRefused: a rule forbids it in the present state (107 where --force would allow it, else 1).
	ErrRefused = errors.New("refused")
	// ErrUnsafe: refused, and --force would allow it (107).
	ErrUnsafe = errors.New("unsafe without --force")
	// ErrStale: it was made from something that was replaced meanwhile (75).
	ErrStale = errors.New("it is not the newest any more")
	// ErrNotAdmissible: the evidence does not prove that this life is over (R16).
	ErrNotAdmissible = errors.New("evidence is not admissible")
)
