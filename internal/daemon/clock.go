package daemon

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Booted is when the machine under root booted, by Boottime: that clock begins there. The boots of a fake system are as old as their boot id.
func Booted(root string) int64 {
	if root == "" || filepath.Clean(root) == "/" {
		return 0
	}
	info, err := os.Stat(filepath.Join(root, "proc/sys/kernel/random/boot_id"))
	if err != nil { // the daemon does not start without it
		return 0
	}
	return Boottime() - time.Since(info.ModTime()).Milliseconds()
}

// Boottime is CLOCK_BOOTTIME in milliseconds: it goes on while the machine sleeps and never goes back. It is the only clock of decisions.
func Boottime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil { // cannot fail on a kernel that Go runs on
		panic("daemon: CLOCK_BOOTTIME: " + err.Error())
	}
	return t.Nano() / 1e6
}
