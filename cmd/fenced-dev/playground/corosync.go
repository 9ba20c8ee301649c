package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
)

// CorosyncSpec says what corosync the machines run.
type CorosyncSpec struct {
	// Token is its token timeout, with coefficient 0; 0 means 1 s.
	Token time.Duration
	// Quorum are more lines of the section quorum; NoProvider leaves the provider out.
	Quorum     string
	NoProvider bool
	// Nodelist leaves ids and addresses of the nodes out of fenced's configuration: corosync's nodelist has them.
	Nodelist bool
	// Late starts corosync when all daemons wait for it, and not with the power of a machine.
	Late bool
}

// CorosyncMissing says why corosync cannot be used here, "" if it can.
func CorosyncMissing() string {
	if why := NetnsMissing(); why != "" {
		return why
	}
	for _, p := range []struct{ program, pkg string }{{"corosync", "corosync"}, {"unshare", "util-linux"}} {
		if _, err := exec.LookPath(p.program); err != nil {
			return "needs " + p.pkg
		}
	}
	return ""
}

func (s *CorosyncSpec) fill(o *Options) error {
	if why := CorosyncMissing(); why != "" {
		return fmt.Errorf("corosync: %s", why)
	}
	if !o.Netns || o.Dir != "" || o.Witness {
		return errors.New("corosync needs namespaces, a temporary directory, and no witness")
	}
	if s.Token == 0 {
		s.Token = time.Second
	}
	return nil
}

// installCorosync makes what corosync needs of a machine: its configuration, its state, and the memory that it shares with its clients. That is a
// mount, taken away by whoever sweeps, as disks are.
func (n *Node) installCorosync() error {
	for _, dir := range []string{"shm", "corosync"} {
		if err := os.MkdirAll(n.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", n.path("shm"), "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("cannot mount its shared memory: %w", err)
	}
	return os.WriteFile(n.corosyncConf(), []byte(n.cluster.corosyncConfig()), 0o600)
}

func (n *Node) corosyncConf() string { return n.path("corosync.conf") }

// CorosyncLog is where its corosync's output goes.
func (n *Node) CorosyncLog() string { return n.path("corosync.log") }

// inShm runs a command line in a mount namespace of its own, with this machine's shared memory.
func (n *Node) inShm(mounts string, argv ...string) []string {
	return append([]string{"unshare", "-m", "sh", "-c", "mount --bind " + n.path("shm") + " /dev/shm && " + mounts + `exec "$@"`, "sh"}, argv...)
}

// besideCorosync lets the machine run corosync beside its daemon.
func (n *Node) besideCorosync(s *machine.Start) {
	s.Argv = n.inShm("", s.Argv...)
	s.Beside = append(s.Beside, machine.Program{
		Argv: n.inShm("mount -t tmpfs tmpfs /run && mount --bind "+n.path("corosync")+" /var/lib/corosync && ", "corosync", "-f", "-c", n.corosyncConf()),
		Log:  n.CorosyncLog(), Late: n.cluster.opt.Corosync.Late,
	})
}

// corosyncConfig is corosync.conf, the same on all nodes.
func (c *Cluster) corosyncConfig() string {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	spec, token := c.opt.Corosync, c.opt.Corosync.Token.Milliseconds()
	w("totem {\n  version: 2\n  cluster_name: %s\n  transport: knet\n  token: %d\n  token_coefficient: 0\n  crypto_cipher: none\n  crypto_hash: none", clusterName, token)
	w("  interface {\n    linknumber: 0\n    knet_ping_interval: %d\n    knet_ping_timeout: %d\n  }\n}", max(50, token/4), max(100, token/2))
	w("nodelist {")
	for _, n := range c.nodes {
		w("  node {\n    ring0_addr: %s.%d\n    name: %s\n    nodeid: %d\n  }", clusterPlane.net, n.Index, n.Name, n.Index)
	}
	w("}")
	if !spec.NoProvider {
		w("quorum {\n  provider: corosync_votequorum\n%s}", spec.Quorum)
	}
	w("logging {\n  to_stderr: yes\n  to_syslog: no\n  timestamp: hires\n}")
	return b.String()
}

// isCorosync reports whether a process is this machine's corosync: it has the machine's own file on its command line, and the cluster's mark.
func (n *Node) isCorosync(p process) bool {
	return n.cluster.opt.Corosync != nil && p.tag == n.cluster.owner.String() && p.cmdline == "corosync -f -c "+n.corosyncConf()
}

// corosync is the process, none where it does not run.
func (n *Node) corosync() (process, bool) {
	for _, p := range processes() {
		if n.isCorosync(p) && !p.dead {
			return p, true
		}
	}
	return process{}, false
}

// CorosyncRuns reports whether it does.
func (n *Node) CorosyncRuns() bool {
	_, ok := n.corosync()
	return ok
}

// StartCorosync starts it in the present life of the machine; it returns before it is in a ring.
func (n *Node) StartCorosync(ctx context.Context) error {
	if n.CorosyncRuns() {
		return fmt.Errorf("corosync runs on %s", n.Name)
	}
	m, err := machine.New(n.path())
	if err != nil {
		return err
	}
	return m.Begin(ctx, 0)
}

// startLate starts every corosync that was to be late, when its daemon says that it waits for it.
func (c *Cluster) startLate(ctx context.Context) error {
	if c.opt.Corosync == nil || !c.opt.Corosync.Late {
		return nil
	}
	for _, n := range c.first() {
		if err := c.Await(ctx, n.Name+" to wait for corosync", func() bool { return n.waitsFor(ctx, "corosync does not run on this node") }); err != nil {
			return err
		}
	}
	for _, n := range c.first() {
		if err := n.StartCorosync(ctx); err != nil {
			return err
		}
	}
	return nil
}

// waitsFor reports whether the node's status says that it waits for something that is said so.
func (n *Node) waitsFor(ctx context.Context, what string) bool {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	s, err := n.client.Status(ctx)
	if err != nil {
		return false
	}
	for _, w := range s.Waiting {
		if strings.Contains(w.What, what) {
			return true
		}
	}
	return false
}

// SignalCorosync sends a signal to corosync alone. After one that ends it (SIGKILL, SIGTERM) it returns when it is gone.
func (n *Node) SignalCorosync(ctx context.Context, sig unix.Signal) error {
	p, ok := n.corosync()
	if !ok {
		return fmt.Errorf("corosync does not run on %s", n.Name)
	}
	if err := unix.Kill(p.pid, sig); err != nil {
		return fmt.Errorf("cannot signal corosync on %s: %w", n.Name, err)
	}
	if sig != unix.SIGKILL && sig != unix.SIGTERM {
		return nil
	}
	for {
		if q, ok := n.corosync(); !ok || q.pid != p.pid {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("corosync on %s does not end: %w", n.Name, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// BesideCorosync runs a function where this machine's corosync can be reached by its libraries, on a thread that is used for nothing else, and
// returns its error.
func (n *Node) BesideCorosync(f func() error) error {
	p, ok := n.corosync()
	if !ok {
		return fmt.Errorf("corosync does not run on %s", n.Name)
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with this goroutine
		if err := enterSpaces(p.pid); err != nil {
			done <- fmt.Errorf("cannot enter the namespaces of %s: %w", n.Name, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// enterSpaces puts the calling thread into the network and the mounts of a process.
func enterSpaces(pid int) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	for _, space := range []struct {
		name string
		kind int
	}{{"net", unix.CLONE_NEWNET}, {"mnt", unix.CLONE_NEWNS}} {
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, space.name))
		if err != nil {
			return err
		}
		err = unix.Setns(int(f.Fd()), space.kind)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// SignalDaemon sends a signal to the daemon alone: its plugins and corosync go on.
func (n *Node) SignalDaemon(sig unix.Signal) error {
	r, err := n.report()
	if err == nil && !r.Running {
		err = errNotRunning
	}
	if err == nil {
		err = unix.Kill(r.Pid, sig)
	}
	if err != nil {
		return fmt.Errorf("cannot signal the daemon of %s: %w", n.Name, err)
	}
	return nil
}
