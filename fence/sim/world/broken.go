package world

// Known bugs that a test can switch on; each must be found.
const (
	brokenRollback = "restored stores are believed"
	brokenWiped    = "a wiped store keeps its vote"
)
