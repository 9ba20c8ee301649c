package playground

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
)

// clusterName is the cluster's name in every configuration file.
const clusterName = "playground"

// writeFiles makes the cluster's directory: authkey, and for each node its configuration, its fake system and what its power starts.
func (c *Cluster) writeFiles() error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if err := os.Mkdir(shortDir(c.owner), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("authkey"), []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("bmc-password"), []byte(bmcPassword+"\n"), 0o600); err != nil {
		return err
	}
	for _, b := range c.bmcs {
		if b.spec.Redfish {
			if err := b.certify(); err != nil {
				return err
			}
		}
	}
	for _, n := range c.nodes {
		if err := n.writeFiles(); err != nil {
			return fmt.Errorf("cannot prepare %s: %w", n.Name, err)
		}
	}
	return nil
}

func (n *Node) writeFiles() error {
	root := n.path("root")
	files := map[string]string{
		"sys/class/dmi/id/product_uuid":  n.uuid + "\n",
		"sys/class/dmi/id/board_serial":  fmt.Sprintf("FD%04d\n", n.Index),
		"sys/class/dmi/id/sys_vendor":    "fenced\n",
		"sys/class/dmi/id/product_name":  "playground machine\n",
		"sys/class/dmi/id/board_vendor":  "fenced\n",
		"sys/class/dmi/id/chassis_type":  "17\n",
		"proc/sys/kernel/random/boot_id": newUUID() + "\n", // power-on writes a new one
		"proc/sys/kernel/hostname":       n.Name + "\n",
	}
	for _, dir := range []string{"sys/kernel/dlm", "sys/fs/gfs2", "dev", "proc", "etc", "run"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{n.path("state"), n.runDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if f := n.cluster.opt.Disks; f != nil {
		if d := f(n.Index); d != nil {
			if err := n.makeDisk(*d); err != nil {
				return fmt.Errorf("cannot make its disk: %w", err)
			}
		}
	}
	if n.cluster.opt.Corosync != nil {
		if err := n.installCorosync(); err != nil {
			return err
		}
	}
	if err := os.Symlink(n.runDir(), n.path("run")); err != nil { // power off wipes what is in it
		return err
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if n.Witness() {
		if err := n.exportWitness(); err != nil {
			return err
		}
	} else if err := os.WriteFile(n.path("fenced.yaml"), []byte(n.cluster.config(n)), 0o640); err != nil {
		return err
	}
	return writeJSON(n.path("start"), n.start())
}

// exportWitness writes the witness's file as an administrator would, on the first node.
func (n *Node) exportWitness() error {
	first := n.cluster.Node(1)
	cmd := exec.Command(n.cluster.opt.fenced(), "witness", "export", n.Name, n.path("witness.yaml"), "--config", first.path("fenced.yaml"), "--system-root", first.path("root"))
	cmd.Env = append(os.Environ(), "FENCED_CONFIG=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot export the witness: %w: %s", err, out)
	}
	return nil
}

// start is what power starts on this machine.
func (n *Node) start() machine.Start {
	o := n.cluster.opt
	if n.build != "" {
		o.Build = n.build
	}
	name := n.Name
	if n.poses != "" {
		name = n.poses
	}
	run := []string{"run", "--config", n.path("fenced.yaml"), "--plugin-dir", o.plugins(), "--node", name}
	if n.Witness() {
		run = []string{"witness", "run", "--config", n.path("witness.yaml"), "--log-level", "debug"}
	}
	s := machine.Start{
		// `power` marks what it starts with FENCED_DEV_MACHINE, and `fenced run` refuses every FENCED_* that it does not know.
		Argv: slices.Concat([]string{"env", "-u", "FENCED_DEV_MACHINE", o.fenced()}, run,
			[]string{"--system-root", n.path("root"), "--state-dir", n.path("state"), "--run-dir", n.runDir()}),
		Env: append([]string{tagEnv + "=" + n.cluster.owner.String(), "HOME=" + n.runDir(), "TMPDIR=" + n.runDir()}, o.Env...),
		Log: n.path("log"),
	}
	if w := n.cluster.net; w.spaces != nil {
		s.Netns = w.spaces.node(n.Index)
	}
	if o.Corosync != nil {
		n.besideCorosync(&s)
	}
	return s
}

// config is the configuration file of node n. All nodes get the same but for `node:`.
func (c *Cluster) config(n *Node) string {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	ft := c.opt.FailureTimeout.Milliseconds()
	w("# Made by fenced dev. Everything in it is simulated.")
	w("cluster: %s", clusterName)
	w("node: %s", n.Name)
	w("authkey: %s", c.path("authkey"))
	if c.opt.Corosync != nil {
		w("membership: {provider: corosync}")
	} else {
		w("membership: {provider: embedded}")
	}
	w("timings: {failure_timeout: %dms, ping_interval: %dms, lease: %dms, post_join_delay: %dms, post_fail_delay: %dms, stagger: 200ms}", ft, max(ft/10, 20), 2*ft,
		c.opt.PostJoinDelay.Milliseconds(), c.opt.PostFailDelay.Milliseconds())
	var policy []string
	if c.opt.IdleStateless {
		policy = append(policy, "idle_stateless: true")
	}
	if c.opt.OnResidual != "" {
		policy = append(policy, "on_residual: "+c.opt.OnResidual)
	}
	if len(policy) > 0 {
		w("policy: {%s}", strings.Join(policy, ", "))
	}
	w("api: {group: %q}", ownGroup())
	w("log: {level: debug, format: text}")
	w("nodes:")
	for _, m := range c.first() {
		w("  %s:", m.Name)
		if c.opt.Corosync == nil || !c.opt.Corosync.Nodelist {
			w("    id: %d", m.Index)
			w("    address: %q", c.net.nodeAddress(m.Index))
		}
		if m.Witness() {
			w("    role: witness")
			continue
		}
		if ports := m.ports(); len(ports) > 0 {
			w("    shared: [%s]", "san-"+m.Name)
		}
		w("    levels:")
		for _, level := range m.levels() {
			w("      - [%s]", strings.Join(level, ", "))
		}
	}
	shared := false
	for _, m := range c.first() {
		if ports := m.ports(); len(ports) > 0 {
			if !shared {
				w("shared:")
			}
			shared = true
			w("  san-%s: {cut_by: [[%s]]}", m.Name, strings.Join(ports, ", "))
		}
	}
	w("devices:")
	for _, m := range c.bmcs {
		if !m.node.Witness() && !m.node.spare() {
			m.config(w)
		}
	}
	return b.String()
}

// ownGroup is the group that may act on the daemons' sockets: that of whoever runs the playground.
func ownGroup() string {
	if g, err := user.LookupGroupId(strconv.Itoa(os.Getgid())); err == nil {
		return g.Name
	}
	return "root"
}

// newUUID returns a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
