// Command fenced-watchdog owns this machine's watchdog devices and feeds them for one lease (R14). It is a process, a unit and a cgroup of its
// own, so that whatever kills, stops or starves the daemon leaves it alone, and it ends nobody's lease early or late: it feeds until the lease
// that the daemon renewed is over, and never longer. It depends on golang.org/x/sys and on nothing of the daemon, not even on its types: the
// wire is in wire.go here and, for the daemon's side, in internal/watchdog.
//
// It decides nothing about the cluster. Whether a node may go on is fence/member's; this process is told until when.
//
// The real /dev/watchdog* can be reached only with --system-root / and FENCED_ALLOW_RESET=1, which only the unit file sets; with another root
// the devices are sockets below that root and nothing else is ever opened.
//
// Start reading at lease.go (the rules, pure), then holder.go (devices and lease together), feeder.go (the thread that feeds), server.go (the
// socket), device_real.go and device_fake.go.
package main
