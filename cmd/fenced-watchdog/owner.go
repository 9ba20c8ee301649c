package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxLooked bounds how many descriptors are read in search of an owner: it is a help, not a duty.
const maxLooked = 200_000

// ownerOf names the process that has a watchdog open, "" for none that can be seen: systemd feeds one by itself when RuntimeWatchdogSec= is
// set, and other cluster software does. /dev/watchdog and /dev/watchdog0 are one device.
func ownerOf(root, path string, self int) string {
	procs, err := os.ReadDir(filepath.Join(root, "proc"))
	if err != nil {
		return ""
	}
	looked := 0
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || pid == self {
			continue
		}
		dir := filepath.Join(root, "proc", p.Name())
		fds, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if looked++; looked > maxLooked {
				return ""
			}
			target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
			if err == nil && strings.HasPrefix(target, "/dev/watchdog") && sysName(root, target) == sysName(root, path) {
				return named(dir, pid)
			}
		}
	}
	return ""
}

func named(dir string, pid int) string {
	name := printable(word(dir, "comm"))
	if pid == 1 {
		name += "'s RuntimeWatchdogSec="
	}
	return fmt.Sprintf("%s (pid %d)", name, pid)
}

// printable keeps what others named from looking like something else in a log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
