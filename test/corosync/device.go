package corosync

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// arbiter is where a quorum device's server is reached from every node.
const arbiter = "10.209.0.254"

// DeviceLines are a section quorum with a device that has one vote: of two halves it gives that to the one with the lowest node. Its times are
// multiplied as corosync's are: a device that misses them on a starved machine connects for ever and never votes.
func DeviceLines() string {
	return fmt.Sprintf(`  device {
    model: net
    votes: 1
    timeout: %d
    sync_timeout: %d
    net {
      host: %s
      algorithm: ffsplit
      tie_breaker: lowest
      tls: off
      connect_timeout: %d
    }
  }
`, Slow(2*time.Second).Milliseconds(), Slow(3*time.Second).Milliseconds(), arbiter, Slow(time.Second).Milliseconds())
}

// DeviceMissing says why no quorum device can run here, "" if it can.
func DeviceMissing() string {
	for _, p := range []string{"corosync-qnetd", "corosync-qdevice"} {
		if _, err := exec.LookPath(p); err != nil {
			return "needs " + p
		}
	}
	return ""
}

// StartArbiter starts the server of the cluster's quorum device, on a machine of its own.
func (c *Cluster) StartArbiter() {
	c.t.Helper()
	must(c.t, c.hub.ip("addr", "add", arbiter+"/24", "dev", "br0"))
	c.daemon(c.hub, "arbiter", "corosync-qnetd", "-f", "-s", "off")
}

// StartDevice starts this node's part of the quorum device; its corosync runs.
func (n *Node) StartDevice() {
	n.c.t.Helper()
	n.c.daemon(n.space, n.Name()+"-device", "corosync-qdevice", "-f")
}

// daemon runs a program in a space until the test ends.
func (c *Cluster) daemon(in *space, name, program string, args ...string) {
	c.t.Helper()
	must(c.t, in.do(func() error { return os.MkdirAll(filepath.Join("/run", program), 0o755) }))
	path := filepath.Join(c.dir, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(c.t, err)
	defer log.Close()
	cmd, err := in.start(log, program, args...)
	must(c.t, err)
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b, err := os.ReadFile(path); err == nil && c.t.Failed() {
			c.t.Logf("%s, ended by %s:\n%s", name, cmd.ProcessState, b)
		}
	})
}
