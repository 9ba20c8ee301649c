package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type process struct {
	pid     int
	command string
}

// leftBehind finds the processes that carry mark in their environment: everything that a stage started has it, and must have ended.
func leftBehind(mark string) []process {
	var left []process
	envs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range envs {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(markName+mark)) {
			continue // gone, or of another user
		}
		dir := filepath.Dir(path)
		cmd, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		pid, perr := strconv.Atoi(filepath.Base(dir))
		if err != nil || perr != nil || len(cmd) == 0 {
			continue // a zombie: it has ended
		}
		left = append(left, process{pid: pid, command: strings.ReplaceAll(strings.TrimRight(string(cmd), "\x00"), "\x00", " ")})
	}
	return left
}

// endLeftBehind waits a moment for what is just ending, then names what is still there and kills it.
func endLeftBehind(mark string) []string {
	const tries, pause = 30, 100 * time.Millisecond
	var left []process
	for range tries {
		if left = leftBehind(mark); len(left) == 0 {
			return nil
		}
		time.Sleep(pause)
	}
	var names []string
	for _, p := range left {
		names = append(names, fmt.Sprintf("%d (%s)", p.pid, p.command))
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	return names
}
