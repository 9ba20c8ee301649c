// Package claims checks that the claim on a victim is one register to everybody: whoever claims, ends a claim or asks the log who holds it, on
// whatever side of a partition and with whatever answers lost, sees what one register in one place could have said (I3, I5, R7). Real domains run
// on the embedded provider over loopback, whose sockets need real time, and on the model of a provider in virtual time; porcupine judges what
// the clients saw.
package claims
