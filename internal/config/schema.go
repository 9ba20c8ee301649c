package config

import (
	"github.com/fenced-project/fenced/plugins/host"
)

// onTargetAction is the action of plugins by which a node opens its own way (ADR 0099).
const onTargetAction = "on-target"

// judge compares a device with what its plugin says of options, where the caller can ask it. The plugin judges again when it opens the device;
// here a mistake has its place in the file, and is found before anything is used.
func (l *loader) judge(d *deviceEntry, r reader) {
	if l.o.Describe == nil || !goodName(d.Plugin) {
		return
	}
	about, ok := l.described(d)
	if !ok {
		return
	}
	if d.OnTarget && !contains(about.Actions, onTargetAction) {
		l.rep.at(r.key("on_target"), "remove the line: its way is opened for a node by the others", "%s: plugin %s does nothing on the node itself, so no node would ever be admitted", r.path, d.Plugin)
	}
	var names []string
	for _, o := range about.Options {
		names = append(names, o.Name)
		l.judgeOption(d, r, o)
	}
	if about.ExtraOptions {
		l.extra = append(l.extra, extraDevice{*d, r})
		return
	}
	for name := range d.dev.Options { // order: problems are sorted by their place
		if !contains(names, name) {
			l.noOption(d, r.key(name), name, names)
		}
	}
	for name := range d.dev.Secrets { // order: problems are sorted by their place
		if !contains(names, name) {
			l.noOption(d, secretPlace(d, r, name), name, names)
		}
	}
}

// noOption names what is near a known option and nothing else: it may be a secret that was written in the wrong place (V19). Its line is said.
func (l *loader) noOption(d *deviceEntry, at *node, name string, names []string) {
	shown := quote(name)
	if nearest(name, names) == "" {
		shown = "that is named here"
	}
	l.rep.at(at, known2remedy(name, names), "plugin %s has no option %s", d.Plugin, shown)
}

func (l *loader) judgeOption(d *deviceEntry, r reader, o host.Option) {
	value, given := d.dev.Options[o.Name]
	_, secret := d.dev.Secrets[o.Name]
	switch {
	case secret: // what it holds is the plugin's to judge
	case given && o.Secret:
		l.rep.at(r.key(o.Name), "put it into a file of mode 0600 and write `secrets: {"+o.Name+": PATH}`", "%s stands in the configuration in clear", r.sub(o.Name))
	case given:
		if err := o.Check(value); err != nil {
			l.rep.at(r.n.get(o.Name), o.Help, "%s: %v", r.path, err)
		}
	case o.Required && o.Default == "":
		l.rep.at(d.at, o.Help, "device %s lacks the option %s of plugin %s", quote(d.Name), o.Name, d.Plugin)
	}
}

// described asks for a plugin's description, once for each plugin; one that cannot be asked is a warning at its first device.
func (l *loader) described(d *deviceEntry) (host.Description, bool) {
	if a, asked := l.about[d.Plugin]; asked {
		return a.Description, a.err == nil
	}
	about, err := l.o.Describe(d.Plugin)
	if l.about == nil {
		l.about = map[string]description{}
	}
	l.about[d.Plugin] = description{about, err}
	if err != nil {
		l.rep.warn(d.at, "install it where this is checked: fenced plugin verify", "options of plugin %s are not checked: %v", d.Plugin, err)
	}
	return about, err == nil
}

type description struct {
	host.Description
	err error
}

// secretPlace is where a secret of a device is given: as NAME_file or in `secrets`.
func secretPlace(d *deviceEntry, r reader, name string) *node {
	if r.has(name + "_file") {
		return r.key(name + "_file")
	}
	if s := r.n.get("secrets"); s != nil && s.key(name) != nil {
		return s.key(name)
	}
	return d.at
}
