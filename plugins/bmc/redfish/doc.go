// Package redfish is a Redfish provider for bmclib, made of bmclib's own (gofish) with its HTTP behind a guard.
//
// bmclib's provider commands nothing where it likes the state that it reads, while fenced wants off commanded under its claim in any case
// (R16 b); it takes the first of several systems with one display name; it tells no identity; it forgets its caller's deadline; it posts
// wherever a document tells it to; it checks no certificate unless asked; a session whose answer came late it never closes. The guard sees to
// all of that from below, so that the provider itself stays as it is.
//
// A Driver is one session: Open, a command or two, Close. Power state and identity that it gives stood in one document (R16). Its errors carry
// the sdk's classes. Start reading at driver.go, then guard.go (every request goes through it), login.go (sessions), system.go (what a document
// says), trust.go (certificates), failure.go (what an error means).
package redfish
