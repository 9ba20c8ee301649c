// Package goipmi is an IPMI provider for bmclib, made of go-ipmi with its UDP behind the guard of package rmcp.
//
// A Driver is one session: Open, a command or two, Close. It never dials again behind its caller's back: power state and identity that it
// gives were read in one session (R16), or there is an error. Its errors carry the sdk's classes.
//
// Start reading at driver.go, then session.go (how long it waits and how often it tries), failure.go (what an error means).
package goipmi
