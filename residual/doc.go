// Package residual looks for shared state that an earlier daemon of this boot left in the kernel, and says what is there, with a class.
// Whether that makes the node dirty is fence/member's decision (the start table in DESIGN.md).
//
// It may not change anything, write anything, or answer "none" where it could not look: what is unreadable, hung or out of bounds is a finding
// of class state (V12). Only a path that does not exist is nothing. The scan never blocks its caller beyond its deadline.
//
// Probes run in a process of their own (helper.go its life, serve.go its side), which is killed and left behind when it hangs: no read of the kernel's state
// can keep a thread of the daemon. One may be started beforehand (waiting.go); which process a scan asks, and what follows when it fails, is job.go. Nothing in a probe
// touches a mount: mount tables and links are read as text. What is local is left out by positive proof alone.
//
// Start reading at report.go (what is said), then scan.go (deadlines, the table of probes), then one probe a file: system.go, dlm.go, gfs2.go,
// ocfs2.go, mounts.go, lvm.go, md.go, drbd.go, devices.go, extra.go; access.go has what never counts. docs/reference/residual.md says what each
// finds and what it cannot see.
package residual
