package playground

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is one line of the process table, as far as sweeping needs it.
type process struct {
	pid, ppid int
	dead      bool // zombie: nothing left to end, its parent has not looked yet
	stopped   bool
	tag       string
	cmdline   string
}

// processes reads the whole table. Processes that go while it is read are left out, and so are those of other users (their environment
// cannot be read: they are none of ours).
func processes() []process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var out []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(d + "/stat")
		if err != nil {
			continue
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(f) < 2 {
			continue
		}
		ppid, _ := strconv.Atoi(f[1])
		cmd, _ := os.ReadFile(d + "/cmdline")
		env, _ := os.ReadFile(d + "/environ")
		out = append(out, process{
			pid: pid, ppid: ppid, dead: f[0] == "Z" || f[0] == "X", stopped: f[0] == "T", tag: valueOf(env, tagEnv),
			cmdline: strings.TrimSpace(strings.ReplaceAll(string(cmd), "\x00", " ")),
		})
	}
	return out
}

func valueOf(environ []byte, key string) string {
	for kv := range strings.SplitSeq(string(environ), "\x00") {
		if v, ok := strings.CutPrefix(kv, key+"="); ok {
			return v
		}
	}
	return ""
}

// family returns the processes that root matches and everything that descends from them, but for this process itself and the guards
// (a guard is what sweeps). Plugins carry no tag, they are found as descendants.
func family(table []process, root func(process) bool) []process {
	children := map[int][]process{}
	for _, p := range table {
		children[p.ppid] = append(children[p.ppid], p)
	}
	seen := map[int]bool{os.Getpid(): true}
	var out []process
	var add func(process)
	add = func(p process) {
		if seen[p.pid] || p.dead || isGuard(p) {
			return
		}
		seen[p.pid] = true
		out = append(out, p)
		for _, c := range children[p.pid] {
			add(c)
		}
	}
	for _, p := range table {
		if root(p) {
			add(p)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].pid < out[j].pid })
	return out
}

func isGuard(p process) bool { return strings.Contains(p.cmdline, " playground guard ") }

// killAll ends what find returns, again and again until it returns nothing: a process may have forked between the look and the kill. It
// gives up at the deadline and names what is left.
func killAll(find func() []process, within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		left := find()
		if len(left) == 0 {
			return nil
		}
		for _, p := range left {
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cannot end %d processes: %s", len(left), describe(left))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func describe(ps []process) string {
	var s []string
	for _, p := range ps {
		s = append(s, fmt.Sprintf("%d (%.120s)", p.pid, p.cmdline))
	}
	return strings.Join(s, ", ")
}
