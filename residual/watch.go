package residual

import (
	"context"
	"io/fs"
	"path"
	"strings"
)

// The probes of a watch: what goes wrong with shared storage under a running member, and does not end by itself.
const (
	TroubleGFS2 = "gfs2-withdrawn"
	TroubleDM   = "dm-suspended"
	TroubleDRBD = "drbd-suspended"
)

// WhatWithdrawn and WhatSuspended are Finding.What of a trouble; what could not be looked at is WhatUnknown.
const (
	WhatWithdrawn = "withdrawn"
	WhatSuspended = "suspended"
)

var troubles = []probe{
	{name: TroubleGFS2, class: ClassState, clears: true, run: withdrawnProbe},
	{name: TroubleDM, class: ClassState, clears: true, run: suspendedProbe},
	{name: TroubleDRBD, class: ClassState, clears: true, run: heldBackProbe},
}

// Watch looks again and again at what a running member's storage has come to. Like a Scanner it never looks a second time at what hangs.
type Watch struct{ s *Scanner }

// NewWatch returns a Watch; it looks at nothing yet. Of the options it takes root, deadlines and helper.
func NewWatch(o Options) *Watch { return &Watch{scanner(o, troubles)} }

// Look returns what is wrong now, within the deadlines of a scan. A probe that could not look is a finding, unknown (V12); whether anything of
// this ends a life is fence/member's to say. Path tells one trouble from another of its probe.
func (w *Watch) Look(ctx context.Context) []Finding { return w.s.Scan(ctx).Findings }

// withdrawnProbe finds gfs2 file systems that have withdrawn: they keep their locks and their journal, and nothing short of a reset gives them back.
func withdrawnProbe(l *look) []Finding {
	return l.eachGFS2(TroubleGFS2, func(p string, e fs.DirEntry) (Finding, bool) {
		if proto, err := l.value(path.Join(p, "lock_module/proto_name")); err == nil && proto == "lock_nolock" {
			return Finding{}, false
		}
		yes, err := l.hasWithdrawn(p)
		if err != nil {
			return l.unreadable(TroubleGFS2, p, err), true
		}
		return l.trouble(TroubleGFS2, p, WhatWithdrawn, "gfs2 file system "+printable(e.Name())+" has withdrawn, and still holds its locks and its journal"), yes
	})
}

// suspendedProbe finds devices of device-mapper that hold every write back. A change of one suspends it for a moment; only its length says more.
func suspendedProbe(l *look) []Finding {
	if f, ok := l.open(TroubleDM); !ok {
		return []Finding{f}
	}
	defer l.close()
	all, err := l.mappings()
	var found []Finding
	for _, m := range all {
		p := path.Join(blockDir, m.block)
		v, e := l.value(path.Join(p, "dm/suspended"))
		switch {
		case e != nil && gone(e):
		case e != nil:
			err = e
		case v != "0":
			found = append(found, l.trouble(TroubleDM, p, WhatSuspended, "device "+printable(strings.TrimSpace(m.name))+" of device-mapper is suspended: writes to it wait"))
		}
	}
	if err != nil {
		found = append(found, l.unreadable(TroubleDM, blockDir, err))
	}
	return found
}

// heldBackProbe finds resources of DRBD whose I/O is suspended, in any role.
func heldBackProbe(l *look) []Finding {
	if f, ok := l.open(TroubleDRBD); !ok {
		return []Finding{f}
	}
	defer l.close()
	all, failed := l.replicas()
	if failed != nil {
		failed.Probe = TroubleDRBD
		return []Finding{*failed}
	}
	var found []Finding
	for _, r := range all {
		if r.suspended {
			found = append(found, l.trouble(TroubleDRBD, path.Join("sys/module/drbd", r.name), WhatSuspended, "drbd "+printable(r.name)+" in role "+printable(r.role)+" has suspended its I/O"))
		}
	}
	return found
}

func (l *look) trouble(probe, p, what, why string) Finding {
	return Finding{Probe: probe, Path: printable(l.path(p)), Class: ClassState, What: what, Why: why, Reset: true}
}
