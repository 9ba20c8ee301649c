package main

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/plugintest"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// build is the plugin as the host runs it.
func build(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fenced-plugin-bmc")
	if out, err := exec.CommandContext(within(t, 120), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	return path
}

// judge fails the test for every case that did not pass, but for those that the device cannot have.
func judge(t *testing.T, without ...string) func(plugintest.Case) {
	return func(c plugintest.Case) {
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome != plugintest.Pass && !slices.Contains(without, c.Name) {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}
}

// TestConformanceRedfish is TestConformance with Redfish: the device has two systems, so it has targets. Not beside the other one: plugins are
// started in both, and a busy machine takes its time.
func TestConformanceRedfish(t *testing.T) {
	path := build(t)
	start := func(knobs string) redfishBMC {
		t.Helper()
		k, err := redfish.ParseKnobs(knobs)
		if err != nil {
			t.Fatal(err)
		}
		return startRedfish(t, func(c *redfish.Config) {
			c.Knobs = k
			c.Systems = append(c.Systems, redfish.System{ID: "other", UUID: testUUID[:35] + "0", Power: bmc.NewMemory(true)})
		})
	}
	odd := func(knobs string) map[string]string {
		b := start(knobs)
		if knobs == "limbo" {
			if err := b.device(t, nil).Do(within(t, 5), "437XR1138R2", sdk.ActionOff); err != nil {
				t.Fatal(err)
			}
		}
		return map[string]string{"port": strconv.Itoa(b.Addr().Port), "tls": "fingerprint " + b.Fingerprint()}
	}
	b, other := start(""), start("")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().(*net.TCPAddr).Port
	l.Close()
	if err := plugintest.Run(within(t, 300), plugintest.Options{
		Slow: 4,
		Path: path, Target: "437XR1138R2",
		Device: map[string]string{
			"driver": "redfish", "tls": "fingerprint " + b.Fingerprint(), "address": "127.0.0.1", "port": strconv.Itoa(b.Addr().Port), "username": testUser,
		},
		Secrets:    map[string]host.Secret{"password": host.NewSecret(testPassword)},
		AllowPower: true,
		SetState:   func(ctx context.Context, state string) error { return b.power.Set(ctx, state == "on") },
		Knobs: map[string]map[string]string{
			"limbo": odd("limbo"), "timeout": odd("hang"), "lie": odd("ignore"), "auth": {"username": "nobody"},
			"refused": {"tls": "fingerprint " + other.Fingerprint()}, "unreachable": {"port": strconv.Itoa(nobody)},
		},
	}, judge(t)); err != nil {
		t.Fatal(err)
	}
	if c := b.Counts(); c.Open != 0 || c.Opened == 0 {
		t.Errorf("%d of %d sessions are open", c.Open, c.Opened)
	}
}

// TestConformance runs the built plugin under the real host through every case of `fenced plugin test`, against BMCs that misbehave.
func TestConformance(t *testing.T) {
	t.Parallel()
	path := build(t)
	port := func(knobs string) map[string]string {
		t.Helper()
		k, err := bmc.ParseKnobs(knobs)
		if err != nil {
			t.Fatal(err)
		}
		b := startBMC(t, func(c *bmc.Config) { c.Knobs = k })
		if k.Limbo { // into limbo with it
			if err := open(t, b.Addr(), nil).Do(within(t, 5), "", sdk.ActionOff); err != nil {
				t.Fatal(err)
			}
		}
		return map[string]string{"port": strconv.Itoa(b.Addr().Port)}
	}
	closed, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.LocalAddr().(*net.UDPAddr).Port
	closed.Close()
	other := startBMC(t, func(c *bmc.Config) { c.Suites = []int{17} })
	b := startBMC(t, nil)
	if err := plugintest.Run(within(t, 300), plugintest.Options{
		Slow:       4,
		Path:       path,
		Device:     map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(b.Addr().Port), "username": testUser},
		Secrets:    map[string]host.Secret{"password": host.NewSecret(testPassword)},
		AllowPower: true,
		SetState:   func(ctx context.Context, state string) error { return b.power.Set(ctx, state == "on") },
		Knobs: map[string]map[string]string{
			"limbo": port("limbo"), "refused": {"port": strconv.Itoa(other.Addr().Port)}, "timeout": port("hang"), "lie": port("ignore"),
			"auth": {"username": "nobody"}, "unreachable": {"port": strconv.Itoa(nobody)},
		},
	}, judge(t, "no such target")); err != nil { // a BMC has one; device_test.go refuses targets
		t.Fatal(err)
	}
}

// TestConformanceIPMISim is TestConformance against OpenIPMI's simulator, a BMC that is nobody's here. Not beside the others, as with Redfish.
func TestConformanceIPMISim(t *testing.T) {
	path := build(t)
	s := harness.StartIPMISim(t)
	awaitSim(t, open(t, s.Addr, map[string]string{"password": harness.SimPassword}))
	silent := startRelay(t, s.Addr)
	silent.fromBMC(func([]byte) [][]byte { return nil })
	closed, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.LocalAddr().(*net.UDPAddr).Port
	closed.Close()
	if err := plugintest.Run(within(t, 300), plugintest.Options{
		Slow:       4,
		Path:       path,
		Device:     map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(s.Addr.Port), "username": harness.SimUser},
		Secrets:    map[string]host.Secret{"password": host.NewSecret(harness.SimPassword)},
		AllowPower: true,
		SetState:   func(_ context.Context, state string) error { return s.Set(state == "on") },
		Knobs: map[string]map[string]string{
			"refused": {"cipher": "17"}, "timeout": {"port": strconv.Itoa(silent.addr().(*net.UDPAddr).Port)}, "auth": {"username": "nobody"},
			"unreachable": {"port": strconv.Itoa(nobody)},
		},
	}, judge(t, "no such target")); err != nil {
		t.Fatal(err)
	}
}
