package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/pdu"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/plugintest"
	"github.com/fenced-project/fenced/test/harness"
)

// conforms runs the built plugin under the real host through every case of `fenced plugin test`. Each must pass but for identity: an outlet
// has none.
func conforms(t *testing.T, o plugintest.Options) {
	t.Helper()
	o.Path, o.Target, o.AllowPower, o.Slow = harness.Plugin(t, "pdu"), "1", true, 4
	must(t, plugintest.Run(harness.Within(t, 300*time.Second), o, func(c plugintest.Case) {
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome != plugintest.Pass && c.Name != "identity" {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}))
}

// nobody is a port on which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer c.Close()
	return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	a := start(t, "apc-rpdu", nil)
	port := func(knobs string) map[string]string {
		b := start(t, "apc-rpdu", func(c *pdu.Config) {
			k, err := pdu.ParseKnobs(knobs)
			must(t, err)
			c.Knobs = k
		})
		return map[string]string{"port": strconv.Itoa(b.Addr().Port)}
	}
	conforms(t, plugintest.Options{
		Device:   map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(a.Addr().Port), "version": "2c"},
		Secrets:  map[string]host.Secret{"community": host.NewSecret("private")},
		SetState: func(_ context.Context, s string) error { a.Switch(1, s == "on"); return nil },
		Knobs: map[string]map[string]string{
			"timeout": port("hang"), "lie": port("ignore"), "refused": port("wrong-identity"), "unreachable": {"port": nobody(t)},
		},
	})
}

// TestConformanceSNMPD is the same against net-snmp's agent, by version 3.
func TestConformanceSNMPD(t *testing.T) {
	t.Parallel()
	s := startSNMPD(t)
	secrets := map[string]host.Secret{}
	for name, v := range v3 {
		secrets[name] = host.NewSecret(v)
	}
	conforms(t, plugintest.Options{
		Device: s.options(), Secrets: secrets,
		SetState: func(_ context.Context, state string) error {
			return os.WriteFile(s.file, []byte(map[string]string{"on": "1\n", "off": "2\n"}[state]), 0o600)
		},
		Knobs: map[string]map[string]string{
			"auth": {"username": "nobody"}, "unreachable": {"port": nobody(t)}, "refused": {"family": "apc-masterswitch-plus"},
			"timeout": {"priv_protocol": "des"}, // what it cannot decrypt it does not answer
		},
	})
}
