package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// startedAs is where this program was when this process began; an upgrade puts another file there. It is read now: os.Executable asks the kernel, which
// follows the file that runs when somebody moves it away, and a restart would start the old program again.
var startedAs, errStartedAs = os.Executable()

// again puts the program that is installed now in the place of this process, for a planned restart (R26): the process id stays, and with it the unit, its
// cgroup, its credentials and its environment. It returns only with an error.
//
// Everything that is open is closed by it but standard input, output and error. The next daemon finds the rest on the disk.
func again() error {
	if errStartedAs != nil {
		return fmt.Errorf("cannot restart: %w", errStartedAs)
	}
	if err := unix.Exec(startedAs, os.Args, os.Environ()); err != nil {
		return fmt.Errorf("cannot restart as %s: %w", startedAs, err)
	}
	return nil
}
