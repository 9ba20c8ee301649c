package main

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/plugintest"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// TestConformance runs the built plugin under the real host through every case of `fenced plugin test`, against BMCs that misbehave.
func TestConformance(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fenced-plugin-bmc")
	if out, err := exec.CommandContext(within(t, 120), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
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
	if err := plugintest.Run(within(t, 60), plugintest.Options{
		Path:       path,
		Device:     map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(b.Addr().Port), "username": testUser},
		Secrets:    map[string]host.Secret{"password": host.NewSecret(testPassword)},
		AllowPower: true,
		SetState:   func(ctx context.Context, state string) error { return b.power.Set(ctx, state == "on") },
		Knobs: map[string]map[string]string{
			"limbo": port("limbo"), "refused": {"port": strconv.Itoa(other.Addr().Port)}, "timeout": port("hang"), "lie": port("ignore"),
			"auth": {"username": "nobody"}, "unreachable": {"port": strconv.Itoa(nobody)},
		},
	}, func(c plugintest.Case) {
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome != plugintest.Pass && c.Name != "no such target" { // a BMC has one; device_test.go refuses targets
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
