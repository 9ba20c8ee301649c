// Package wire is how the host runs a shell command in a guest of the lab: frames of one type byte, a length of four bytes and a payload, over TCP.
//
// The guest says hello first, for QEMU's user network accepts a connection before the guest is there; and it says every half second that it lives,
// for a machine that is reset sends no end. It knows nothing of fenced. Start reading at wire.go.
package wire
