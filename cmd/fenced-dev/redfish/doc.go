// Package redfish is a test BMC that speaks Redfish over HTTPS: a service root, sessions (few of them, as in real ones) and basic
// authentication, one or several systems whose power switches run commands, and knobs by which it misbehaves.
//
// It is a device under a test's control and may know nothing of fenced. What a command does under a knob is the room bmc's, which speaks IPMI
// to the same kind of machine. Start reading at server.go, then service.go (who may ask), system.go (what a system says and does).
package redfish
