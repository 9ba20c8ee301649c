package main

import (
	"runtime/debug"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// collectAt and heapBound let the heap grow to five times what is in use before garbage is collected, up to a bound at which it is collected harder, with
// up to half of the processor time. Sessions are short and leave much behind, beside a heap of a few MiB: a fifth of the processor time of 500 power-offs
// at once went into collecting. In percent and bytes; the bound is an eighth of what the host allows a process by default.
const (
	collectAt = 400
	heapBound = 64 << 20
)

func main() {
	debug.SetGCPercent(collectAt)
	debug.SetMemoryLimit(heapBound)
	sdk.Main(plugin{})
}
