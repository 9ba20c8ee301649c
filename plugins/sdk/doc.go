// Package sdk is the vendor's side of a plugin: implement Plugin and Device, call Main, and the result is a fenced plugin.
//
//	func main() { sdk.Main(myPlugin{}) }
//
// The sdk does everything else: the handshake, checking of options against the schema, dropping requests whose deadline is over (R9),
// limits, panics, normal forms of states and failures, --describe, and dying with the host.
//
// It may not decide anything about fencing: a plugin asks its device and says what it saw. Whether that proves anything is fenced's.
// It imports plugins/proto and libraries, nothing else of ours. Start reading at plugin.go, then option.go and failure.go.
package sdk
