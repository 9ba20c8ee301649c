package corosync

import (
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/membership"
)

func TestBadConfigurationsAreRefused(t *testing.T) {
	good := Config{Self: membership.Self{Node: 1, Boot: "b", Instance: "i"}, Cluster: "c", StateDir: t.TempDir()}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no cluster":    {func(c *Config) { c.Cluster = "" }, "cluster's name"},
		"long cluster":  {func(c *Config) { c.Cluster = strings.Repeat("c", maxCluster+1) }, "cluster's name"},
		"no directory":  {func(c *Config) { c.StateDir = "" }, "state directory"},
		"no node":       {func(c *Config) { c.Self.Node = 0 }, "node id"},
		"no instance":   {func(c *Config) { c.Self.Instance = "" }, "instance"},
		"slow pings":    {func(c *Config) { c.Ping, c.FailureTimeout = time.Second, 3*time.Second }, "four times"},
		"several wrong": {func(c *Config) { c.Cluster, c.StateDir = "", "" }, "state directory"},
	} {
		c := good
		tt.change(&c)
		if p, err := Open(c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
			if p != nil {
				_ = p.Close()
			}
		}
	}
}
