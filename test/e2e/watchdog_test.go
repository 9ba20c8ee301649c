package e2e

import (
	"context"
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

// guard gives a node a simulated watchdog and a holder, and starts its daemon again with them. The channel says that the device reset the machine.
func guard(t *testing.T, ctx context.Context, c *playground.Cluster, n *playground.Node) (*watchdog.Watchdog, <-chan struct{}) {
	t.Helper()
	home, fired := filepath.Dir(n.LogPath()), make(chan struct{}, 1)
	root := filepath.Join(home, "root")
	dog, err := watchdog.Listen(root, "watchdog0", watchdog.Options{Identity: "iTCO_wdt", Fire: func() { fired <- struct{}{} }})
	must(t, err)
	t.Cleanup(dog.Close)
	must(t, os.MkdirAll(filepath.Join(home, "conf.d"), 0o750))
	must(t, os.WriteFile(filepath.Join(home, "conf.d", "watchdog.yaml"), []byte("watchdog: {mode: required, devices: /dev/watchdog0, timeout: 4s}\n"), 0o640))
	build, err := product.Dir()
	must(t, err)
	holder := exec.Command(filepath.Join(build, "fenced-watchdog"), "--system-root", root, "--run-dir", filepath.Dir(n.Socket()))
	harness.Start(t, holder)
	must(t, c.Await(ctx, "the holder listens", func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(n.Socket()), "watchdog.sock"))
		return err == nil
	}))
	must(t, n.Terminate())
	must(t, c.Await(ctx, "its daemon ends", func() bool { return !n.Running() }))
	must(t, n.Restart(ctx))
	must(t, c.AwaitClean(ctx))
	return dog, fired
}

// S4.1, R14: a member of an armed cluster has its watchdog open and the others know it; its daemon is killed, and its own watchdog ends the machine.
// part of: S4.1
func TestAKilledDaemonsWatchdogEndsItsMachine(t *testing.T) {
	c, ctx := start(t, playground.Options{Disarmed: true})
	must(t, c.AwaitClean(ctx))
	n := c.Node(3)
	dog, fired := guard(t, ctx, c, n)
	if opened := dog.Counts().Opens; opened != 0 {
		t.Fatalf("opened %d times in a cluster that is not armed", opened)
	}
	if out, code, err := c.Node(1).Run(ctx, "arm", "--reason", "test"); err != nil || code != 0 {
		t.Fatalf("arm: %d %v %s", code, err, out)
	}
	must(t, c.Await(ctx, "the others know of its watchdog", func() bool {
		s, err := c.Node(1).Client().Status(ctx)
		if err != nil {
			return false
		}
		for _, m := range s.Nodes {
			if m.Name == n.Name {
				return m.Watchdog.Kind == "itco_wdt" && m.Watchdog.HardwareMS == 4000 && m.Watchdog.LeaseMS > 0
			}
		}
		return false
	}))
	if d := dog.Counts(); !d.Running || d.Stops != 0 {
		t.Fatalf("%+v", d)
	}
	must(t, n.Kill())
	select {
	case <-fired:
	case <-time.After(patience(40 * time.Second)):
		t.Fatalf("its watchdog does not end it: %+v", dog.Counts())
	}
}
