package playground

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// spaceDir is where iproute2 keeps network namespaces.
const spaceDir = "/run/netns"

// ipTime bounds one call of ip: it only talks to the kernel.
const ipTime = 5 * time.Second

// NetnsMissing says why namespaces cannot be used here, "" if they can.
func NetnsMissing() string {
	if os.Getuid() != 0 {
		return "needs root"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return "needs iproute2 (ip)"
	}
	return ""
}

func ip(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), ipTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// spacesOf lists the namespaces of a cluster that exist now.
func spacesOf(o owner) []string {
	paths, _ := filepath.Glob(filepath.Join(spaceDir, o.String()+"-*"))
	names := make([]string, 0, len(paths))
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

func pidsIn(ns string) []int {
	out, err := ip("netns", "pids", ns)
	if err != nil {
		return nil
	}
	var pids []int
	for f := range strings.FieldsSeq(out) {
		if pid, err := strconv.Atoi(f); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// deleteSpace removes a namespace and, with it, every link in it. One that is gone already is no error.
func deleteSpace(ns string) error {
	if _, err := os.Lstat(filepath.Join(spaceDir, ns)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := ip("netns", "del", ns)
	if _, gone := os.Lstat(filepath.Join(spaceDir, ns)); errors.Is(gone, fs.ErrNotExist) {
		return nil
	}
	return err
}

func ownerOf(st fs.FileInfo) int {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

// plane is one of the two networks of a node.
type plane struct{ suffix, net string }

var (
	clusterPlane = plane{suffix: "net", net: "10.88.0"}  // membership, pings
	mgmtPlane    = plane{suffix: "mgmt", net: "10.89.0"} // BMCs
)

// link is the node's interface on a plane.
func (p plane) link() string { return "e-" + p.suffix }

// spaces is a cluster network made of namespaces: one for each node, one with the switch of the cluster network, one with the switch of
// the management network, where the BMCs live. Nothing is added to the machine's own namespace.
type spaces struct{ o owner }

func (s spaces) name(suffix string) string { return s.o.String() + "-" + suffix }
func (s spaces) node(i int) string         { return s.name("n" + strconv.Itoa(i)) }

// buildSpaces makes the network for n nodes and bmcs BMC addresses. On an error the caller sweeps.
func buildSpaces(o owner, n, bmcs int) (spaces, error) {
	s := spaces{o: o}
	for _, p := range []plane{clusterPlane, mgmtPlane} {
		hub := s.name(p.suffix)
		if err := run([][]string{
			{"netns", "add", hub},
			{"-n", hub, "link", "set", "lo", "up"},
			{"-n", hub, "link", "add", "br0", "type", "bridge"},
			{"-n", hub, "link", "set", "br0", "up"},
		}); err != nil {
			return s, err
		}
	}
	for i := 1; i <= n; i++ {
		ns := s.node(i)
		if err := run([][]string{{"netns", "add", ns}, {"-n", ns, "link", "set", "lo", "up"}}); err != nil {
			return s, err
		}
		for _, p := range []plane{clusterPlane, mgmtPlane} {
			hub, port := s.name(p.suffix), "p"+strconv.Itoa(i)
			if err := run([][]string{
				{"-n", hub, "link", "add", port, "type", "veth", "peer", "name", p.link(), "netns", ns},
				{"-n", hub, "link", "set", port, "master", "br0", "up"},
				{"-n", ns, "addr", "add", fmt.Sprintf("%s.%d/24", p.net, i), "dev", p.link()},
				{"-n", ns, "link", "set", p.link(), "up"},
			}); err != nil {
				return s, err
			}
		}
	}
	for k := range bmcs {
		if err := run([][]string{{"-n", s.name(mgmtPlane.suffix), "addr", "add", bmcHost(k) + "/24", "dev", "br0"}}); err != nil {
			return s, err
		}
	}
	return s, nil
}

// bmcHost is the management address of the k-th BMC, counted from zero.
func bmcHost(k int) string { return fmt.Sprintf("%s.%d", mgmtPlane.net, 100+k) }

func run(calls [][]string) error {
	for _, c := range calls {
		if _, err := ip(c...); err != nil {
			return err
		}
	}
	return nil
}

// cut takes the switch port of node i down on a plane, or up again: what pulling the cable at the switch does.
func (s spaces) cut(i int, p plane, down bool) error {
	state := "up"
	if down {
		state = "down"
	}
	_, err := ip("-n", s.name(p.suffix), "link", "set", "p"+strconv.Itoa(i), state)
	return err
}

// nobody is a link address that no interface has.
const nobody = "02:00:00:00:00:00"

// mute sends what node i has for node to, to a link address that nobody has, or ends that: it vanishes on the way, and i sees no error.
func (s spaces) mute(i, to int, on bool) error {
	args := []string{"-n", s.node(i), "neigh", "del", fmt.Sprintf("%s.%d", clusterPlane.net, to), "dev", clusterPlane.link()}
	if on {
		args[3] = "replace"
		args = append(args, "lladdr", nobody, "nud", "permanent")
	}
	_, err := ip(args...)
	return err
}
