// Package fence holds the words of the house: node, incarnation, machine, level, evidence, verdict, cause, roster.
//
// It is pure: no goroutine, no clock, no I/O, no map iteration that decides anything. It keeps no state; a state belongs to
// fence/domain (what all members agree on), fence/member (what one node sees) or fence/operation (one claimed operation).
//
// Start reading at incarnation.go (who is meant), then evidence.go and admissible.go (what proves that a life is over, R16, R17).
package fence
