// Package claims checks that the claim on a victim is one register to everybody: whoever claims, ends a claim or asks the log who holds it, on
// whatever side of a partition and with whatever answers lost, sees what one register in one place could have said (I3, I5, R7). Real domains run
// on the embedded provider itself, in a bubble of testing/synctest: its clock goes on only when everybody waits, so minutes of partitions take
// seconds, and the wires between the nodes are in memory (wire_test.go), because a socket keeps such a clock from going on. Porcupine judges what
// the clients saw. Which links are cut and what the clients do comes from a seed; what Raft draws for itself does not, so no two runs are equal.
package claims
