package daemon

import "golang.org/x/sys/unix"

// Boottime is CLOCK_BOOTTIME in milliseconds: it goes on while the machine sleeps and never goes back. It is the only clock of decisions.
func Boottime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil { // cannot fail on a kernel that Go runs on
		panic("daemon: CLOCK_BOOTTIME: " + err.Error())
	}
	return t.Nano() / 1e6
}
