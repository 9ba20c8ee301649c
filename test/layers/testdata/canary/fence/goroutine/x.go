// Package x is a canary of test/layers: concurrency.
package x

// Run starts something that nobody can replay.
// want: goroutine
// want: channel
// want: send on a channel
// want: receive from a channel
// want: select
func Run() int {
	c := make(chan int, 1)
	go func() { c <- 1 }()
	select {
	default:
		return <-c
	}
}
