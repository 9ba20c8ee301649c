package engine_test

import (
	"sync/atomic"
	"testing"

	"github.com/fenced-project/fenced/fence/engine"
)

// BenchmarkOperation is the engine's own share of one fence: the devices answer at once, and the clock goes on by a millisecond with each
// look at it, so that nothing is waited for.
func BenchmarkOperation(b *testing.B) {
	done := make(chan bool, 1)
	s := newSite()
	var now atomic.Int64
	e := engine.New(engine.Config{Devices: s, Now: func() int64 { return now.Add(1) }, Report: func(ev engine.Event) {
		if f, ok := ev.(engine.Finished); ok {
			done <- f.Result.Proven
		}
	}})
	defer func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	}()
	one := spec(1, steps("bmc"))
	one.Judge.Devices[0].SettleMS = 0
	b.ReportAllocs()
	for claim := uint64(1); b.Loop(); claim++ {
		s.mu.Lock()
		s.off = map[string]bool{}
		s.mu.Unlock()
		one.Claim, one.Judge.Claim = claim, claim
		if err := e.Start(one); err != nil {
			b.Fatal(err)
		}
		if !<-done {
			b.Fatal("not proven")
		}
	}
}
