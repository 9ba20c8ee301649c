package residual

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// ProbeMounts is the probe of mounted cluster and network file systems.
const ProbeMounts = "mounts"

// clusterTypes are the file systems whose every writer must be known, by the name that the kernel shows: mounted, they are shared state.
// networkTypes have a server that arbitrates: a mount is access.
var (
	clusterTypes = []string{"gfs2", "gfs", "ocfs2"}
	networkTypes = []string{"ceph", "fuse.ceph", "nfs", "nfs4", "cifs", "smb3", "glusterfs", "fuse.glusterfs", "lustre", "gpfs", "beegfs"}
)

// mountsProbe reads the mount tables of all mount namespaces, and nothing but the tables: no mount is ever touched, because one may hang. What was
// unmounted lazily is in no table and is found by the probes of sysfs.
func mountsProbe(l *look) []Finding {
	if f, ok := l.open(ProbeMounts); !ok {
		return []Finding{f}
	}
	defer l.close()
	t := &mounted{l: l, by: map[string]int{}, pinned: map[string]string{}}
	spaces, err := l.namespaces()
	if err != nil {
		t.found = append(t.found, *err)
	}
	for _, s := range spaces {
		t.read(s)
	}
	for _, s := range spaces {
		delete(t.pinned, s.name)
	}
	for name, point := range t.pinned { // order: findings are sorted below
		t.hint(name, point, "no process is in it, so what is mounted there is in no table that can be read")
	}
	slices.SortFunc(t.found, func(a, b Finding) int { return strings.Compare(a.What+a.Path, b.What+b.Path) })
	return t.found
}

// namespace is one mount namespace and the threads in it that stand for those they share their place with.
type namespace struct {
	name string
	in   []thread
}

// namespaces lists the mount namespaces in which there are threads, in the order of their first one.
func (l *look) namespaces() ([]namespace, *Finding) {
	pids, err := l.processes()
	if err != nil {
		f := l.unreadable(ProbeMounts, "proc", err)
		return nil, &f
	}
	var spaces []namespace
	var blind *Finding
	at := map[string]int{}
	for _, pid := range pids {
		threads, err := l.apart(pid, sharesPlace)
		if err != nil {
			f := l.unreadable(ProbeMounts, proc(pid, "task"), err)
			blind = &f
		}
		for _, t := range threads {
			name, err := l.link(t.dir + "ns/mnt")
			switch {
			case err != nil && gone(err):
				continue
			case err != nil:
				f := l.unreadable(ProbeMounts, t.dir+"ns/mnt", err)
				blind = &f
				continue
			}
			i, known := at[name]
			if !known {
				i = len(spaces)
				at[name] = i
				spaces = append(spaces, namespace{name: name})
			}
			spaces[i].in = append(spaces[i].in, t)
		}
	}
	return spaces, blind
}

// table returns the mount table of a namespace as a thread shows it that is not confined to a part of it (chroot), and that thread; it tries them
// all, because any of them may vanish. No pid: all did. Not whole: every one that is there is confined.
func (l *look) table(s namespace) (b []byte, by thread, whole bool, err error) {
	for _, whole := range []bool{true, false} {
		for _, t := range s.in {
			root, err := l.link(t.dir + "root")
			if err != nil || (root == "/") != whole {
				if err == nil || gone(err) {
					continue
				}
				return nil, t, false, err
			}
			b, err := l.read(t.dir+"mountinfo", maxTable*4)
			if err != nil && (gone(err) || errors.Is(err, syscall.EINVAL)) { // EINVAL: it is exiting
				continue
			}
			return b, t, whole, err
		}
	}
	return nil, thread{}, true, nil
}

// mounted gathers what the tables say; one file system is one finding, however often it is mounted.
type mounted struct {
	l      *look
	lines  int
	found  []Finding
	by     map[string]int    // file system to its finding
	pinned map[string]string // mount namespaces that are kept alive by a file, and where
}

func (t *mounted) read(s namespace) {
	b, by, whole, err := t.l.table(s)
	if by.pid == 0 {
		return
	}
	over := false
	if err == nil {
		err = parseMountinfo(b, func(m mount) {
			if t.lines++; t.lines > maxMounts {
				over = true
				return
			}
			t.mount(m, by.pid)
		})
	}
	if over {
		err = errMounts
	}
	switch {
	case err != nil:
		t.found = append(t.found, t.l.unreadable(ProbeMounts, by.dir+"mountinfo", err))
	case !whole:
		t.hint(s.name, t.l.path(by.dir+"mountinfo"), "all its processes are confined to a part of it")
	}
}

func (t *mounted) hint(name, path, why string) {
	t.found = append(t.found, Finding{
		Probe: ProbeMounts, Path: printable(path), Class: ClassHint, Reset: true, What: "mount namespace " + printable(name),
		Why: why + "; cluster file systems are found by the other probes all the same",
	})
}

func (t *mounted) mount(m mount, pid int) {
	if m.fstype == "nsfs" && strings.HasPrefix(m.root, "mnt:[") {
		t.pinned[m.root] = m.point
		return
	}
	cluster := slices.Contains(clusterTypes, m.fstype)
	if !cluster && !slices.Contains(networkTypes, m.fstype) || cluster && t.l.localMount(m) {
		return
	}
	key := m.fstype + " " + m.dev
	if i, known := t.by[key]; known {
		if f := &t.found[i]; !slices.ContainsFunc(f.Holders, func(h Holder) bool { return h.PID == pid }) && len(f.Holders) < maxHolders {
			f.Holders = append(f.Holders, t.l.holder(pid))
		}
		return
	}
	f := Finding{
		Probe: ProbeMounts, Path: printable(m.point), Class: ClassAccess, What: fmt.Sprintf("%s mount of %s", m.fstype, printable(m.source)), Holders: []Holder{t.l.holder(pid)},
		Why: "its server is reached from here",
	}
	if cluster {
		f.Class, f.Reset, f.Why = ClassState, true, "a cluster file system is mounted and no daemon of ours controls it"
	}
	t.by[key] = len(t.found)
	t.found = append(t.found, f)
}

// maxHolders bounds the processes that are named with one finding.
const maxHolders = 16

// localMount proves that a mount of a cluster's type is local. What proves nothing is shared.
func (l *look) localMount(m mount) bool {
	options := strings.Split(m.super, ",")
	switch m.fstype {
	case "gfs2":
		return slices.Contains(options, "lockproto=lock_nolock") || l.localGFS2(m.dev)
	case "ocfs2": // heartbeat=none is what all but the built-in stack show; nocluster mounts a shared one without its locks
		named := func(o string) bool { return strings.HasPrefix(o, "cluster_stack=") }
		return slices.Contains(options, "heartbeat=none") && !slices.Contains(options, "nocluster") && !slices.ContainsFunc(options, named)
	}
	return false
}

// localGFS2 looks for the file system of a device in sysfs, where its lock protocol stands.
func (l *look) localGFS2(dev string) bool {
	entries, err := l.list(gfs2Dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if id, err := l.value(gfs2Dir + "/" + e.Name() + "/id"); err == nil && id == dev {
			proto, err := l.value(gfs2Dir + "/" + e.Name() + "/lock_module/proto_name")
			return err == nil && proto == "lock_nolock"
		}
	}
	return false
}
