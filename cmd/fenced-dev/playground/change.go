package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// What an administrator does to a cluster's configuration while it runs.

func (n *Node) spare() bool { return n.Index > n.cluster.opt.Nodes-n.cluster.opt.Spare }

// Run runs a command of the product on this node, `fenced ARGS…`, as its administrator would, and returns what it wrote and its exit code.
func (n *Node) Run(ctx context.Context, args ...string) (out string, code int, err error) {
	args = append(slices.Clone(args), "--socket", n.Socket())
	if args[0] == "node" && args[1] != "replace" { // these read the file, and may not see what else this machine has installed
		args = append(args, "--system-root", n.path("root"))
	}
	cmd := exec.CommandContext(ctx, n.cluster.opt.fenced(), args...)
	cmd.Env = append(os.Environ(), "FENCED_CONFIG="+n.path("fenced.yaml"), "FENCED_NODE="+n.Name, tagEnv+"="+n.cluster.owner.String())
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(b), exit.ExitCode(), nil
	}
	return string(b), 0, err
}

// Device is the word for `fenced node add --device` that makes a device of this BMC, and Address where this node is reached.
func (b *BMC) Device() string {
	var lines []string
	b.config(func(format string, args ...any) {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf(format, args...)))
	})
	out := b.Name
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ": ")
		out += "," + k + "=" + strings.Trim(v, `"`)
	}
	return out
}

// Address is host:port of the node's membership.
func (n *Node) Address() string { return n.cluster.net.nodeAddress(n.Index) }

// CopyConfig copies this node's configuration, conf.d included, to others. Each keeps its own name, which its command line says.
func (n *Node) CopyConfig(to ...*Node) error {
	for _, o := range to {
		if err := os.RemoveAll(o.path("conf.d")); err != nil {
			return err
		}
		files, err := filepath.Glob(n.path("conf.d", "*.yaml"))
		if err != nil {
			return err
		}
		for _, f := range append(files, n.path("fenced.yaml")) {
			rel, err := filepath.Rel(n.path(), f)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(o.path(rel)), 0o750); err != nil {
				return err
			}
			if err := os.WriteFile(o.path(rel)+".new", text, 0o640); err != nil {
				return err
			}
			if err := os.Rename(o.path(rel)+".new", o.path(rel)); err != nil {
				return err
			}
		}
	}
	return nil
}

// NewBoard gives the machine another SMBIOS identity and an empty disk, as a replaced machine has; it must have no power. It returns the
// identity; a board that is named is put back.
func (n *Node) NewBoard(uuid string) (string, error) {
	if n.PowerOn() {
		return "", fmt.Errorf("%s has power", n.Name)
	}
	if uuid == "" {
		uuid = newUUID()
	}
	err := os.WriteFile(n.path("root", "sys/class/dmi/id/product_uuid"), []byte(uuid+"\n"), 0o644)
	err = errors.Join(err, os.WriteFile(n.path("root", "sys/class/dmi/id/board_serial"), []byte("FD"+uuid[:8]+"\n"), 0o644))
	err = errors.Join(err, os.RemoveAll(n.path("state")), os.MkdirAll(n.path("state"), 0o700))
	return uuid, err
}

// Board is the identity that the machine was built with.
func (n *Node) Board() string { return n.uuid }

// Clone makes this machine, which has no power, a clone of another that runs: its disk, as it was at one instant, its board and its
// configuration. From its next start on its daemon calls itself by that one's name and listens at address, host:port.
func (n *Node) Clone(of *Node, name, address string) error {
	if n.PowerOn() {
		return fmt.Errorf("%s has power", n.Name)
	}
	if err := os.RemoveAll(n.path("state")); err != nil {
		return err
	}
	if err := of.Freeze(); err != nil {
		return err
	}
	err := os.CopyFS(n.path("state"), os.DirFS(of.path("state")))
	if err := errors.Join(err, of.Thaw(), os.Chmod(n.path("state"), 0o700), of.CopyConfig(n)); err != nil {
		return err
	}
	for _, id := range []string{"product_uuid", "board_serial"} {
		b, err := os.ReadFile(of.path("root", "sys/class/dmi/id", id))
		if err == nil {
			err = os.WriteFile(n.path("root", "sys/class/dmi/id", id), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if err := os.MkdirAll(n.path("conf.d"), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(n.path("conf.d", "clone.yaml"), fmt.Appendf(nil, "membership: {listen: %q}\n", address), 0o640); err != nil {
		return err
	}
	n.poses = name
	return writeJSON(n.path("start"), n.start())
}

// TakeAddress gives the machine the address that another began with, which that one has dropped, and returns host:port there.
func (n *Node) TakeAddress(of *Node) (string, error) {
	_, err := ip("-n", n.cluster.net.spaces.node(n.Index), "addr", "add", fmt.Sprintf("%s.%d/24", clusterPlane.net, of.Index), "dev", clusterPlane.link())
	return n.cluster.net.nodeAddress(of.Index), err
}

// SecondAddress gives the machine another address on the cluster network, beside its own, and returns host:port there. DropAddress takes the
// first one away.
func (n *Node) SecondAddress() (string, error) {
	host := fmt.Sprintf("%s.%d", clusterPlane.net, 50+n.Index)
	_, err := ip("-n", n.cluster.net.spaces.node(n.Index), "addr", "add", host+"/24", "dev", clusterPlane.link())
	return fmt.Sprintf("%s:%d", host, memberPort), err
}

// DropAddress takes the address away that the machine began with; those that it got later stay.
func (n *Node) DropAddress() error {
	space, first := n.cluster.net.spaces.node(n.Index), fmt.Sprintf("%s.%d/24", clusterPlane.net, n.Index)
	_, err := ip("netns", "exec", space, "sysctl", "-qw", "net.ipv4.conf.all.promote_secondaries=1")
	if err != nil {
		return err
	}
	_, err = ip("-n", space, "addr", "del", first, "dev", clusterPlane.link())
	return err
}
