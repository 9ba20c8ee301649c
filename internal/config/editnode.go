package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// ErrNoNode: the files name no such node.
var ErrNoNode = errors.New("the configuration names no such node")

// RemoveNode takes a node out of the files, and the devices that only its levels use. A file of conf.d that nothing is left of goes.
func RemoveNode(o Options, name string) (Edit, error) {
	f, err := openFiles(o)
	if err != nil {
		return Edit{}, err
	}
	own := f.ownDevices(name)
	key, err := f.nodeKey(name)
	if err != nil {
		return Edit{}, err
	}
	if err := f.cut(key, "node "+name); err != nil {
		return Edit{}, err
	}
	for _, d := range own {
		if err := f.cut(f.root.get("devices").key(d), "device "+d); err != nil {
			return Edit{}, err
		}
	}
	for path, text := range f.edit.Files {
		if path != f.order[0] && empty(text) {
			f.edit.Files[path] = nil
			f.edit.Words = append(f.edit.Words, "removes "+path+", of which nothing is left")
		}
	}
	slices.Sort(f.edit.Words)
	return f.edit, nil
}

// RenameNode gives a node another name, another address, or both; "" leaves one as it is. Its id stays.
func RenameNode(o Options, name, fresh, address string) (Edit, error) {
	f, err := openFiles(o)
	if err != nil {
		return Edit{}, err
	}
	key, err := f.nodeKey(name)
	if err != nil {
		return Edit{}, err
	}
	if address != "" {
		at := f.root.get("nodes").get(name).get("address")
		if at == nil {
			return Edit{}, fmt.Errorf("%s has no address: %w", key.place(), errByHand)
		}
		if err := f.set(at, address); err != nil {
			return Edit{}, err
		}
	}
	if fresh == "" || fresh == name {
		return f.edit, nil
	}
	if !goodName(fresh) {
		return Edit{}, fmt.Errorf("%s cannot be the name of a node: %s", quote(fresh), nameRemedy)
	}
	if key, err = f.nodeKey(name); err != nil {
		return Edit{}, err
	}
	if err := f.set(key, fresh); err != nil {
		return Edit{}, err
	}
	if at := f.root.get("node"); at != nil && at.value == name {
		if err := f.set(at, fresh); err != nil {
			return Edit{}, err
		}
	}
	if p := f.root.get("policy"); p != nil {
		if at := p.get("even_split"); at != nil && at.value == "node "+name {
			return f.edit, f.set(at, "node "+fresh)
		}
	}
	return f.edit, nil
}

// NodeNames are the names that the files give to nodes.
func NodeNames(o Options) []string {
	f, err := openFiles(o)
	if err != nil {
		return nil
	}
	var names []string
	if all := f.root.get("nodes"); all != nil {
		for _, n := range all.fields {
			names = append(names, n.key.value)
		}
	}
	return names
}

func (f *files) nodeKey(name string) (*node, error) {
	all := f.root.get("nodes")
	if all == nil || all.get(name) == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoNode, quote(name))
	}
	return all.key(name), nil
}

// ownDevices are the devices of all that only this node's levels use.
func (f *files) ownDevices(name string) []string {
	used := map[string]int{}
	mine := map[string]bool{}
	all, devices := f.root.get("nodes"), f.root.get("devices")
	if all == nil || devices == nil {
		return nil
	}
	for _, n := range all.fields {
		for _, d := range usedIn(n.value.get("levels")) {
			used[d]++
			if n.key.value == name {
				mine[d] = true
				used[d]--
			}
		}
	}
	var own []string
	for _, d := range devices.fields {
		if mine[d.key.value] && used[d.key.value] == 0 {
			own = append(own, d.key.value)
		}
	}
	return own
}

// usedIn lists the names of devices in levels, however they are written.
func usedIn(n *node) []string {
	switch {
	case n == nil:
		return nil
	case n.kind == scalar:
		return []string{n.value}
	case n.kind == mapping:
		if d := n.get("device"); d != nil {
			return []string{d.value}
		}
		return nil
	}
	var out []string
	for _, it := range n.items {
		out = append(out, usedIn(it)...)
	}
	return out
}

// empty reports whether a file says nothing any more but the heads of maps.
func empty(text []byte) bool {
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		l := bytes.TrimSpace(line)
		if len(l) > 0 && l[0] != '#' && string(l) != "nodes:" && string(l) != "devices:" {
			return false
		}
	}
	return true
}
