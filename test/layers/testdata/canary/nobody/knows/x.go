// Package x is a canary of test/layers: a package without a room.
package x

// want: has no room
