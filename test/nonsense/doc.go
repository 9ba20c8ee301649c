// Package nonsense sends a cluster what nobody should: noise on every port and on a plugin's output, ten thousand connections, and plugin
// files that go, change hands or change content while they run.
//
// Each time the same is asked: one `refused` line and no more, the connection is closed, memory is bounded, descriptors come back, and the
// cluster notices nothing: the same view, nobody suspected, everybody quorate.
//
// The cluster runs on the loopback. What needs root skips by name. Start reading at nonsense_test.go.
package nonsense
