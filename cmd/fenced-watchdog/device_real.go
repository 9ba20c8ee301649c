package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// openKernel is the call that starts a real watchdog. Tests replace it before anything else runs; realOpener hands it out behind the guard only.
var openKernel = func(path string) (int, error) { return unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0) }

// errNotAllowed: the guard. Nothing was touched.
var errNotAllowed = errors.New("FENCED_ALLOW_RESET=1 is not set: the watchdog of this machine is not touched")

// allowed looks at the process's own environment each time: only the unit file sets it.
func allowed() bool { return os.Getenv("FENCED_ALLOW_RESET") == "1" }

// realOpener opens devices of this machine.
func realOpener(path string) (device, error) {
	if !allowed() {
		return nil, errNotAllowed
	}
	if !strings.HasPrefix(path, "/dev/watchdog") || strings.Contains(path, "..") {
		return nil, fmt.Errorf("%s is no watchdog: the name of one begins with /dev/watchdog", path)
	}
	fd, err := openKernel(path)
	if err != nil {
		return nil, err
	}
	return kernelDevice(fd), nil
}

// kernelDevice is the descriptor of an open watchdog: plain system calls, so that feeding allocates nothing and waits for nothing of the runtime.
type kernelDevice int

var fed = []byte{0}

func (d kernelDevice) feed() error {
	if err := unix.IoctlWatchdogKeepalive(int(d)); err == nil {
		return nil
	}
	_, err := unix.Write(int(d), fed)
	return err
}

func (d kernelDevice) setTimeout(seconds int) (int, error) {
	if err := unix.IoctlSetPointerInt(int(d), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		return 0, fmt.Errorf("cannot set its timeout to %d s: %w", seconds, err)
	}
	return d.read(unix.WDIOC_GETTIMEOUT, "timeout")
}

func (d kernelDevice) setPretimeout(seconds int) (int, error) {
	if err := unix.IoctlSetPointerInt(int(d), unix.WDIOC_SETPRETIMEOUT, seconds); err != nil {
		return 0, fmt.Errorf("cannot set its pretimeout to %d s: %w", seconds, err)
	}
	return d.read(unix.WDIOC_GETPRETIMEOUT, "pretimeout")
}

func (d kernelDevice) read(req uint, what string) (int, error) {
	n, err := unix.IoctlGetInt(int(d), req)
	if err != nil {
		return 0, fmt.Errorf("cannot read its %s back: %w", what, err)
	}
	return n, nil
}

func (d kernelDevice) info() (string, bool) {
	i, err := unix.IoctlGetWatchdogInfo(int(d))
	if err != nil {
		return "", false
	}
	return unix.ByteSliceToString(i.Identity[:]), i.Options&unix.WDIOF_MAGICCLOSE != 0
}

func (d kernelDevice) close(magic bool) error {
	var err error
	if magic {
		_, err = unix.Write(int(d), []byte("V"))
	}
	return errors.Join(err, unix.Close(int(d)))
}
