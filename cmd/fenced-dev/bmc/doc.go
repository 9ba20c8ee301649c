// Package bmc is a test BMC: go-ipmi's server speaking real IPMI 2.0 over UDP (cipher suites 3 and 17), whose power switch runs a command,
// which counts what it was asked for, and which can be told to misbehave (knobs.go).
//
// It is a device under a test's control and may know nothing of fenced. Its password comes from a file or the environment, never needs to
// be in argv, and is not handed to the commands it runs.
//
// Start reading at bmc.go (the device), then chassis.go (what a command does under which knob).
package bmc
