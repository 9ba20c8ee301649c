package sdk

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/plugins/session"
)

// dieWithParent ends this process and its process group when the daemon that started it is gone: nobody is left who would bound its
// calls (R9). The host asks the kernel for the same; this also covers hosts that cannot, and the children of this process.
func dieWithParent() {
	parent := os.Getppid()
	fd, err := unix.PidfdOpen(parent, 0)
	if os.Getppid() != parent {
		end() // it died between the two calls
	}
	go func() { // ends with the process
		if err != nil {
			for os.Getppid() == parent {
				time.Sleep(200 * time.Millisecond)
			}
			end()
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
				end()
			}
		}
	}()
}

// end kills the whole session and group where this process leads one, so that no child goes on switching.
func end() {
	self := os.Getpid()
	if sid, err := unix.Getsid(0); err == nil && sid == self {
		session.Kill(sid, self)
	}
	if unix.Getpgrp() == self {
		_ = unix.Kill(0, unix.SIGKILL)
	}
	os.Exit(1)
}
