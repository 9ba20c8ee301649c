// Package watchdog is the daemon's side of the lease that fenced-watchdog holds (R14): one connection over which it says hello, renews and
// releases, every word with a deadline. It decides nothing: until when is fed is fence/member's, and what a device may do is the holder's.
//
// The words are those of cmd/fenced-watchdog/wire.go, written down again: the holder imports nothing of ours. test/watchdog runs both.
//
// Start reading at client.go.
package watchdog
