package config

import (
	"fmt"
	"path"
	"time"

	"github.com/fenced-project/fenced/residual"
)

// Residual is what this node's scan looks at beside what it always does. It is local: another node may have other disks.
type Residual struct {
	// Devices are shared block devices, Directories and Commands what else counts as left over; all paths are absolute.
	Devices, Directories []string
	Commands             []residual.Command
	// ProbeMS bounds one probe, TotalMS a scan.
	ProbeMS, TotalMS int64
	// OnWithdraw is what becomes of this node when a cluster file system withdraws under it.
	OnWithdraw string
}

// The values of Residual.OnWithdraw.
const (
	WithdrawAttention = "attention"
	WithdrawSelfFence = "self-fence"
)

// Bounds of the section: each entry is looked at in every scan.
const (
	maxResidual       = 64
	maxArgs           = 32
	longestProbe      = 10 * time.Second
	longestScan       = 15 * time.Second // the daemon gives a scan up after 20 s
	defaultProbeTime  = 5 * time.Second
	defaultScanTime   = 10 * time.Second
	residualPathWants = "write a path that begins with a slash"
)

func (l *loader) residual() {
	r := mapAt(l.root.get("residual"), "residual", l.rep, "devices", "directories", "commands", "probe_timeout", "scan_timeout", "on_withdraw")
	c := &l.cfg.Residual
	c.Devices = l.paths(r, "devices")
	c.Directories = l.paths(r, "directories")
	c.ProbeMS = r.duration("probe_timeout", defaultProbeTime, longestProbe)
	c.TotalMS = r.duration("scan_timeout", defaultScanTime, longestScan)
	c.OnWithdraw = r.enum("on_withdraw", WithdrawAttention, WithdrawAttention, WithdrawSelfFence)
	for _, t := range []struct {
		name string
		ms   int64
	}{{"probe_timeout", c.ProbeMS}, {"scan_timeout", c.TotalMS}} {
		if t.ms < 100 {
			l.rep.at(r.key(t.name), "write 100ms or more", "residual.%s is too short for any machine that is busy", t.name)
		}
	}
	if c.TotalMS < c.ProbeMS {
		l.rep.at(r.key("scan_timeout"), "raise or lower one of the two", "residual.scan_timeout is shorter than residual.probe_timeout")
	}
	for i, n := range l.list(r, "commands") {
		l.residualCommand(n, sprintIndex("residual.commands", i))
	}
}

func (l *loader) residualCommand(n *node, where string) {
	r := mapAt(n, where, l.rep, "run", "reset")
	cmd := residual.Command{Reset: r.boolean("reset", false)}
	for _, arg := range l.list(r, "run") {
		if arg.kind != scalar {
			l.rep.at(arg, "write words", "%s.run must be a list of words, not %s", where, arg.kind)
			return
		}
		cmd.Argv = append(cmd.Argv, arg.value)
	}
	switch {
	case len(cmd.Argv) == 0:
		l.rep.at(r.key("run"), "write `run: [/path/to/program, argument]`", "%s runs nothing", where)
	case len(cmd.Argv) > maxArgs:
		l.rep.at(r.key("run"), "write a script", "%s.run has more than %d words", where, maxArgs)
	case !path.IsAbs(cmd.Argv[0]):
		l.rep.at(r.n.get("run"), residualPathWants, "%s.run begins with %s, and no PATH is searched", where, quote(cmd.Argv[0]))
	default:
		l.cfg.Residual.Commands = append(l.cfg.Residual.Commands, cmd)
	}
}

// paths reads a list of absolute paths.
func (l *loader) paths(r reader, name string) []string {
	var out []string
	for i, n := range l.list(r, name) {
		if n.kind != scalar || !path.IsAbs(n.value) {
			l.rep.at(n, residualPathWants, "%s is not an absolute path", sprintIndex(r.sub(name), i))
			continue
		}
		out = append(out, n.value)
	}
	return out
}

// list reads a list, which may be absent.
func (l *loader) list(r reader, name string) []*node {
	n := r.n.get(name)
	switch {
	case n == nil || n.kind == null:
		return nil
	case n.kind != sequence:
		l.rep.at(n, "write a list: [A, B]", "%s must be a list, not %s", r.sub(name), n.kind)
		return nil
	case len(n.items) > maxResidual:
		l.rep.at(n, "remove what is not needed", "%s has more than %d entries", r.sub(name), maxResidual)
		return nil
	}
	return n.items
}

func sprintIndex(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }
