// Package member is what only this node sees: its ticks, its clients, its residue, its lease, whom it heard and when. It decides what this
// node proposes and does, and never changes the domain but by applying what was committed.
//
// It is pure: Step(now, input) returns effects, and everything it knows came in as an input. It is level-triggered: after each input it
// compares what the domain says with what it has done, so a lost outcome, a snapshot or a restart needs no special case.
//
// Start reading at input.go and effect.go (the seams), then step.go (the loop), start.go (the start table), claims.go and operations.go,
// and leave.go with left.go for how a life ends without being fenced; probe.go for who looks at which device and when (R28). For the programs on this node: clients.go (what each is told), gate.go
// (what holds releases and grants back), grants.go (R12), stateless.go (how an idle member is spared).
package member
