package embedded

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// BenchmarkRestart is the time from the start of a daemon whose earlier run was killed just before, to the view with it on every node.
func BenchmarkRestart(b *testing.B) {
	p := newParty(b, 3)
	p.timeout = 2 * time.Second
	p.startAll()
	var took time.Duration
	for range b.N {
		id := fence.NodeID(3)
		p.kill(id)
		start := time.Now()
		p.start(id, 1)
		p.settle(1, 2, 3)
		took += time.Since(start)
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/restart")
}
