package membership

import "golang.org/x/sys/unix"

// BootMS is this node's CLOCK_BOOTTIME in milliseconds: it runs on while the machine sleeps and no administrator sets it. LeaseRenewed.SentMS is
// of this clock.
func BootMS() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil { // cannot fail with a valid clock and pointer
		panic("membership: clock_gettime(CLOCK_BOOTTIME): " + err.Error())
	}
	return ts.Nano() / 1e6
}
