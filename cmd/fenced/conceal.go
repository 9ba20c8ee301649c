package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// conceal keeps what the daemon holds (the cluster's key, passwords of BMCs) from everybody but root with its capabilities: other processes
// of its user can read neither its memory nor its environment nor attach to it, and neither it nor its children leave a core. It is called
// before the first secret is read. (plugins/sdk does the same for plugins: an exec makes a process dumpable again.)
//
// A playground of an unprivileged user is left open: it finds its daemons by their environments, and its secrets are worth nothing.
func conceal(systemRoot string) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("cannot forbid core dumps: %w", err)
	}
	if os.Geteuid() != 0 && systemRoot != "" && systemRoot != "/" {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot hide the memory of this process: %w", err)
	}
	return nil
}
