// Package machine is the power supply of a playground machine: a directory that stands for a machine, whose "power" is whether the
// processes started from it live.
//
// Off is SIGKILL of everything the machine runs and its run directory wiped; on is a new boot id and a fresh start (INTERFACES.md "A fake
// system, by flags"). Power is a fact of its own, kept in the file `power`: a machine whose daemon crashed is still on, as a real one is.
//
// It may only touch the directory it was given and processes that it can prove to belong to it; it may not know what the daemon is.
//
// Start reading at machine.go (the directory), then off.go and on.go; process.go is how a recycled pid is never killed.
package machine
