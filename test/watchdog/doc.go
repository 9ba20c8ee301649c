// Package watchdog runs fenced-watchdog as a process against a simulated device (cmd/fenced-dev/watchdog), with the daemon's own client
// (internal/watchdog): that both sides speak one language, and that whatever dies, the device is fed to the end of the lease and not longer.
package watchdog
