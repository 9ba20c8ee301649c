package playground

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
)

// Node is one machine of a cluster with the daemon that runs on it.
type Node struct {
	cluster *Cluster
	// Index is its node id, from 1; Name is node-INDEX.
	Index  int
	Name   string
	uuid   string
	bmcs   []*BMC
	build  string // another than the cluster's, "" for that
	poses  string // the node that it is a clone of (Clone)
	client *client.Client
}

// Witness reports whether it only votes.
func (n *Node) Witness() bool { return n.cluster.opt.Witness && n.Index == n.cluster.opt.Nodes }

// Client speaks to its daemon, over all its lives.
func (n *Node) Client() *client.Client { return n.client }

// statusTime bounds one question for a status: a frozen daemon accepts connections and says nothing.
const statusTime = time.Second

// notYet says why this node does not show the named node in a state with a life (any life if ""), "" if it does.
func (n *Node) notYet(ctx context.Context, name, state, life string) string {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	s, err := n.client.Status(ctx)
	if err != nil {
		return fmt.Sprintf("%s does not answer: %v", n.Name, err)
	}
	for _, m := range s.Nodes {
		if m.Name != name {
			continue
		}
		if m.State != state || (life != "" && m.BootID != life) {
			return fmt.Sprintf("%s shows %s as %s, life %.8s, and not as %s, life %.8s", n.Name, name, m.State, m.BootID, state, life)
		}
		return ""
	}
	return fmt.Sprintf("%s does not know %s", n.Name, name)
}

// Socket is the path of its API socket; it can be reached from every namespace.
func (n *Node) Socket() string { return filepath.Join(n.runDir(), "fenced.sock") }

// runDir is its run directory; NODEDIR/run leads there.
func (n *Node) runDir() string {
	return filepath.Join(shortDir(n.cluster.owner), strconv.Itoa(n.Index))
}

// LogPath is where its daemon's output goes, over all its lives.
func (n *Node) LogPath() string { return n.path("log") }

// BootID is the boot id of its present or last life.
func (n *Node) BootID() string {
	r, err := n.report()
	if err != nil {
		return ""
	}
	return r.BootID
}

// PID is its daemon's process, 0 where none runs.
func (n *Node) PID() int {
	r, err := n.report()
	if err != nil || !r.Running {
		return 0
	}
	return r.Pid
}

// PowerOn reports whether the machine has power: the truth, not what a BMC says.
func (n *Node) PowerOn() bool {
	r, err := n.report()
	return err == nil && r.Power == machine.On
}

func (n *Node) report() (machine.Report, error) {
	m, err := machine.New(n.path())
	if err != nil {
		return machine.Report{}, err
	}
	return m.Status()
}

// Kill ends everything that runs on the machine at once, as a crash of its kernel would: no process says goodbye, power stays on.
func (n *Node) Kill() error {
	if err := n.signal(unix.SIGKILL); err != nil {
		return err
	}
	deadline := time.Now().Add(5 * time.Second) // one that hangs in the kernel is dead to everybody else
	for n.Running() && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Terminate tells the daemon to end as systemd does: SIGTERM to it alone.
func (n *Node) Terminate() error {
	r, err := n.report()
	if err == nil && !r.Running {
		err = errNotRunning
	}
	if err == nil {
		err = unix.Kill(r.Pid, unix.SIGTERM)
	}
	if err != nil {
		return fmt.Errorf("cannot end the daemon of %s: %w", n.Name, err)
	}
	return nil
}

// Restart begins the daemon again in the same life, if it does not run.
func (n *Node) Restart(ctx context.Context) error {
	m, err := machine.New(n.path())
	if err != nil {
		return err
	}
	return m.Restart(ctx)
}

// Install puts another build of the product on the machine: what starts from now on is of that one. What runs goes on as it is.
func (n *Node) Install(build string) error {
	n.build = build
	if err := writeJSON(n.path("start"), n.start()); err != nil {
		return fmt.Errorf("cannot install %s on %s: %w", build, n.Name, err)
	}
	return nil
}

// Running reports whether the daemon runs.
func (n *Node) Running() bool {
	r, err := n.report()
	return err == nil && r.Running
}

// Freeze stops everything that runs on the machine and returns when it stands still; Thaw lets it go on as if no time had passed.
func (n *Node) Freeze() error {
	deadline := time.Now().Add(2 * time.Second)
	for { // a process may have forked between the look and the signal, and a signal takes a moment
		if err := n.signal(unix.SIGSTOP); err != nil {
			return err
		}
		moving := slices.DeleteFunc(n.processes(), func(p process) bool { return p.stopped })
		if len(moving) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cannot freeze %s: %s", n.Name, describe(moving))
		}
		time.Sleep(time.Millisecond)
	}
}

// Thaw continues after Freeze.
func (n *Node) Thaw() error { return n.signal(unix.SIGCONT) }

// errNotRunning answers a signal to a machine on which nothing runs.
var errNotRunning = errors.New("nothing runs on it")

func (n *Node) signal(sig unix.Signal) error {
	r, err := n.report()
	if err == nil && !r.Running {
		err = errNotRunning
	}
	if err != nil {
		return fmt.Errorf("cannot signal %s: %w", n.Name, err)
	}
	for _, p := range n.processes() {
		if err := unix.Kill(p.pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("cannot signal process %d of %s: %w", p.pid, n.Name, err)
		}
	}
	return nil
}

// processes are the daemon and all that descends from it, and corosync.
func (n *Node) processes() []process {
	r, err := n.report()
	if err != nil || !r.Running {
		return nil
	}
	return family(processes(), func(p process) bool { return p.pid == r.Pid || n.isCorosync(p) })
}

// Cut takes the node off the cluster network; its BMC and its management link stay. Heal puts it back.
func (n *Node) Cut() error { return n.cut(clusterPlane, true) }

// Heal ends Cut.
func (n *Node) Heal() error { return n.cut(clusterPlane, false) }

// CutMgmt takes the node off the management network: it reaches no BMC. HealMgmt puts it back.
func (n *Node) CutMgmt() error { return n.cut(mgmtPlane, true) }

// HealMgmt ends CutMgmt.
func (n *Node) HealMgmt() error { return n.cut(mgmtPlane, false) }

func (n *Node) cut(p plane, down bool) error {
	if err := n.cluster.net.cut(n.Index, p, down); err != nil {
		return fmt.Errorf("cannot change the %s network of %s: %w", p.suffix, n.Name, err)
	}
	return nil
}

// Mute makes everything that the node sends to another one on the cluster network vanish, and nothing else: a bad link in one direction.
// What the other one sends still arrives. Unmute ends it.
func (n *Node) Mute(to *Node) error { return n.mute(to, true) }

// Unmute ends Mute.
func (n *Node) Unmute(to *Node) error { return n.mute(to, false) }

func (n *Node) mute(to *Node, on bool) error {
	if err := n.cluster.net.mute(n.Index, to.Index, on); err != nil {
		return fmt.Errorf("cannot change the way from %s to %s: %w", n.Name, to.Name, err)
	}
	return nil
}

// LosePower takes the power away as a failure of the mains does, and RegainPower gives it back: no BMC has a part in it or counts it.
func (n *Node) LosePower(ctx context.Context) error { return n.switchPower(ctx, "off") }

// RegainPower gives power to a machine that has none: a new life begins.
func (n *Node) RegainPower(ctx context.Context) error { return n.switchPower(ctx, "on") }

func (n *Node) path(elem ...string) string {
	return n.cluster.path(append([]string{n.Name}, elem...)...)
}

// ports are its devices that cut it off from what is shared: each node has its own way there.
func (n *Node) ports() (names []string) {
	for _, b := range n.bmcs {
		if b.spec.Port {
			names = append(names, b.Name)
		}
	}
	return names
}

// levels are the device names of its levels.
func (n *Node) levels() [][]string {
	if f := n.cluster.opt.Levels; f != nil {
		return f(n.Index)
	}
	var out [][]string
	for _, b := range n.bmcs {
		out = append(out, []string{b.step()})
	}
	return out
}

// awaitSocket waits until the daemon has made its socket, or has died.
func (n *Node) awaitSocket(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := os.Stat(n.Socket())
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if r, err := n.report(); err == nil && r.Power == machine.On && !r.Running {
			return fmt.Errorf("the daemon of %s ended while it started", n.Name)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the daemon of %s made no socket: %w", n.Name, ctx.Err())
		case <-tick.C:
		}
	}
}
