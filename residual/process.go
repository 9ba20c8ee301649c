package residual

import (
	"bytes"
	"strconv"
	"strings"
)

// processes lists the processes by number, nil where there is no procfs (a fake system; ProbeSystem speaks for the real one).
func (l *look) processes() ([]int, error) {
	entries, err := l.list("proc")
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

func proc(pid int, name string) string { return "proc/" + strconv.Itoa(pid) + "/" + name }

// stat is what /proc/PID/stat says of a process.
type stat struct {
	comm   string
	parent int
	start  uint64
}

// parseStat reads a line of /proc/PID/stat. The name is between the first and the last bracket: it may hold both, and blanks.
func parseStat(b []byte) (stat, bool) {
	from, to := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if from < 0 || to < from {
		return stat{}, false
	}
	fields := strings.Fields(string(b[to+1:])) // from the third field on: state, parent, ...; the start time is the 22nd
	if len(fields) < 20 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	start, err2 := strconv.ParseUint(fields[19], 10, 64)
	return stat{comm: string(b[from+1 : to]), parent: parent, start: start}, err == nil && err2 == nil
}

// holder names a process as far as it can still be read.
func (l *look) holder(pid int) Holder {
	h := Holder{PID: pid}
	if b, err := l.read(proc(pid, "stat"), maxValue); err == nil {
		if s, ok := parseStat(b); ok {
			h.Comm, h.StartTime = printable(s.comm), s.start
		}
	}
	return h
}
