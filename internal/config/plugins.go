package config

import (
	"encoding/hex"
	"sort"
	"strings"
	"time"
)

// Bounds of a plugin's start: a device is not asked before it.
const (
	defaultStart  = 5 * time.Second
	shortestStart = time.Second
	longestStart  = 30 * time.Second
)

func (l *loader) readPlugins() {
	for _, f := range mapAt(l.root.get("plugins"), "plugins", l.rep).n.fields {
		name := f.key.value
		if !goodName(name) {
			l.rep.at(f.key, nameRemedy, "%s cannot be the name of a plugin", quote(name))
		}
		r := mapAt(f.value, "plugins."+name, l.rep, "sha256", "isolate", "start_timeout")
		p := Plugin{Name: name, Isolate: r.boolean("isolate", false), StartMS: r.duration("start_timeout", defaultStart, longestStart)}
		if p.StartMS < shortestStart.Milliseconds() {
			l.rep.at(r.key("start_timeout"), "write 1s or more", "%s is too short for any machine that is busy", r.sub("start_timeout"))
		}
		if s, ok := r.text("sha256"); ok {
			p.SHA256 = strings.ToLower(strings.TrimSpace(s))
			if b, err := hex.DecodeString(p.SHA256); err != nil || len(b) != 32 {
				l.rep.at(r.n.get("sha256"), "write what `sha256sum` prints, 64 digits", "%s is not a SHA-256 checksum", r.sub("sha256"))
			}
		}
		l.cfg.Plugins = append(l.cfg.Plugins, p)
	}
	sort.Slice(l.cfg.Plugins, func(i, j int) bool { return l.cfg.Plugins[i].Name < l.cfg.Plugins[j].Name })
}
