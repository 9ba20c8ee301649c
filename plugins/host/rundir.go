package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// longestRunDir keeps every socket's path below the 107 bytes that the kernel allows.
const longestRunDir = 48

const ownPrefix = "h"

// ownDir makes this host's private directory below the run directory, h-PID-START, and clears those of hosts that are no longer alive:
// sockets of plugins whose host was killed stay behind otherwise. Two live hosts never touch each other's.
func ownDir(run string) (string, error) {
	if run == "" || len(run) > longestRunDir {
		return "", fmt.Errorf("the run directory %q must be 1 to %d bytes long", run, longestRunDir)
	}
	if err := os.MkdirAll(run, 0o750); err != nil {
		return "", fmt.Errorf("cannot make the run directory: %w", err)
	}
	entries, err := os.ReadDir(run)
	if err != nil {
		return "", fmt.Errorf("cannot read the run directory: %w", err)
	}
	for _, e := range entries {
		if stale(e.Name()) {
			if err := os.RemoveAll(filepath.Join(run, e.Name())); err != nil {
				return "", fmt.Errorf("cannot clear stale sockets: %w", err)
			}
		}
	}
	start, err := startTime(os.Getpid())
	if err != nil {
		return "", err
	}
	// Several hosts may live in one process (tests): the last part makes each directory its own.
	return os.MkdirTemp(run, fmt.Sprintf("%s-%d-%s-", ownPrefix, os.Getpid(), start))
}

// stale reports whether name is the directory of a host whose process is gone.
func stale(name string) bool {
	parts := strings.Split(name, "-")
	if len(parts) != 4 || parts[0] != ownPrefix {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid <= 0 {
		return false
	}
	start, err := startTime(pid)
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	return err == nil && start != parts[2]
}

// startTime is when a process started, in clock ticks since boot: with it a process id names one process for ever.
func startTime(pid int) (string, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // the name before it may hold anything
	if len(fields) < 20 {
		return "", fmt.Errorf("cannot read /proc/%d/stat", pid)
	}
	return fields[19], nil
}
