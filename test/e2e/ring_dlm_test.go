package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/test/product"
)

// What dlm_controld asks of fenced, by the program that dlm.conf's fence_all names (R27), on real rings: with dlm the membership is corosync.

// fenceAll runs fence_dlm on a node as dlm_controld does: no arguments, the victim on standard input with a time of the clock on a wall.
func fenceAll(ctx context.Context, t *testing.T, n *playground.Node, victim int) (said string, err error) {
	t.Helper()
	build, err := product.Dir()
	must(t, err)
	name := filepath.Join(t.TempDir(), "fence_dlm")
	must(t, os.Symlink(filepath.Join(build, "fenced"), name))
	cmd := exec.CommandContext(ctx, name)
	cmd.Env = append(os.Environ(), "FENCED_SOCKET="+n.Socket())
	cmd.Stdin = strings.NewReader("node=" + itoa(victim) + "\nfail_time=1700000000\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The dlm of node-1 missed node-3 for a moment; fenced and the ring did not. It asks: node-3's present life is a victim, its power is cut once, and
// dlm hears of the proof and goes on. For a node that nobody knows it hears of none, and nobody is fenced.
//
// proves: S5.17, R27
func TestRingDLMSawABlip(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	a := accidentOf(t, c)
	if said, err := fenceAll(ctx, t, c.Node(1), 9); err == nil || !strings.Contains(said, "no node of this cluster has the id 9") {
		t.Errorf("fence_dlm for a node that is none: %v, it says: %s", err, said)
	}
	if said, err := fenceAll(ctx, t, c.Node(1), 3); err != nil || !strings.Contains(said, "node-3: reset, off read back from bmc-3") {
		t.Fatalf("fence_dlm: %v, it says: %s", err, said)
	}
	a.over(ctx, 3)
	a.once(ctx, 3)
	for _, i := range []int{1, 2} {
		if v := a.victims(i); len(v) != 1 || v[0].Cause != client.CauseReported {
			t.Errorf("%s shows the victims %+v, want one that was reported", c.Node(i).Name, v)
		}
	}
}
