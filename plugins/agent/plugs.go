package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// Several plugs may stand in one target, as the two outlets of a machine with two supplies, where the agent has a plug_separator, as everything that
// is made with fencing.py. It is never given more than one: such an agent calls all on where one is, leaves all alone where one is on already, and
// some, fence_apc_snmp among them, switch and read the first only and say off of all (ADR 0092).

// maxTogether is how many plugs one target may name.
const maxTogether = 16

// separator lies between plugs; "" where the agent takes one only.
func (d *device) separator(s settings) string {
	p, ok := d.meta.find("plug_separator")
	if !ok {
		return ""
	}
	v := s[p.Name].Reveal()
	if unquoted(v) != "" {
		v = unquoted(v) // white space is handed over in quotes (param.value)
	}
	return cmp.Or(v, p.Default, ",")
}

// plugs are the parts of the plug, or the plug as it is, which may be none.
func (d *device) plugs(s settings) []string {
	plug, separator := unquoted(s[d.meta.plugName()].Reveal()), d.separator(s)
	if separator == "" || !strings.Contains(plug, separator) {
		return []string{plug}
	}
	return strings.Split(plug, separator)
}

// together checks the plugs of a target and takes away the white space around them, which an agent would take for a part of their names.
func (d *device) together(s settings) error {
	parts := d.plugs(s)
	if len(parts) < 2 {
		return nil
	}
	if len(parts) > maxTogether {
		return sdk.Refused(fmt.Errorf("%d plugs stand in one target, %d may", len(parts), maxTogether))
	}
	for i, p := range parts {
		if parts[i] = strings.TrimSpace(p); parts[i] == "" || slices.Contains(parts[:i], parts[i]) {
			return sdk.Refused(fmt.Errorf("of the plugs %.100q one is empty or stands twice", s[d.meta.plugName()].Reveal()))
		}
	}
	s[d.meta.plugName()] = sdk.NewSecret(strings.Join(parts, d.separator(s)))
	return nil
}

// each are the settings for every plug by itself.
func (d *device) each(all settings) []settings {
	parts := d.plugs(all)
	if len(parts) < 2 {
		return []settings{all}
	}
	out := make([]settings, len(parts))
	for i, p := range parts {
		out[i] = maps.Clone(all)
		out[i][d.meta.plugName()] = sdk.NewSecret(p)
	}
	return out
}
