// Package engine performs what fence/operation asks for: calls with a deadline, a queue and a limit for each device, and timers. It decides
// nothing: an `if` on a power state, an identity or a level is in the wrong room.
//
// One goroutine steps each operation; every call that waits or runs has one more, which ends with it. One hung device delays nobody else:
// it holds its own slots and nothing besides.
//
// A call in flight is never cancelled before its deadline, not even when its operation is over: a cancelled call looks returned while the
// device may still be acting (R9). What an ended operation left in flight is told with Finished (Quiet, InFlight) and again when it is over
// (Returned). Only Close cancels.
//
// Bounds: MaxOperations operations at once (Start refuses more); one waiting call for each device step; EventQueue events that may be lost
// (progress and attempts: they are for people, and the result repeats the attempts). Finished and Returned are never lost.
//
// Start reading at engine.go (what there is), then run.go (one operation), queue.go (the limit of a device) and events.go (what goes out).
package engine
