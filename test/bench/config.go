package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

const clusterName = "bench"

// The devices of every configuration: one that works and one that refuses every call.
const (
	goodDevice = "good"
	deadDevice = "dead"
)

// config is the configuration file of a node; all of them are the same but for `node:`.
func (c *cluster) config(self string) string {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	postJoin := "20s"
	if len(c.spares) > 0 {
		postJoin = "24h" // spares never come, and must not be fenced for it
	}
	w("cluster: %s", clusterName)
	w("node: %s", self)
	w("authkey: %s", filepath.Join(c.dir, "authkey"))
	w("membership: {provider: embedded}")
	w("timings: {failure_timeout: %dms, ping_interval: %dms, post_join_delay: %s}", failureTimeout.Milliseconds(), pingInterval.Milliseconds(), postJoin)
	w("api: {group: %q}", ownGroup())
	w("nodes:")
	for i := 1; i <= size; i++ {
		c.nodeConfig(w, i, fmt.Sprintf("node-%d", i), 1, []string{goodDevice})
	}
	for i, s := range c.spares {
		c.nodeConfig(w, size+1+i, s.name, 0, s.levels)
	}
	w("devices:")
	for _, d := range []struct{ name, knob string }{{goodDevice, "none"}, {deadDevice, "fail"}} {
		if d.name == deadDevice && len(c.spares) == 0 {
			continue
		}
		w("  %s: {plugin: dummy, dir: %s, knob: %s, settle: %dms, effect: 1s, attempts: 1}", d.name, c.devices(), d.knob, settle.Milliseconds())
	}
	return b.String()
}

func (c *cluster) nodeConfig(w func(string, ...any), id int, name string, votes int, levels []string) {
	w("  %s:", name)
	w("    id: %d", id)
	w("    address: %q", c.address(id))
	w("    votes: %d", votes)
	w("    machine: {uuid: %s}", c.uuids[name])
	w("    levels:")
	for _, l := range levels {
		w("      - [{device: %s, target: %s}]", l, name)
	}
}

// address gives every node of every run of this program an address of its own on the loopback, so that one port does for all.
func (c *cluster) address(id int) string {
	return fmt.Sprintf("127.%d.%d.%d:7400", 100+os.Getpid()/250%100, c.net, id)
}

// ownGroup is the group that may act on the daemons' sockets: that of whoever measures.
func ownGroup() string {
	if g, err := user.LookupGroupId(strconv.Itoa(os.Getgid())); err == nil {
		return g.Name
	}
	return "root"
}

// files makes the node's directories, its fake system and its configuration.
func (n *node) files() error {
	text := map[string]string{
		"sys/class/dmi/id/product_uuid": n.cluster.uuids[n.name],
		"sys/class/dmi/id/board_serial": fmt.Sprintf("FB%04d", n.id),
		"sys/class/dmi/id/sys_vendor":   "fenced",
		"sys/class/dmi/id/product_name": "bench machine",
		"sys/class/dmi/id/board_vendor": "fenced",
		"sys/class/dmi/id/chassis_type": "17",
		"proc/sys/kernel/hostname":      n.name,
	}
	for _, d := range []string{"root/sys/kernel/dlm", "root/sys/fs/gfs2", "root/dev", "root/etc", "root/run", "root/proc/sys/kernel/random", "root/sys/class/dmi/id", "state"} {
		if err := os.MkdirAll(filepath.Join(n.dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(n.run, 0o700); err != nil {
		return err
	}
	for name, t := range text {
		if err := os.WriteFile(filepath.Join(n.dir, "root", name), []byte(t+"\n"), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(n.dir, "fenced.yaml"), []byte(n.cluster.config(n.name)), 0o640)
}
