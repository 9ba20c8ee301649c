package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// memoryLimit keeps the collector near what this process needs: all of it is locked.
const memoryLimit = 12 << 20

// realtime puts all threads of this process before ordinary ones (SCHED_RR), by starting it anew from a thread that is: threads inherit from
// who starts them, and the runtime has started some already. It reports whether this process is scheduled so; where it may not be, it goes on.
func realtime() (bool, string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr, err := unix.SchedGetAttr(0, 0)
	switch {
	case err != nil:
		return false, "cannot read how this process is scheduled: " + err.Error()
	case attr.Policy == unix.SCHED_RR || attr.Policy == unix.SCHED_FIFO:
		return true, ""
	}
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}, 0); err != nil {
		return false, "not scheduled in real time: " + err.Error()
	}
	err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	return false, "cannot start anew in real time: " + err.Error() // this thread alone has it: the feeding one gets another
}

// lockMemory keeps this process in memory: a page that must be read from a disk that hangs would stop the feeding. The program itself is read
// in whole; other memory is locked as it is touched, because the runtime reserves much more than it uses.
func lockMemory() string {
	debug.SetMemoryLimit(memoryLimit)
	err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	if err == nil {
		err = lockProgram()
	}
	if err != nil {
		return "the memory of this process is not locked: " + err.Error()
	}
	return ""
}

// lockProgram reads in and locks what is mapped from this program's own file: its code and constants.
func lockProgram() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if !strings.HasSuffix(strings.TrimSpace(line), " "+self) {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			return err
		}
		if _, _, errno := unix.Syscall(unix.SYS_MLOCK, from, to-from, 0); errno != 0 {
			return errno
		}
	}
	return nil
}

// unkillable asks the kernel to spare this process when memory runs out; the unit asks too.
func unkillable() string {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0); err != nil {
		return "the kernel may kill this process when memory runs out: " + err.Error()
	}
	return ""
}

// tellSystemd is sd_notify, for a unit of Type=notify.
func tellSystemd(word string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	c, err := net.Dial("unixgram", path)
	if err != nil {
		return fmt.Errorf("cannot reach systemd: %w", err)
	}
	_, err = c.Write([]byte(word))
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}
