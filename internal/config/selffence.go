package config

import (
	"time"
)

// SelfFencer is one plugin that is asked to end this machine before the daemon itself does (R24). It is local: another node may have other means.
type SelfFencer struct {
	Plugin string
	// TimeoutMS is how long it may take until this machine is gone.
	TimeoutMS int64
	Options   map[string]string
}

// ownSelfFencer is the bundled one; it is told the system root by the daemon, and by nobody else.
const ownSelfFencer = "selffence"

const (
	maxSelfFencers       = 4
	defaultSelfFenceTime = 5 * time.Second
	longestSelfFence     = 15 * time.Second
)

func (l *loader) selfFence() {
	n := l.root.get("self_fence")
	if n == nil || n.kind == null {
		return
	}
	if n.kind != sequence || len(n.items) > maxSelfFencers {
		l.rep.at(n, "write a list such as `self_fence: [{plugin: selffence}]`", "self_fence must be a list of at most %d plugins", maxSelfFencers)
		return
	}
	for i, item := range n.items {
		r := mapAt(item, sprintIndex("self_fence", i), l.rep, "plugin", "timeout", "options")
		s := SelfFencer{Plugin: r.str("plugin", ""), TimeoutMS: r.duration("timeout", defaultSelfFenceTime, longestSelfFence), Options: map[string]string{}}
		if !goodName(s.Plugin) {
			l.rep.at(item, nameRemedy, "%s names no plugin", r.path)
		}
		if s.TimeoutMS < 100 {
			l.rep.at(r.key("timeout"), "write 100ms or more", "%s is too short for any machine that is busy", r.sub("timeout"))
		}
		o := r.n.get("options")
		if o != nil && s.Plugin == ownSelfFencer {
			l.rep.at(o, "remove it", "%s: selffence has no options of yours: it reaches this machine alone", r.sub("options"))
		}
		options := mapAt(o, r.sub("options"), l.rep)
		for _, f := range options.n.fields {
			switch {
			case f.value.kind != scalar:
				l.rep.at(f.value, "options of a plugin are single values", "%s must be a value, not %s", r.sub("options."+f.key.value), f.value.kind)
			case secretName(f.key.value):
				l.rep.at(f.key, "use a plugin that needs none: it acts on its own machine", "%s stands in the configuration in clear", r.sub("options."+f.key.value))
			default:
				s.Options[f.key.value] = f.value.value
			}
		}
		l.judgeSelfFencer(s, item, options)
		l.cfg.SelfFence = append(l.cfg.SelfFence, s)
	}
}

// judgeSelfFencer compares the options of a self-fence plugin with what it says of them; the bundled one has none in the file.
func (l *loader) judgeSelfFencer(s SelfFencer, at *node, options reader) {
	if s.Plugin == ownSelfFencer {
		return
	}
	d := deviceEntry{at: at, dev: Device{Plugin: s.Plugin, Options: s.Options}}
	d.Name, d.Plugin = options.path, s.Plugin
	l.rep.by(fromSchema, func() { l.judge(&d, options) })
}
