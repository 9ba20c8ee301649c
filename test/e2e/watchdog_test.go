package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/cmd/fenced-dev/watchdog"
	"github.com/fenced-project/fenced/test/harness"
	"github.com/fenced-project/fenced/test/product"
)

// guarded is a node with a simulated watchdog and the holder that owns it, both of them the machine's: they end with its power.
type guarded struct {
	*playground.Node
	dog   *watchdog.Watchdog
	fired chan struct{} // the device reset the machine
}

// guard gives a node a simulated watchdog and a holder, and starts its daemon again with them.
func guard(t *testing.T, ctx context.Context, c *playground.Cluster, n *playground.Node, mode string) *guarded {
	t.Helper()
	home, g := filepath.Dir(n.LogPath()), &guarded{Node: n, fired: make(chan struct{}, 1)}
	root := filepath.Join(home, "root")
	var err error
	g.dog, err = watchdog.Listen(root, "watchdog0", watchdog.Options{Identity: "iTCO_wdt", Fire: func() { g.fired <- struct{}{} }})
	must(t, err)
	t.Cleanup(g.dog.Close)
	must(t, os.MkdirAll(filepath.Join(home, "conf.d"), 0o750))
	must(t, os.WriteFile(filepath.Join(home, "conf.d", "watchdog.yaml"), fmt.Appendf(nil, "watchdog: {mode: %s, devices: /dev/watchdog0, timeout: 4s}\n", mode), 0o640))
	build, err := product.Dir()
	must(t, err)
	g.runs(t, filepath.Join(build, "fenced-watchdog"), "--system-root", root, "--run-dir", filepath.Dir(n.Socket()))
	must(t, c.Await(ctx, "the holder listens", func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(n.Socket()), "watchdog.sock"))
		return err == nil
	}))
	must(t, n.Terminate())
	must(t, c.Await(ctx, "its daemon ends", func() bool { return !n.Running() }))
	must(t, n.Restart(ctx))
	must(t, c.AwaitClean(ctx))
	return g
}

// runs starts a program on its machine: it ends with the machine's power, or with the test.
func (g *guarded) runs(t *testing.T, argv ...string) { t.Helper(); runsOn(t, g.Node, argv...) }

func runsOn(t *testing.T, n *playground.Node, argv ...string) {
	t.Helper()
	home, err := filepath.EvalSymlinks(filepath.Dir(n.LogPath()))
	must(t, err)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"FENCED_DEV_MACHINE=" + home, "PATH=" + os.Getenv("PATH")}
	harness.Start(t, cmd)
}

// armed arms the cluster and waits until the others know that this node's watchdog is open.
func (g *guarded) armed(t *testing.T, ctx context.Context, c *playground.Cluster) {
	t.Helper()
	if out, code, err := c.Node(1).Run(ctx, "arm", "--reason", "test"); err != nil || code != 0 {
		t.Fatalf("arm: %d %v %s", code, err, out)
	}
	must(t, c.Await(ctx, "the others know of its watchdog", func() bool {
		s, err := c.Node(1).Client().Status(ctx)
		if err != nil {
			return false
		}
		for _, m := range s.Nodes {
			if m.Name == g.Name {
				return m.Watchdog.Kind == "itco_wdt" && m.Watchdog.HardwareMS == 4000 && m.Watchdog.LeaseMS > 0
			}
		}
		return false
	}))
}

// bites waits until its watchdog resets the machine.
func (g *guarded) bites(t *testing.T) {
	t.Helper()
	select {
	case <-g.fired:
	case <-time.After(patience(40 * time.Second)):
		t.Fatalf("its watchdog does not end it: %+v", g.dog.Counts())
	}
}

// S4.1, R14: a member of an armed cluster has its watchdog open and the others know it; its daemon is killed, and its own watchdog ends the machine.
// part of: S4.1
func TestAKilledDaemonsWatchdogEndsItsMachine(t *testing.T) {
	c, ctx := start(t, playground.Options{Disarmed: true})
	must(t, c.AwaitClean(ctx))
	g := guard(t, ctx, c, c.Node(3), "required")
	if opened := g.dog.Counts().Opens; opened != 0 {
		t.Fatalf("opened %d times in a cluster that is not armed", opened)
	}
	g.armed(t, ctx, c)
	if d := g.dog.Counts(); !d.Running || d.Stops != 0 {
		t.Fatalf("%+v", d)
	}
	must(t, c.BMC(3).SetKnobs(ctx, "hang")) // or its BMC would be before it
	must(t, g.Kill())
	g.bites(t)
}
