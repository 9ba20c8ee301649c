package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Tests whose names begin with TestRing run on real corosync rings; `make corosync` runs them, and not the stage of this package.

// ring builds a cluster whose membership is corosync.
func ring(t *testing.T, opt playground.Options) (*playground.Cluster, context.Context) {
	t.Helper()
	if why := playground.CorosyncMissing(); why != "" {
		skip(t, why)
	}
	if opt.Corosync == nil {
		opt.Corosync = &playground.CorosyncSpec{}
	}
	if opt.Corosync.Token == 0 {
		opt.Corosync.Token = patience(time.Second)
	}
	return start(t, opt)
}

// A machine crashes, and corosync with it: the ring says so, and the others fence it once.
func TestRingKillOfANode(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
}
