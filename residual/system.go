package residual

import (
	"errors"
	"io"
	"io/fs"
)

// ProbeSystem is the probe of what all others look with.
const ProbeSystem = "system"

// firstPIDs is the name of the kernel's first namespace of process ids, a constant of its interface (PROC_PID_INIT_INO).
const firstPIDs = "pid:[4026531836]"

// systemProbe finds that the others would be blind. A root without a mounted /sys shows nothing and so proves nothing: a container that hides it is
// not clean, nor is one that sees only its own processes, because others may have mounted what it cannot see.
func systemProbe(l *look) []Finding {
	if f, ok := l.open(ProbeSystem); !ok {
		return []Finding{f}
	}
	defer l.close()
	var found []Finding
	d, err := l.directory("sys")
	if err == nil {
		_, err = d.ReadDir(1)
		_ = d.Close()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.EOF):
		found = append(found, l.unknown(ProbeSystem, l.path("sys"), "there is no sysfs here, so the kernel's state cannot be seen; mount it", false))
	case err != nil:
		found = append(found, l.unreadable(ProbeSystem, "sys", err))
	}
	pids, err := l.link("proc/self/ns/pid")
	switch {
	case errors.Is(err, fs.ErrNotExist) && l.o.SystemRoot != "/": // a fake system has no processes
	case err != nil:
		found = append(found, l.unreadable(ProbeSystem, "proc/self/ns/pid", err))
	case pids != firstPIDs:
		found = append(found, l.unknown(ProbeSystem, l.path("proc"), "only the processes of one container can be seen ("+printable(pids)+"); run fenced with the host's process ids", false))
	}
	return found
}
