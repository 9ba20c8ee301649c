package main

import (
	"fmt"
	"os"
	"time"
)

// booted says what the wall clock would have shown when the kernel's own clock was 0: the kernel's log and fenced's events can be compared by it,
// to the hundredth of a second that /proc/uptime tells.
func booted(args []string) error {
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var up float64
	if _, err := fmt.Sscan(string(b), &up); err != nil {
		return fmt.Errorf("%s says %q: %w", args[0], b, err)
	}
	fmt.Println(time.Now().Add(-time.Duration(up * float64(time.Second))).UTC().Format(time.RFC3339Nano))
	return nil
}
