// Package e2e proves the main job end to end: real daemons in network namespaces of their own, real plugins, real IPMI to a BMC for each
// node whose switch really ends and starts that node (with a new boot id). What may not be mocked is not mocked: the kernel carries the
// packets, SIGKILL ends the processes, a cut is a switch port that is down.
//
// Each test breaks one thing and then asks everybody: the devices (how often was power cut), the machines (is it another life), the event
// streams (was anything released before it was proven) and all nodes' histories (do they tell one story).
//
// It needs root and iproute2, else it skips by name. The product is that of test/product. Start reading at main_test.go, then scenarios_test.go.
package e2e
