// Package session ends everything that a plugin started. A plugin leads a session of its own; what it starts may lead groups of their own (an
// agent that ends its own group with `kill 0` must not end the plugin), so killing the plugin's group is not enough: at a deadline nothing may
// go on switching (R9).
//
// Who leaves the session too (setsid) is beyond it; the plugin that starts such a program must find it by itself (plugins/agent does).
// Both ends of the wire use it: plugins/host when it reaps a plugin, plugins/sdk when the host is gone. It decides nothing.
package session

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// rounds bounds how often the process table is read: a process may fork while it is read, but whoever is killed forks no more.
const rounds = 16

// Kill sends SIGKILL to every process of the session but to the one with the id `but` (0 for none), until none is left. It returns how many
// were found. The caller makes sure that the session's id is not somebody else's: its leader is alive or not reaped yet.
func Kill(session, but int) int {
	found := 0
	for range rounds {
		n := 0
		for _, pid := range Members(session) {
			if pid != but && unix.Kill(pid, unix.SIGKILL) == nil {
				n++
			}
		}
		found += n
		if n == 0 {
			break
		}
	}
	return found
}

// Members are the living processes of a session; one that is dead and not reaped yet does not count.
func Members(session int) []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what was read before an error is still true
	var out []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it ended
		}
		if sid, alive := parse(stat); alive && sid == session {
			out = append(out, pid)
		}
	}
	return out
}

// parse reads state and session of a line of /proc/PID/stat: `pid (comm) state ppid pgrp session …`; comm may hold anything, also `) R 1`.
func parse(stat []byte) (sid int, alive bool) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, false
	}
	f := bytes.Fields(stat[end+1:])
	if len(f) < 4 {
		return 0, false
	}
	sid, err := strconv.Atoi(string(f[3]))
	return sid, err == nil && f[0][0] != 'Z' && f[0][0] != 'X'
}
