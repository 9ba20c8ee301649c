// Package libcorosync calls corosync's client libraries: libcpg (groups and messages), libquorum (the ring and whether it is quorate), libcmap
// (configuration and runtime keys), libcfg (ending another node's corosync) and libvotequorum (who votes).
//
// They are loaded at run time by purego, so that fenced is built without cgo and without corosync's headers, and starts where corosync is not
// installed; a library that is missing is an error that names its Debian package. amd64 and arm64 only: a structure that C passes by value arrives
// as two words there, which was tried. Elsewhere Load says so, and membership is embedded.
//
// It translates and decides nothing: no retries, no waiting, no meaning. A call may block for as long as corosync is stopped (its libraries wait
// for ever), so none may be made by a loop that decides. Callbacks only collect; Dispatch returns what they collected.
//
// Start reading at load.go, then cpg.go. The layouts in layout.go are compared with corosync's headers by a test.
package libcorosync
