package host

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// largestFile bounds each file that a plugin writes, in bytes: it must not fill the disk that the log of the cluster lives on.
const largestFile = 64 << 20

// confine sets the limits of a process that was just started; a plugin whose limits cannot be set does not run.
//
// Memory is bounded by RLIMIT_DATA, which counts private writable memory: RLIMIT_AS would count the address space that Go's runtime only
// reserves, and a cgroup would need one delegated to the daemon. An allocation beyond it fails: a Go plugin dies of it, its calls
// end with class plugin-died, and the host lives. Children of the plugin inherit the limit, each for itself. Between fork and this call
// lie microseconds in which the process, at its very start, has the daemon's limits.
func (h *Host) confine(pid int) error {
	for _, l := range []struct {
		what  string
		which int
		value uint64
	}{
		{"memory", unix.RLIMIT_DATA, h.config.MemoryLimit},
		{"open files", unix.RLIMIT_NOFILE, h.config.FileLimit},
		{"file size", unix.RLIMIT_FSIZE, largestFile},
		{"core dumps", unix.RLIMIT_CORE, 0}, // they would hold secrets
	} {
		if err := unix.Prlimit(pid, l.which, &unix.Rlimit{Cur: l.value, Max: l.value}, nil); err != nil {
			return fmt.Errorf("cannot limit %s of pid %d: %w", l.what, pid, err)
		}
	}
	// Where the machine itself runs out of memory, the kernel takes a plugin before the daemon. Best effort: some sandboxes forbid it.
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("500"), 0)
	return nil
}

// environment is all that a plugin gets: nothing of the daemon's, which may hold credentials (go-plugin adds its handshake).
func (h *Host) environment(dir string) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + dir,
		"TMPDIR=" + dir,
		"LANG=C.UTF-8",
		// A Go plugin collects harder before it reaches its limit, instead of dying of garbage.
		"GOMEMLIMIT=" + strconv.FormatUint(h.config.MemoryLimit/4*3, 10),
	}
}
