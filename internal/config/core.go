package config

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence/member"
)

// Core is a core process of this node (S4.6). It is local: other nodes may run other things.
type Core struct {
	member.Core
	// Process is the name of the program whose pid file Core.Name is, "" where that is a unit of systemd.
	Process string
}

const (
	maxCores        = 16
	maxCoreDeaths   = 100
	defaultDeaths   = 3
	defaultWithin   = 10 * time.Minute
	longestWithin   = 24 * time.Hour
	defaultBack     = 30 * time.Second
	longestBack     = 10 * time.Minute
	corePolicyWants = "only `policy: restart` has a limit"
)

// cores reads core_processes: a map from a unit, or the absolute path of a pid file, to what becomes of this node when its process dies.
func (l *loader) cores() {
	r := mapAt(l.root.get("core_processes"), "core_processes", l.rep)
	if len(r.n.fields) > maxCores {
		l.rep.at(r.n, "name only what cannot be told from the node", "core_processes has more than %d entries", maxCores)
		return
	}
	for _, f := range r.n.fields {
		l.core(f.key, f.value)
	}
	slices.SortFunc(l.cfg.Cores, func(a, b Core) int { return strings.Compare(a.Name, b.Name) })
}

func (l *loader) core(key, value *node) {
	r := mapAt(value, "core_processes."+key.value, l.rep, "policy", "limit", "within", "back", "process")
	c := Core{Core: member.Core{Name: key.value}}
	file := path.IsAbs(key.value)
	switch {
	case file:
		base := path.Base(key.value)
		c.Process = r.str("process", strings.TrimSuffix(base, path.Ext(base)))
		if c.Process == "" || len(c.Process) > 64 {
			l.rep.at(key, "write `process: NAME`, as `ps -o comm` shows it", "%s names no process", r.path)
		}
	case !goodUnit(key.value):
		l.rep.at(key, "write a unit such as corosync.service, or the absolute path of a pid file", "%s is neither a service of systemd nor the path of a pid file", quote(key.value))
	case r.has("process"):
		l.rep.at(r.key("process"), "remove it: systemd knows the unit's process", "%s belongs to pid files", r.sub("process"))
	case key.value == "fenced.service", key.value == "fenced-watchdog.service":
		l.rep.at(key, "remove it: what its death means is settled", "%s is fenced's own unit", key.value)
	}
	c.Policy = member.CorePolicy(r.enum("policy", string(member.CoreReset), string(member.CoreReset), string(member.CoreRestart), string(member.CoreFreeze), string(member.CoreIgnore)))
	if c.Policy == member.CoreRestart {
		c.Limit = r.number("limit", defaultDeaths, 0, maxCoreDeaths)
		c.WithinMS = r.duration("within", defaultWithin, longestWithin)
		c.BackMS = r.duration("back", defaultBack, longestBack)
		for k, ms := range map[string]int64{"within": c.WithinMS, "back": c.BackMS} { // order: problems are sorted by their place
			if ms < 1000 && r.has(k) {
				l.rep.at(r.key(k), "write 1s or more", "%s is too short for any machine that is busy", r.sub(k))
			}
		}
		if file {
			l.rep.at(r.key("policy"), "name its unit instead: somebody must start it again", "%s is a pid file, and nothing is known to restart its process", key.value)
		}
	} else {
		for _, k := range []string{"limit", "within", "back"} {
			if r.has(k) {
				l.rep.at(r.key(k), corePolicyWants, "%s says nothing under the policy %s", r.sub(k), c.Policy)
			}
		}
	}
	l.cfg.Cores = append(l.cfg.Cores, c)
}

// goodUnit reports whether a text may be the name of a service: it is an argument of systemctl.
func goodUnit(s string) bool {
	if len(s) > 255 || !strings.HasSuffix(s, ".service") || strings.HasPrefix(s, "-") {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(":-_.\\@", c)
	})
}

// MemberCores are the core processes as fence/member wants them.
func (c *Config) MemberCores() []member.Core {
	var out []member.Core
	for _, core := range c.Cores {
		out = append(out, core.Core)
	}
	return out
}
