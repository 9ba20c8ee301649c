// Package x is a canary of test/layers: a clock.
package x

import clock "time"

// Now hides behind another name, and is not even called.
// want: clock (time.Now)
var Now = clock.Now

// Later waits.
// want: channel
// want: clock (time.After)
func Later() <-chan clock.Time { return clock.After(clock.Second) }
