package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// again puts the program that is installed now in the place of this process, for a planned restart (R26): the process id stays, and with it the unit, its
// cgroup, its credentials and its environment. It returns only with an error.
//
// Everything that is open is closed by it but standard input, output and error. The next daemon finds the rest on the disk.
func again() error {
	path, err := os.Executable() // found when this process began; an upgrade has put another file there since
	if err != nil {
		return fmt.Errorf("cannot restart: %w", err)
	}
	if err := unix.Exec(path, os.Args, os.Environ()); err != nil {
		return fmt.Errorf("cannot restart as %s: %w", path, err)
	}
	return nil
}
