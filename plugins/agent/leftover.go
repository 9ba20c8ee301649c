package main

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// leftover kills every process that carries an agent's mark in its environment: a daemon that it left behind, in a session of its own, must
// not go on switching (R9). Only processes younger than the agent are looked at, which is nearly none.
func leftover(agent int, mark string) {
	const rounds = 8 // whoever is killed forks no more
	for range rounds {
		found := false
		for _, pid := range younger(agent) {
			env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
			if err != nil || !marked(env, mark) {
				continue
			}
			found = unix.Kill(pid, unix.SIGKILL) == nil || found
		}
		if !found {
			return
		}
	}
}

func marked(env []byte, mark string) bool {
	for _, e := range bytes.Split(env, []byte{0}) {
		if len(e) > 0 && string(e) == mark { // without a mark nobody is meant, and everybody would be hit
			return true
		}
	}
	return false
}

// younger are the processes that may have been started after pid: the numbers grow, and begin anew at a limit.
func younger(pid int) []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	last := newest()
	var out []int
	for _, n := range names {
		if p, err := strconv.Atoi(n); err == nil && p != pid && p != os.Getpid() && (p > pid || last < pid && p <= last) {
			out = append(out, p)
		}
	}
	return out
}

// newest is the number that was given last; 1<<30 where it cannot be read, so that nobody is missed for having begun anew unseen.
func newest() int {
	b, err := os.ReadFile("/proc/loadavg")
	f := bytes.Fields(b)
	if err != nil || len(f) < 5 {
		return 1 << 30
	}
	n, err := strconv.Atoi(string(f[4]))
	if err != nil {
		return 1 << 30
	}
	return n
}
