package residual

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// openers finds the processes that have one of the devices open, by the links in /proc/PID/fd: a link is read and never followed, because following
// one into a dead mount hangs.
func (l *look) openers(all []*shared) []Finding {
	pids, err := l.processes()
	if err != nil {
		return []Finding{l.unreadable(ProbeDevices, "proc", err)}
	}
	var found []Finding
	writers, readers := map[*shared][]Holder{}, map[*shared][]Holder{}
	for _, pid := range pids {
		wrote, read := map[*shared]bool{}, map[*shared]bool{}
		threads, err := l.apart(pid, sharesFiles)
		if err != nil {
			found = append(found, l.unreadable(ProbeDevices, proc(pid, "task"), err))
		}
		for _, t := range threads {
			l.entries = 0 // the bound is one of each table
			found = append(found, l.opened(t, all, wrote, read)...)
		}
		for _, s := range all {
			switch {
			case wrote[s]:
				writers[s] = append(writers[s], l.holder(pid))
			case read[s]:
				readers[s] = append(readers[s], l.holder(pid))
			}
		}
	}
	for _, s := range all {
		if h := writers[s]; len(h) > 0 {
			found = append(found, l.usedBy(s, "shared device "+printable(s.path)+" open for writing", "these programs can write to it", ClassState, h[:min(len(h), maxHolders)]...))
		}
		if h := readers[s]; len(h) > 0 {
			found = append(found, l.usedBy(s, "shared device "+printable(s.path)+" open for reading", "these programs can only read it", ClassHint, h[:min(len(h), maxHolders)]...))
		}
	}
	return found
}

// opened notes which of the devices a thread has open, by its links; what cannot be read is returned.
func (l *look) opened(t thread, all []*shared, wrote, read map[*shared]bool) []Finding {
	var found []Finding
	fds, err := l.list(t.dir + "fd")
	if err != nil && !gone(err) {
		found = append(found, l.unreadable(ProbeDevices, t.dir+"fd", err))
	}
	for _, fd := range fds {
		target, err := l.link(t.dir + "fd/" + fd.Name())
		if err != nil && !gone(err) && !errors.Is(err, syscall.EINVAL) {
			found = append(found, l.unreadable(ProbeDevices, t.dir+"fd/"+fd.Name(), err))
		}
		for _, s := range all {
			if !s.nodes[strings.TrimSuffix(target, " (deleted)")] {
				continue
			}
			if l.readOnly(t, fd.Name()) {
				read[s] = true
			} else {
				wrote[s] = true
			}
		}
	}
	return found
}

// readOnly proves that a file was opened for reading only.
func (l *look) readOnly(t thread, fd string) bool {
	b, err := l.read(t.dir+"fdinfo/"+fd, maxValue)
	if err != nil {
		return false
	}
	flags, ok := parseFlags(b)
	return ok && flags&syscall.O_ACCMODE == syscall.O_RDONLY
}

// parseFlags reads the line `flags: 0100002` of /proc/PID/fdinfo/N, which is octal.
func parseFlags(b []byte) (int, bool) {
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			flags, err := strconv.ParseInt(string(bytes.TrimSpace(v)), 8, 64)
			return int(flags), err == nil
		}
	}
	return 0, false
}

// lock is a line of /proc/locks.
type lock struct {
	pid int // -1 where the lock belongs to an open file and not to a process
	dev string
}

var errLocks = errors.New("a line is not one of locks")

// parseLocks reads /proc/locks: 1: POSIX ADVISORY WRITE 1234 08:02:131 0 EOF; after the number a waiting one has an arrow.
func parseLocks(b []byte) ([]lock, error) {
	var all []lock
	for line := range bytes.Lines(b) {
		fields := strings.Fields(string(line))
		if len(fields) > 1 && fields[1] == "->" {
			fields = append(fields[:1], fields[2:]...)
		}
		if len(fields) < 8 {
			return nil, errLocks
		}
		pid, err := strconv.Atoi(fields[4])
		where := strings.Split(fields[5], ":")
		if err != nil || len(where) != 3 {
			return nil, errLocks
		}
		major, err1 := strconv.ParseUint(where[0], 16, 32)
		minor, err2 := strconv.ParseUint(where[1], 16, 32)
		if err1 != nil || err2 != nil {
			return nil, errLocks
		}
		all = append(all, lock{pid: pid, dev: strconv.FormatUint(major, 10) + ":" + strconv.FormatUint(minor, 10)})
	}
	return all, nil
}

// lockers finds locks on files of file systems on the devices.
func (l *look) lockers(all []*shared) []Finding {
	b, err := l.read("proc/locks", maxTable)
	if err != nil {
		if gone(err) && !l.dangling("proc/locks") {
			return nil // a kernel without file locks
		}
		return []Finding{l.unreadable(ProbeDevices, "proc/locks", err)}
	}
	locks, err := parseLocks(b)
	if err != nil {
		return []Finding{l.unreadable(ProbeDevices, "proc/locks", err)}
	}
	var found []Finding
	for _, s := range all {
		var holders []Holder
		count := 0
		for _, k := range locks {
			if !s.devs[k.dev] {
				continue
			}
			if count++; k.pid > 0 && len(holders) < maxHolders {
				holders = append(holders, l.holder(k.pid))
			}
		}
		if count > 0 {
			found = append(found, l.usedBy(s, strconv.Itoa(count)+" locks on files of "+printable(s.path), "programs use a file system of a shared device", ClassState, holders...))
		}
	}
	return found
}
