package sdk

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// conceal keeps what this process will hold from everybody but root with its capabilities: other processes of the same user can read neither
// its memory nor its environment, none can attach to it, and no core is ever written. It is called before a secret can arrive.
//
// A child that the plugin starts (ipmitool) is dumpable again: execve resets it. Only the limit on cores is inherited.
func conceal() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("cannot forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot hide the memory of this process: %w", err)
	}
	return nil
}

// mustConceal ends a plugin that would hold secrets in the open.
func mustConceal() {
	if err := conceal(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitConfig)
	}
}
