package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/test/product"
)

// ownPlugins is a build with a plugin directory of the test's own, so that it can install versions.
func ownPlugins(t *testing.T) (build, dir string) {
	t.Helper()
	needsNamespaces(t)
	from, err := product.Dir()
	must(t, err)
	build = t.TempDir()
	must(t, os.Chmod(build, 0o755)) //nolint:gosec // as in production
	for _, name := range []string{"fenced", "fenced-dev"} {
		must(t, os.Symlink(filepath.Join(from, name), filepath.Join(build, name)))
	}
	dir = filepath.Join(build, "plugins")
	must(t, os.Mkdir(dir, 0o755)) //nolint:gosec // as in production
	installPlugin(t, filepath.Join(dir, "fenced-plugin-bmc"), "")
	return build, dir
}

// installPlugin installs bmc as a file; more makes it another build.
func installPlugin(t *testing.T, file, more string) {
	t.Helper()
	from, err := product.Dir()
	must(t, err)
	b, err := os.ReadFile(filepath.Join(from, "plugins", "fenced-plugin-bmc"))
	must(t, err)
	must(t, os.WriteFile(file+".new", append(b, more...), 0o755)) //nolint:gosec // as in production
	must(t, os.Rename(file+".new", file))
}

// bmc is what a node's daemon says of the plugin.
func bmcOf(ctx context.Context, t *testing.T, n *playground.Node) client.Plugin {
	t.Helper()
	out, code, err := n.Run(ctx, "plugin", "list", "-o", "json")
	must(t, err)
	var list client.Plugins
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Plugins) != 1 {
		t.Fatalf("fenced plugin list ends with %d, %v: %s", code, err, out)
	}
	return list.Plugins[0]
}

// A plugin is reloaded while its power-off is under way: the operation comes to its proof, by one off, and the process that takes the calls
// afterwards is another one.
func TestReloadOfAPluginLosesNoOperation(t *testing.T) {
	build, _ := ownPlugins(t)
	c, ctx := start(t, playground.Options{Build: build, BMCs: func(int) []playground.BMCSpec {
		return []playground.BMCSpec{{Knobs: []string{"late=1500"}, AttemptTimeout: patience(15 * time.Second), Effect: 5 * time.Second}}
	}})
	must(t, c.AwaitClean(ctx))
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	actor := ""
	f.await(ctx, "the off to be asked for", func() bool {
		for _, n := range f.survivors() {
			s, err := n.Client().Status(ctx)
			if err == nil && len(s.Operations) == 1 && s.Operations[0].Actor == n.Name && s.Operations[0].Phase != client.PhaseClaimed {
				actor = n.Name
			}
		}
		return actor != ""
	})
	for _, n := range f.survivors() {
		before := bmcOf(ctx, t, n)
		out, code, err := n.Run(ctx, "plugin", "reload", "bmc", "-o", "json")
		must(t, err)
		var doc client.PluginsReloaded
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 0 || len(doc.Reloads) != 1 || doc.Reloads[0].PID == before.PID || doc.Reloads[0].Before != before.PID {
			t.Errorf("%s (actor %s): the reload ends with %d, %v: %s", n.Name, actor, code, err, out)
		}
		if now := bmcOf(ctx, t, n); now.PID == before.PID || now.State != client.PluginRunning {
			t.Errorf("%s still runs %+v", n.Name, now)
		}
	}
	f.fencedAndBack(ctx, expectation{device: c.BMC(3).Name})
}

// Of two versions that are installed the highest that may be run is used and shown; a checksum is changed by a reload, and what has another one
// is out at once, on a daemon that was never restarted (V15).
func TestVersionsAndChecksumsOfAPlugin(t *testing.T) {
	build, dir := ownPlugins(t)
	c, ctx := start(t, playground.Options{Build: build})
	must(t, c.AwaitClean(ctx))
	one := c.Node(1)
	var first client.Plugin
	must(t, c.Await(ctx, "the plugin to run", func() bool { first = bmcOf(ctx, t, one); return first.State == client.PluginRunning }))
	base := filepath.Join(dir, "fenced-plugin-bmc")
	if len(first.Versions) != 1 || first.Path != base {
		t.Fatalf("%+v", first)
	}
	other := base + "@" + first.Version // the same version by another name: not better than what runs
	installPlugin(t, other, "another build")
	demand := func(file string) client.Plugin {
		t.Helper()
		sum := strings.Repeat("0", 64)
		if file != "" {
			var err error
			sum, err = host.Checksum(file)
			must(t, err)
		}
		path := filepath.Join(filepath.Dir(one.LogPath()), "fenced.yaml")
		text, err := os.ReadFile(path)
		must(t, err)
		plain, _, _ := strings.Cut(string(text), "\nplugins:")
		must(t, os.WriteFile(path, []byte(plain+"\nplugins: {bmc: {sha256: "+sum+"}}\n"), 0o640))
		if out, code, err := one.Run(ctx, "config", "reload"); err != nil || code != 0 || strings.Contains(out, "restarted") {
			t.Fatalf("fenced config reload ends with %d, %v: %s", code, err, out)
		}
		var p client.Plugin
		must(t, c.Await(ctx, "the checksum to hold", func() bool {
			p = bmcOf(ctx, t, one)
			if file == "" {
				return p.State == client.PluginDisabled && p.PID == 0 // what ran takes no calls any more: it ends once nothing better was found
			}
			return p.State == client.PluginRunning && p.Path == file
		}))
		return p
	}
	if p := demand(base); p.PID != first.PID {
		t.Errorf("what is as it must be was started again: %+v", p)
	}
	if p := demand(other); p.PID == first.PID || len(p.Versions) != 2 {
		t.Errorf("%+v", p)
	}
	if p := demand(""); !strings.Contains(p.Error, "the configuration says 000") {
		t.Errorf("it does not say why: %+v", p)
	}
	if r, code := tested(ctx, t, one, "node-2"); code != int(client.CodeAttention) || r.Class != client.ClassPluginDied {
		t.Errorf("a plugin with another checksum was asked: %d, %+v", code, r)
	}
	demand(base)
	if r, code := tested(ctx, t, one, "node-2"); code != 0 || !r.OK {
		t.Errorf("it is not used again: %d, %+v", code, r)
	}
}
