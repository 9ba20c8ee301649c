// Package proto is the wire between the plugin host and a plugin, protocol version 1: plugin.proto, the Go code generated from it, and
// the constants of the handshake that go-plugin makes before the first call.
//
// It holds no rule but what a value of an option's type is (value.go), and imports nothing of ours. Additions are new fields or methods; what an existing one means never changes within a
// protocol version. Start reading at plugin.proto; a vendor in another language needs it and handshake.go, nothing else.
package proto
