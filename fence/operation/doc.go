// Package operation is one claimed operation: it walks the levels of one victim until the evidence is admissible (R16, R17) or nothing is
// left to try, and the shorter walk that powers a machine on again (R9).
//
// It is pure: no goroutine, clock, I/O, randomness or map order. Step takes an input and the time and returns the calls to make; whoever
// makes them (fence/engine, fence/sim) brings each result back as the next input. It knows no node but the victim, and no view: who
// claims, who repeats a failed walk and whether the victim was heard (R16 d) is the domain's and the actor's business.
//
// What it may not do: say Proven where fence.Admissible does not. It asks that function for everything that it decides about identity and
// levels, so that no rule exists twice.
//
// Start reading at calls.go (what goes in and out), then operation.go (levels), device.go (one device step) and pass.go (the all-off pass).
package operation
