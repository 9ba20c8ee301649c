package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// Whom an agent acts on stands in its plug, and a level's target is put there. Some agents obey another parameter instead where it is set, whatever
// plug they are told: then every target would be read, and called off, as one and the same (R16). And a registration's key is compared by
// fence_scsi and fence_mpath as text with what their tools print: written otherwise it is never found, which is off to them (R18, ADR 0092).

// instead are the parameters that some agents obey instead of the plug: fence_virsh, fence_vmware_soap, fence_ironic, fence_openstack, fence_xenapi.
var instead = []string{"uuid"}

// printed is a key as sg_persist and mpathpersist print it.
var printed = regexp.MustCompile(`^[1-9a-f][0-9a-f]{0,15}$`)

// named refuses settings by which another one than the plug would be meant, or nobody.
func (d *device) named(s settings) error {
	others := instead
	if d.reserved != nil {
		others = append(d.reserved.instead[:len(d.reserved.instead):len(d.reserved.instead)], instead...)
	}
	plug := d.meta.plugName()
	for _, name := range others {
		p, ok := d.meta.find(name)
		if ok && p.Name != plug && s[plug].Reveal() != "" && s[p.Name].Reveal() != "" {
			return sdk.Refused(fmt.Errorf("option %s is what %s obeys, whatever target it is told: leave the option out, or give each node a device of its own and its level no target", name, d.name()))
		}
	}
	if d.reserved == nil {
		return nil
	}
	for _, each := range d.each(s) {
		if err := d.reserved.keyed(d.meta, each); err != nil {
			return err
		}
	}
	return nil
}

// keyed refuses a key that is not written as the tools print it.
func (r reservation) keyed(m metadata, s settings) error {
	for _, name := range r.keys {
		p, ok := m.find(name)
		if v := s[p.Name].Reveal(); ok && v != "" && !printed.MatchString(v) {
			return sdk.Refused(fmt.Errorf("option %s is the key of a registration: write it as the tools print it, in lower case, without 0x and without zeros before it; written otherwise it is never found", name))
		}
	}
	return nil
}

// lasting refuses keys that are made of a node's place in a list: who leaves that list moves the others to keys that are not theirs.
func (r reservation) lasting(m metadata, s settings) error {
	if r.made == "" || s["key"].Reveal() != "" {
		return nil
	}
	p, ok := m.find(r.made)
	switch {
	case !ok:
		return sdk.Refused(fmt.Errorf("option key is required: this %s makes keys of the places in corosync's nodelist, and they move when a node leaves it", m.Name))
	case s[p.Name].Reveal() != "hash":
		return sdk.Refused(fmt.Errorf("option %s must be hash: otherwise keys are made of the places in corosync's nodelist, and they move when a node leaves it", r.made))
	}
	return nil
}

// unquoted is a value as an agent reads it: without white space around it, and without one pair of quotes (param.value).
func unquoted(v string) string {
	v = strings.TrimSpace(v)
	if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
		v = v[1 : len(v)-1]
	}
	return v
}
