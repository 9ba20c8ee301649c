package residual

import (
	"path"
	"slices"
	"strings"
)

const blockDir = "sys/block"

// blocks lists the whole block devices by name.
func (l *look) blocks() ([]string, error) {
	entries, err := l.list(blockDir)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// mapping is one device of device-mapper.
type mapping struct {
	block string // dm-3
	name  string
	uuid  string // PREFIX-...: which program made it; empty where none said so
}

// mappings lists the devices of device-mapper. One that vanishes is left out; one that cannot be read is in the error.
func (l *look) mappings() ([]mapping, error) {
	names, err := l.blocks()
	var found []mapping
	for _, n := range names {
		if !strings.HasPrefix(n, "dm-") {
			continue
		}
		uuid, e := l.value(path.Join(blockDir, n, "dm/uuid"))
		if e != nil {
			if !gone(e) || l.dangling(path.Join(blockDir, n, "dm")) {
				err = e
			}
			continue
		}
		name, e := l.value(path.Join(blockDir, n, "dm/name"))
		if e != nil && !gone(e) {
			err = e
		}
		found = append(found, mapping{block: n, name: name, uuid: uuid})
	}
	return found, err
}

// slaves lists the devices on which a device stands.
func (l *look) slaves(block string) ([]string, error) {
	return l.related(block, "slaves")
}

// related reads one of the directories slaves and holders of a device, as names of devices.
func (l *look) related(block, which string) ([]string, error) {
	entries, err := l.list(path.Join("sys/class/block", block, which))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names, err
}

// node is the path of a device's node: the kernel writes ! where the name has a slash.
func node(block string) string { return "dev/" + strings.ReplaceAll(block, "!", "/") }
