// Package systemd proves configs/systemd/fenced.service under a real systemd: one is booted as process 1 of fresh mount, pid, uts, ipc, net and
// cgroup namespaces, over a throw-away overlay of this machine's file system. The unit is the shipped file; a drop-in beside it takes away
// what must not happen in a test (a reset, the real system root) and shortens what would take long. Two more daemons of the same cluster run
// beside it on the loopback of that network namespace.
//
// Nothing of the machine's own systemd is touched: /sys and /proc/sys are read-only inside, /dev holds no device that could do harm, sysrq is
// out of reach, generators and everything that is enabled here are left out. All of it ends with process 1, and that ends with the test, however
// the test ends; guard_test.go says how, and TestNothingIsLeftOfAKilledTest proves it.
//
// It needs root and systemd, else it skips by name. The product is that of test/product.
// Start reading at unit_test.go; machine_test.go boots, init_test.go is what runs before systemd does.
package systemd
