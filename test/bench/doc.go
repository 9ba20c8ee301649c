// Command bench measures what the product itself costs, beside the time of devices and the timeouts that people choose: `go run ./test/bench`
// (or `make bench`) takes the product of test/product, runs every measure, writes build/bench.jsonl and prints a table
// of value, aim and peer.
//
// A missed aim says MISSED and is no failure: the machine may be busy, and the load average stands in every line. The exit code is 1 only
// when something could not be measured. -quick measures a few times instead of 20 or more, -run REGEX chooses by the names in the table.
//
// No time that it takes decides anything: the stage `bench` of test/verify asks only whether -quick gives every line. The daemons are real
// ones on the loopback, with the dummy plugin as their hardware; nothing of this machine can be switched by them, and nothing is left behind
// (guard.go).
// Over corosync (ring.go, ring_growth.go) they are the playground's: namespaces, a corosync and an IPMI BMC for each; that needs root.
//
// Start reading at main.go (what is measured, in which order), then cluster.go, operation.go and kill.go.
package main
