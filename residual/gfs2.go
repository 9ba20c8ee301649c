package residual

import (
	"io/fs"
	"path"
	"strings"
)

// ProbeGFS2 is the probe of mounted GFS2 file systems.
const ProbeGFS2 = "gfs2"

const gfs2Dir = "sys/fs/gfs2"

// gfs2Probe finds file systems with a cluster's locking: one directory each in /sys/fs/gfs2, also of those that were unmounted lazily and are
// in no mount table. Local ones (lock_nolock) are left out by positive proof only: a protocol that cannot be read counts.
func gfs2Probe(l *look) []Finding {
	return l.eachGFS2(ProbeGFS2, func(p string, e fs.DirEntry) (Finding, bool) {
		if !e.IsDir() {
			return l.unknown(ProbeGFS2, l.path(p), "it is not a directory, as every file system is", false), true
		}
		return l.gfs2(p, e.Name())
	})
}

// eachGFS2 asks about each entry of /sys/fs/gfs2, and gathers what counts; what could not be read whole counts as well.
func (l *look) eachGFS2(probe string, ask func(p string, e fs.DirEntry) (Finding, bool)) []Finding {
	if f, ok := l.open(probe); !ok {
		return []Finding{f}
	}
	defer l.close()
	entries, err := l.list(gfs2Dir)
	var found []Finding
	for _, e := range entries {
		if f, counts := ask(path.Join(gfs2Dir, e.Name()), e); counts {
			found = append(found, f)
		}
	}
	if err != nil {
		found = append(found, l.unreadable(probe, gfs2Dir, err))
	}
	return found
}

func (l *look) gfs2(p, name string) (Finding, bool) {
	proto, err := l.value(path.Join(p, "lock_module/proto_name"))
	switch {
	case err == nil && proto == "lock_nolock":
		return Finding{}, false
	case err != nil || proto != "lock_dlm":
		why := "its lock protocol is " + printable(proto) + ", which is not known to be local"
		if err != nil {
			why = l.unreadable(ProbeGFS2, p, err).Why + " (lock protocol); it may be shared"
		}
		return Finding{Probe: ProbeGFS2, Path: printable(l.path(p)), Class: ClassState, What: WhatUnknown, Why: why, Reset: true}, true
	}
	f := Finding{
		Probe: ProbeGFS2, Path: printable(l.path(p)), Class: ClassState, Reset: true,
		What: "gfs2 file system " + printable(name),
		Why:  "it is mounted with lock_dlm and no daemon of ours controls it",
	}
	if l.withdrawn(p) {
		f.What += ", withdrawn"
		f.Why += "; it has withdrawn and still holds its locks and its journal"
	}
	return f, true
}

// withdrawn only adds a note, so what cannot be read is not noted: the file system counts in any case.
func (l *look) withdrawn(p string) bool {
	yes, _ := l.hasWithdrawn(p)
	return yes
}

// hasWithdrawn asks the two files that say it, of which a kernel may have one. The error says that one is there and could not be read.
func (l *look) hasWithdrawn(p string) (bool, error) {
	v, err := l.value(path.Join(p, "withdraw"))
	if err == nil && v == "1" {
		return true, nil
	}
	status, err2 := l.value(path.Join(p, "status"))
	for line := range strings.Lines(status) {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == "Withdrawn" && strings.TrimSpace(value) == "1" {
			return true, nil
		}
	}
	for _, err := range []error{err, err2} {
		if err != nil && !gone(err) {
			return false, err
		}
	}
	return false, nil
}
