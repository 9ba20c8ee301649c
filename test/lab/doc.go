// Package lab runs whole machines: stock Debian kernels under QEMU's software emulation, joined by a switch that can be cut, with one shared disk,
// and an ipmi_sim for each whose power switch really kills and starts the machine. In them run real corosync, dlm_controld, gfs2, and fenced.
//
// It is where the sentence is proven for which fenced exists: a node whose state is left over is reset before anybody recovers, and the file
// system stays whole. Nothing is simulated here but the wires.
//
// The lab may not touch the machine it runs on: no bridge, no tap, no namespace; unix sockets, 127.0.0.1, a directory of its own. What it
// starts dies with it. It needs QEMU and some Debian packages (image.go lists them); without them a test is skipped by name.
//
// Start reading at lab.go, then machine.go (one machine), bmc.go (its power switch), net.go (the switch), guest.go (commands in it),
// image.go (what it boots: image.sh with guest/, and systemd/ for who asks for that userland), journal.go (what that systemd says),
// daemon.go (what tests choose of the configuration); the scenarios are in the tests, and what was seen of them is in
// docs/reference/lab.md.
package lab
