package residual

import (
	"path"
	"strings"
)

// The probes of what can be reached from here and survives a reset: reported, never dirty.
const (
	ProbeISCSI     = "iscsi"
	ProbeMultipath = "multipath"
	ProbeRBD       = "rbd"
	ProbeCeph      = "ceph"
)

// things lists the entries of a directory as findings of class access; detail adds what a file in each says.
func (l *look) things(probe, dir, what string, details ...string) []Finding {
	l.class = ClassAccess
	if f, ok := l.open(probe); !ok {
		return []Finding{f}
	}
	defer l.close()
	entries, err := l.list(dir)
	var found []Finding
	for _, e := range entries {
		text := what + " " + printable(e.Name())
		for _, d := range details {
			if v, err := l.value(path.Join(dir, e.Name(), d)); err == nil && v != "" {
				text += " " + printable(v)
			}
		}
		found = append(found, Finding{Probe: probe, Path: printable(l.path(path.Join(dir, e.Name()))), Class: ClassAccess, What: text, Why: "what it leads to can be reached from here"})
	}
	if err != nil {
		found = append(found, l.unreadable(probe, dir, err))
	}
	return found
}

func iscsiProbe(l *look) []Finding {
	return l.things(ProbeISCSI, "sys/class/iscsi_session", "iSCSI session", "targetname", "state")
}

func rbdProbe(l *look) []Finding {
	return l.things(ProbeRBD, "sys/bus/rbd/devices", "RBD image", "pool", "name")
}

// cephProbe finds the kernel's clients of Ceph, also those whose file system was unmounted lazily.
func cephProbe(l *look) []Finding {
	return l.things(ProbeCeph, "sys/kernel/debug/ceph", "Ceph client")
}

func multipathProbe(l *look) []Finding {
	l.class = ClassAccess
	if f, ok := l.open(ProbeMultipath); !ok {
		return []Finding{f}
	}
	defer l.close()
	all, err := l.mappings()
	var found []Finding
	for _, m := range all {
		if strings.HasPrefix(m.uuid, "mpath-") {
			found = append(found, Finding{
				Probe: ProbeMultipath, Path: printable(l.path(path.Join(blockDir, m.block))), Class: ClassAccess,
				What: "multipath device " + printable(m.name), Why: "its disk can be reached from here",
			})
		}
	}
	if err != nil {
		found = append(found, l.unreadable(ProbeMultipath, blockDir, err))
	}
	return found
}

// ProbeConfigFS is the probe of what cluster software configured in the kernel.
const ProbeConfigFS = "configfs"

// configfsProbe lists directories that prove nothing, in either direction: they are made before anything is in use, left behind after, and may be
// made by hand. They help whoever looks for the reason of something else.
func configfsProbe(l *look) []Finding {
	l.class = ClassHint
	if f, ok := l.open(ProbeConfigFS); !ok {
		return []Finding{f}
	}
	defer l.close()
	var found []Finding
	for _, d := range []struct{ dir, what string }{
		{"sys/kernel/config/dlm/cluster/comms", "dlm peer"}, {"sys/kernel/config/dlm/cluster/spaces", "dlm lockspace configured"}, {"sys/kernel/config/cluster", "o2cb cluster configured"},
	} {
		entries, err := l.list(d.dir)
		for _, e := range entries {
			found = append(found, Finding{
				Probe: ProbeConfigFS, Path: printable(l.path(path.Join(d.dir, e.Name()))), Class: ClassHint, Reset: true,
				What: d.what + ": " + printable(e.Name()), Why: "it proves neither that something is in use nor that nothing is",
			})
		}
		if err != nil {
			found = append(found, l.unreadable(ProbeConfigFS, d.dir, err))
		}
	}
	return found
}
