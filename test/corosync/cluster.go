package corosync

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Options of a cluster.
type Options struct {
	Nodes int
	// Token is corosync's token timeout, coefficient 0; default 300 ms, multiplied by FENCED_TEST_SLOW.
	Token time.Duration
	// Quorum are more lines of the section quorum; NoProvider leaves that section out.
	Quorum     string
	NoProvider bool
}

// Cluster is some machines with corosync installed; none of it runs before Node.Start.
type Cluster struct {
	t     testing.TB
	dir   string
	opt   Options
	hub   *space
	nodes []*Node
}

// Missing says why corosync cannot run here, "" if it can.
func Missing() string {
	if os.Getuid() != 0 {
		return "needs root"
	}
	for _, p := range []struct{ program, pkg string }{{"ip", "iproute2"}, {"corosync", "corosync"}} {
		if _, err := exec.LookPath(p.program); err != nil {
			return "needs " + p.pkg
		}
	}
	return ""
}

// Slow multiplies a duration by FENCED_TEST_SLOW.
func Slow(d time.Duration) time.Duration {
	f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64)
	if err != nil || f < 1 {
		f = 1
	}
	return time.Duration(float64(d) * f)
}

// New makes the namespaces of a cluster and takes them away with the test. It skips by name where corosync cannot run; where CI demands everything
// that is a failure.
func New(t testing.TB, opt Options) *Cluster {
	t.Helper()
	if why := Missing(); why != "" {
		if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
			t.Fatalf("SKIP %s: %s (and FENCED_TEST_REQUIRE=all)", t.Name(), why)
		}
		t.Skipf("SKIP %s: %s", t.Name(), why)
	}
	if opt.Token == 0 {
		opt.Token = Slow(300 * time.Millisecond)
	}
	c := &Cluster{t: t, dir: t.TempDir(), opt: opt}
	t.Cleanup(c.close)
	hub, err := newSpace()
	must(t, err)
	c.hub = hub
	must(t, hub.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0"))
	must(t, hub.ip("link", "set", "br0", "up"))
	for i := 1; i <= opt.Nodes; i++ {
		n := &Node{c: c, ID: uint32(i)}
		c.nodes = append(c.nodes, n)
		must(t, n.build())
	}
	must(t, os.WriteFile(c.conf(), []byte(c.config()), 0o600))
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Node is node i, counted from one.
func (c *Cluster) Node(i int) *Node { return c.nodes[i-1] }

// Nodes are all of them.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Start starts corosync on nodes, all where none are named.
func (c *Cluster) Start(nodes ...*Node) {
	c.t.Helper()
	if len(nodes) == 0 {
		nodes = c.nodes
	}
	for _, n := range nodes {
		n.Start()
	}
}

// Cut drops everything between two nodes, both ways.
func (c *Cluster) Cut(a, b int) { c.Mute(a, b); c.Mute(b, a) }

// Mute drops what one node sends to another: it goes to a link address that nobody has, and the sender sees no error.
func (c *Cluster) Mute(from, to int) {
	c.t.Helper()
	must(c.t, c.Node(from).space.ip("neigh", "replace", c.Node(to).Address(), "dev", device, "lladdr", "02:00:00:00:00:00", "nud", "permanent"))
	c.Node(from).muted[c.Node(to)] = true
}

// Heal ends all cuts.
func (c *Cluster) Heal() {
	c.t.Helper()
	for _, n := range c.nodes {
		for to := range n.muted {
			must(c.t, n.space.ip("neigh", "del", to.Address(), "dev", device))
		}
		clear(n.muted)
	}
}

func (c *Cluster) conf() string { return filepath.Join(c.dir, "corosync.conf") }

// config is corosync.conf, the same on all nodes.
func (c *Cluster) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, `totem {
  version: 2
  cluster_name: %s
  transport: knet
  token: %d
  token_coefficient: 0
  crypto_cipher: none
  crypto_hash: none
  interface {
    linknumber: 0
    knet_ping_interval: %d
    knet_ping_timeout: %d
  }
}
nodelist {
`, clusterName, c.opt.Token.Milliseconds(), max(50, c.opt.Token.Milliseconds()/4), max(100, c.opt.Token.Milliseconds()/2))
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "  node {\n    ring0_addr: %s\n    name: %s\n    nodeid: %d\n  }\n", n.Address(), n.Name(), n.ID)
	}
	b.WriteString("}\n")
	if !c.opt.NoProvider {
		fmt.Fprintf(&b, "quorum {\n  provider: corosync_votequorum\n%s}\n", c.opt.Quorum)
	}
	b.WriteString("logging {\n  to_stderr: yes\n  to_syslog: no\n  timestamp: hires\n}\n")
	return b.String()
}

const clusterName = "fenced-test"

// close ends everything; a test that failed shows what the corosyncs said last.
func (c *Cluster) close() {
	for _, n := range c.nodes {
		n.end()
		if c.t.Failed() {
			n.show()
		}
	}
	if c.hub != nil {
		c.hub.close()
	}
}
