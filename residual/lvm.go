package residual

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ProbeLVM is the probe of active logical volumes of shared volume groups.
const ProbeLVM = "lvm"

const (
	lvmPrefix = "LVM-"
	lvmID     = 32 // letters and digits of the id of a group, and of a volume after it
	maxDepth  = 16 // of devices on devices
)

// lvmProbe finds active volumes of groups that several machines share. That a group is local is proven by its own metadata, read from one of its
// disks: nothing in sysfs says so, and files in /etc/lvm may be old. Whether lvmlockd runs makes no difference to a fenced without continuity
// (R25), but it is said.
func lvmProbe(l *look) []Finding {
	if f, ok := l.open(ProbeLVM); !ok {
		return []Finding{f}
	}
	defer l.close()
	all, err := l.mappings()
	var found []Finding
	if err != nil {
		found = append(found, l.unreadable(ProbeLVM, blockDir, err))
	}
	groups := map[string][]mapping{}
	var order []string
	for _, m := range all {
		if id := groupOf(m.uuid); id != "" {
			if groups[id] == nil {
				order = append(order, id)
			}
			groups[id] = append(groups[id], m)
		}
	}
	for _, id := range order {
		if f, counts := l.group(id, groups[id]); counts {
			found = append(found, f)
		}
	}
	return found
}

// groupOf is the id of the volume group in the uuid of a volume, "" for what is no volume. A uuid that begins like one and is cut short names a
// group that nothing can prove to be local.
func groupOf(uuid string) string {
	rest, ok := strings.CutPrefix(uuid, lvmPrefix)
	if !ok {
		return ""
	}
	return rest[:min(len(rest), lvmID)] + strings.Repeat("?", max(0, lvmID-len(rest)))
}

func (l *look) group(id string, volumes []mapping) (Finding, bool) {
	var names []string
	for _, v := range volumes {
		names = append(names, v.name)
	}
	slices.Sort(names)
	what := fmt.Sprintf("active volumes %s", printable(strings.Join(names[:min(len(names), 8)], ", ")))
	f := Finding{Probe: ProbeLVM, Path: printable(l.path(blockDir + "/" + volumes[0].block)), Class: ClassState, Reset: true}
	meta, err := l.metadata(id, volumes)
	switch {
	case err != nil:
		// The next boot activates them again before anybody could tell: a reset would only be repeated.
		return l.unknown(ProbeLVM, l.path(blockDir+"/"+volumes[0].block), what+": cannot tell whether their group is shared: "+printable(err.Error()), false), true
	case meta.shared() == "":
		return f, false
	}
	f.What = fmt.Sprintf("%s of the shared group %s (%s)", what, printable(meta.name), meta.shared())
	f.Why = "they can be written to and no daemon of ours controls them"
	if !l.runs("lvmlockd") {
		f.Why += "; lvmlockd does not run"
	}
	return f, true
}

var errNoDisk = errors.New("none of its disks has metadata of it")

// metadata reads the group's metadata from the first of its disks that has it.
func (l *look) metadata(id string, volumes []mapping) (vgMeta, error) {
	disks, err := l.disks(id, volumes)
	if err != nil {
		return vgMeta{}, err
	}
	err = errNoDisk
	for _, d := range disks {
		f, e := l.root.Open(node(d))
		if e != nil {
			err = e
			continue
		}
		meta, e := readVG(f)
		_ = f.Close()
		switch {
		case e != nil:
			err = fmt.Errorf("%s: %w", d, e)
		case meta.id == id:
			return meta, nil
		}
	}
	return vgMeta{}, err
}

// disks are the devices below a group's volumes that are none of them.
func (l *look) disks(id string, volumes []mapping) ([]string, error) {
	below := make([]string, 0, len(volumes))
	for _, v := range volumes {
		below = append(below, v.block)
	}
	var disks []string
	seen := map[string]bool{}
	for depth := 0; len(below) > 0; depth++ {
		if depth > maxDepth {
			return nil, fmt.Errorf("devices on devices, deeper than %d", maxDepth)
		}
		var next []string
		for _, b := range below {
			uuid, err := l.value(blockDir + "/" + b + "/dm/uuid")
			if err != nil && !gone(err) {
				return nil, err
			}
			if groupOf(uuid) != id {
				disks = append(disks, b)
				continue
			}
			slaves, err := l.slaves(b)
			if err != nil {
				return nil, err
			}
			for _, s := range slaves {
				if !seen[s] {
					seen[s] = true
					next = append(next, s)
				}
			}
		}
		below = next
	}
	return disks, nil
}

// runs reports whether a program of this name runs: said, never decided upon.
func (l *look) runs(comm string) bool {
	pids, _ := l.processes()
	return slices.ContainsFunc(pids, func(pid int) bool {
		name, err := l.value(proc(pid, "comm"))
		return err == nil && name == comm
	})
}
