package residual

import (
	"path"
	"strings"
)

// ProbeOCFS2 is the probe of OCFS2 and of its built-in cluster stack, o2cb.
const ProbeOCFS2 = "ocfs2"

const (
	ocfs2Plugin = "sys/fs/ocfs2/active_cluster_plugin"
	o2dlmDir    = "sys/kernel/debug/o2dlm"
	// kthreadd is the parent of all threads of the kernel and of nothing else.
	kthreadd = 2
)

// ocfs2Probe finds a cluster stack in use (a local mount uses none), lock domains of o2dlm, and threads that heartbeat on a disk: the threads and not
// the directories of configfs, which anybody may have made or left behind.
func ocfs2Probe(l *look) []Finding {
	if f, ok := l.open(ProbeOCFS2); !ok {
		return []Finding{f}
	}
	defer l.close()
	found := l.activeStack()
	domains, err := l.list(o2dlmDir)
	for _, e := range domains {
		if e.IsDir() {
			found = append(found, l.ocfs2(path.Join(o2dlmDir, e.Name()), "o2dlm domain "+printable(e.Name()), "the kernel holds a lock domain that no daemon of ours controls"))
		}
	}
	if err != nil {
		found = append(found, l.unreadable(ProbeOCFS2, o2dlmDir, err))
	}
	return append(found, l.heartbeats()...)
}

func (l *look) ocfs2(p, what, why string) Finding {
	return Finding{Probe: ProbeOCFS2, Path: printable(l.path(p)), Class: ClassState, What: what, Why: why, Reset: true}
}

func (l *look) activeStack() []Finding {
	dir, err := l.list(path.Dir(ocfs2Plugin))
	if err != nil {
		return []Finding{l.unreadable(ProbeOCFS2, path.Dir(ocfs2Plugin), err)}
	}
	if len(dir) == 0 {
		return nil // the module is not loaded
	}
	plugin, err := l.value(ocfs2Plugin)
	switch {
	case err != nil: // also where it does not exist: the module is there, and whether it is in use cannot be told
		return []Finding{l.unreadable(ProbeOCFS2, ocfs2Plugin, err)}
	case plugin != "":
		return []Finding{l.ocfs2(ocfs2Plugin, "ocfs2 cluster stack "+printable(plugin), "a file system uses it and no daemon of ours controls it")}
	}
	return nil
}

// heartbeats finds the kernel's threads o2hb-REGION.
func (l *look) heartbeats() []Finding {
	pids, err := l.processes()
	if err != nil {
		return []Finding{l.unreadable(ProbeOCFS2, "proc", err)}
	}
	var found []Finding
	for _, pid := range pids {
		comm, err := l.value(proc(pid, "comm"))
		if err != nil && !gone(err) {
			return append(found, l.unreadable(ProbeOCFS2, proc(pid, "comm"), err))
		}
		if !strings.HasPrefix(comm, "o2hb-") {
			continue
		}
		b, err := l.read(proc(pid, "stat"), maxValue)
		if err != nil && gone(err) {
			continue
		}
		if s, ok := parseStat(b); ok && s.parent != kthreadd {
			continue // a program that calls itself so
		}
		f := l.ocfs2(proc(pid, ""), "o2cb heartbeat "+printable(comm), "the kernel writes its heartbeat to a shared disk")
		f.Holders = []Holder{l.holder(pid)}
		found = append(found, f)
	}
	return found
}
