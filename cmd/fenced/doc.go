// Command fenced is the daemon and its commands in one binary, which answers by the name it is called by (fence_node, fence_tool, fence_dlm).
//
// This room dispatches and wires; it decides nothing. Start reading at main.go, then run.go.
package main
