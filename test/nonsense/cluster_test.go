package nonsense

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/test/product"
)

// rig is a cluster of three whose bmc plugin has a checksum, and whose node-3 has a second device with a plugin that writes noise.
type rig struct {
	*playground.Cluster
	plugins string
	dir     string
	sum     string
	began   bool
	err     error
}

// failureTimeout is above the product's default: a daemon that gets no processor for half of it says so and is frozen for a moment (R20), which
// on a busy machine says nothing about what the test throws at it.
const failureTimeout = 3 * time.Second

const noisePlugin = "#!/bin/sh\nhead -c 1048576 /dev/urandom\nexec sleep 600\n"

func start(ctx context.Context, t *testing.T) *rig {
	t.Helper()
	build := t.TempDir() // the test's own, because it spoils the plugins
	must(t, product.Copy(build))
	r := &rig{plugins: filepath.Join(build, "plugins"), dir: filepath.Join(t.TempDir(), "cluster")}
	must(t, os.WriteFile(filepath.Join(r.plugins, "fenced-plugin-noise"), []byte(noisePlugin), 0o755))
	var err error
	r.sum, err = host.Checksum(r.bmcPlugin())
	must(t, err)
	r.Cluster, err = playground.Start(ctx, playground.Options{
		Build: build, Dir: r.dir, FailureTimeout: patience(failureTimeout), Log: r,
		Levels: func(node int) [][]string {
			own := []string{fmt.Sprintf("bmc-%d", node)}
			if node == 3 {
				return [][]string{own, {"noise"}}
			}
			return [][]string{own}
		},
	})
	if err != nil {
		t.Fatal(err, r.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.LogTails(30))
		}
		must(t, r.Stop())
	})
	if !r.began || r.err != nil {
		t.Fatalf("the configuration was not changed: %v", r.err)
	}
	return r
}

func (r *rig) bmcPlugin() string { return filepath.Join(r.plugins, "fenced-plugin-bmc") }

// Write gets the playground's steps: when it gives power for the first time all files are written and no daemon runs yet.
func (r *rig) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("power on for ")) && !r.began {
		r.began = true
		for i := 1; i <= 3 && r.err == nil; i++ {
			var text []byte
			path := filepath.Join(r.dir, fmt.Sprintf("node-%d", i), "fenced.yaml")
			if text, r.err = os.ReadFile(path); r.err == nil {
				more := "devices:\n  noise: {plugin: noise, kind: power}\n"
				all := strings.Replace(string(text), "devices:\n", more, 1) + "plugins: {bmc: {sha256: " + r.sum + "}}\n"
				r.err = os.WriteFile(path, []byte(all), 0o640)
			}
		}
	}
	return len(line), nil
}

// address is where the cluster port of a node is.
func (r *rig) address(t *testing.T, node int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "node-1", "fenced.yaml"))
	must(t, err)
	found := regexp.MustCompile(`(?m)^    address: "(.*)"$`).FindAllStringSubmatch(string(text), -1)
	if len(found) < node {
		t.Fatalf("no address of node %d in %s", node, text)
	}
	return found[node-1][1]
}

// daemon is the process id of a node's daemon.
func (r *rig) daemon(t *testing.T, node int) int {
	t.Helper()
	for pid, args := range processes(t) {
		if len(args) > 3 && filepath.Base(args[0]) == "fenced" && args[3] == filepath.Join(r.dir, r.Node(node).Name, "fenced.yaml") {
			return pid
		}
	}
	t.Fatalf("the daemon of node %d does not run", node)
	return 0
}

// running are the processes of this cluster's bmc plugins.
func (r *rig) running(t *testing.T) []int {
	t.Helper()
	var pids []int
	for pid, args := range processes(t) {
		if args[0] == r.bmcPlugin() {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

func processes(t *testing.T) map[int][]string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	all := map[int][]string{}
	for _, path := range paths {
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			all[pid] = strings.Split(string(b), "\x00")
		}
	}
	return all
}

// calm does something and then asks everybody: the same view, nobody suspected, everybody quorate, every daemon the one that it was. It
// returns what node-1 logged meanwhile.
func (r *rig) calm(ctx context.Context, t *testing.T, f func()) string {
	t.Helper()
	epochs, pids, seen := map[int]uint64{}, map[int]int{}, map[int]int{}
	for _, n := range r.Nodes() {
		s, err := n.Client().Status(ctx)
		must(t, err)
		epochs[n.Index], pids[n.Index], seen[n.Index] = s.Epoch, r.daemon(t, n.Index), len(r.Events(n.Index))
	}
	before, err := os.ReadFile(r.Node(1).LogPath())
	must(t, err)
	f()
	// That nothing happens has no event: a node that was not heard would be suspected within a failure_timeout, and a view follows at once.
	quiet := time.NewTimer(patience(failureTimeout + 500*time.Millisecond))
	defer quiet.Stop()
	select {
	case <-quiet.C:
	case <-ctx.Done():
		t.Fatal("there was no time to look")
	}
	for _, n := range r.Nodes() {
		s, err := n.Client().Status(ctx)
		must(t, err)
		if s.Epoch != epochs[n.Index] || !s.Quorate || s.Frozen || r.daemon(t, n.Index) != pids[n.Index] {
			t.Errorf("%s: epoch %d, it was %d; quorate %v, frozen %v; daemon %d, it was %d", n.Name, s.Epoch, epochs[n.Index], s.Quorate, s.Frozen,
				r.daemon(t, n.Index), pids[n.Index])
		}
		for _, e := range r.Events(n.Index)[seen[n.Index]:] {
			if slices.Contains([]string{client.EventView, client.EventSuspect, client.EventVictim, client.EventFrozen}, e.Event.Event) {
				t.Errorf("%s says %+v", n.Name, e.Event)
			}
		}
	}
	after, err := os.ReadFile(r.Node(1).LogPath())
	must(t, err)
	return string(after[len(before):])
}

// refusals checks that a log has this many `refused` lines. What the log of the cluster refuses came through no port: two members may have
// begun the same comparison.
func refusals(t *testing.T, log string, least, most int) {
	t.Helper()
	n := 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, " msg=refused ") && !strings.Contains(line, "plugin=noise") && !strings.Contains(line, "entry rejected") { // the noise goes on all the time
			n++
		}
	}
	t.Logf("%d refused lines", n)
	if n < least || n > most {
		t.Errorf("%d refused lines, want %d to %d:\n%.4000s", n, least, most, log)
	}
}

// noise is a mebibyte of it.
func noise() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.Read(b) // never fails
	return b
}
