// Package script is the language of test/scenarios: it reads a file of commands, plays it in the simulator (fence/sim/world), whose checkers judge
// everything, and gives the transitions that were seen, in the words of the event grammar.
//
// A scenario is played once with each of several seeds. A seed changes only latencies, so the log must be the same with all of them: what holds
// by luck is not what the scenario shows. Therefore a log has no times, and numbers its epochs from one.
//
// Start reading at file.go (what is in a file), then command.go and fault.go (what a line can say), condition.go, log.go (what is shown), play.go.
// docs/scenarios.md says the same to who writes one.
package script
