package config

import (
	"maps"
	"regexp"
	"slices"

	"github.com/fenced-project/fenced/plugins/host"
)

// extraDevice is one of a plugin that takes options which it does not list: it judges them when it opens the device.
type extraDevice struct {
	deviceEntry
	r reader
}

// unread stands for a secret that was not to be read: which value it has is not what is judged.
const unread = "unread"

// openExtra has the plugins judge the options that they do not list. What they refuse is a mistake at the first option that they name; a device that
// cannot be opened here for another reason, as an agent that is not installed, is a warning.
func (l *loader) openExtra() {
	if l.o.Open == nil || len(l.extra) == 0 {
		return
	}
	var list []host.DeviceConfig
	for _, d := range l.extra {
		c := host.DeviceConfig{Name: d.Name, Plugin: d.Plugin, Options: maps.Clone(d.dev.Options), Secrets: map[string]host.Secret{}, Kind: string(d.Kind)}
		for name, s := range d.dev.Secrets { // order: a map into a map
			value := s.Reveal()
			if value == "" {
				value = unread
			}
			delete(c.Options, name) // given twice; that is said already
			c.Secrets[name] = host.NewSecret(value)
		}
		list = append(list, c)
	}
	wrong, err := l.o.Open(list)
	if err != nil {
		l.rep.warn(l.extra[0].at, "install them where this is checked: fenced plugin verify", "options that plugins do not list are not checked: %v", err)
		return
	}
	for _, d := range l.extra {
		err := wrong[d.Name]
		switch {
		case err == nil:
		case host.ClassOf(err) == host.ClassRefused:
			l.rep.at(d.named(err.Error()), "see what plugin "+d.Plugin+" says of it", "%v", err)
		default:
			l.rep.warn(d.at, "check it where the device is to be used", "options are not checked: %v", err)
		}
	}
}

// optionName is how plugins name an option in what they say.
var optionName = regexp.MustCompile(`\boptions? "?([A-Za-z0-9_-]+)"?`)

// named is the place of the first option that a text names, or the device's.
func (d extraDevice) named(text string) *node {
	for _, m := range optionName.FindAllStringSubmatch(text, -1) {
		if _, ok := d.dev.Options[m[1]]; ok {
			return d.r.key(m[1])
		}
		if slices.Contains(slices.Collect(maps.Keys(d.dev.Secrets)), m[1]) {
			return secretPlace(&d.deviceEntry, d.r, m[1])
		}
	}
	return d.at
}
