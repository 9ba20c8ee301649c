package playground

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// tagEnv marks every process of a cluster in its environment; fenced ignores FENCED_TEST_* (INTERFACES.md, environment). Sweeping goes by
// it, because a process may have left every group and session that we know of.
const tagEnv = "FENCED_TEST_CLUSTER"

// namePrefix begins the name of each cluster; directories and namespaces are named after their cluster.
const namePrefix = "fenced-"

// owner names one cluster of one process: pid and start time of the process together never repeat while the machine runs, so a reused
// pid cannot keep a dead owner's leftovers alive.
type owner struct {
	pid   int
	start uint64 // /proc/PID/stat, clock ticks since boot
	seq   int64
}

var clusters atomic.Int64

// newOwner names the next cluster of this process.
func newOwner() (owner, error) {
	pid := os.Getpid()
	start, err := startTime(pid)
	if err != nil {
		return owner{}, err
	}
	return owner{pid: pid, start: start, seq: clusters.Add(1)}, nil
}

// String is the name of the cluster: fenced-PID-START-SEQ.
func (o owner) String() string { return fmt.Sprintf("%s%d-%d-%d", namePrefix, o.pid, o.start, o.seq) }

// parseOwner reads a name, or a name followed by "-SUFFIX" (a namespace's).
func parseOwner(name string) (owner, bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return owner{}, false
	}
	parts := strings.SplitN(rest, "-", 4)
	if len(parts) < 3 {
		return owner{}, false
	}
	pid, err1 := strconv.Atoi(parts[0])
	start, err2 := strconv.ParseUint(parts[1], 10, 64)
	seq, err3 := strconv.ParseInt(parts[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || pid <= 0 {
		return owner{}, false
	}
	return owner{pid: pid, start: start, seq: seq}, true
}

// alive reports whether the process that made this cluster still runs.
func (o owner) alive() bool {
	start, err := startTime(o.pid)
	return err == nil && start == o.start
}

// startTime reads field 22 of /proc/PID/stat. The command in field 2 may hold spaces and brackets, so fields are counted from its end.
func startTime(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 20 {
		return 0, fmt.Errorf("cannot read the start time of process %d: short stat line", pid)
	}
	if f[0] == "Z" || f[0] == "X" {
		return 0, fmt.Errorf("process %d is dead", pid)
	}
	return strconv.ParseUint(f[19], 10, 64)
}
