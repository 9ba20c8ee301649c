// Package rmcp is a guard around an IPMI client's UDP: it lets a BMC's answers through only when they are proven to be that BMC's.
//
// go-ipmi 0.9.1 checks the codes of the handshake but no answer after it: a forged plaintext "power is off" is believed in a live session
// (LIBRARIES.md). The guard watches the handshake go by, derives the keys itself, and drops every datagram that is not authenticated and
// encrypted under them, not of this session, or not newer than the last one. What it drops the client never sees; to the client the BMC
// is silent.
//
// An unauthenticated refusal within the handshake (wrong password, unknown user) can be forged as well, so it is dropped and remembered:
// Refusal tells of it when nothing better came.
//
// It knows the wire format and no library; it decides nothing about power. Kg ("two-key" login) is not supported: the BMC key is the
// user's password. Start reading at guard.go, then accept.go; relay.go is
// the guard for clients that are other programs.
package rmcp
