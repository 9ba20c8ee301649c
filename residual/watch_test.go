package residual

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func looked(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	for _, f := range NewWatch(Options{SystemRoot: root, Probe: slow(20 * time.Second), Total: slow(20 * time.Second)}).Look(context.Background()) {
		out = append(out, f.Probe+" "+strings.TrimPrefix(f.Path, root+"/")+" "+f.What)
	}
	return out
}

// What a running member's storage has come to: withdrawn and suspended things and nothing else; a healthy shared file system and a local one that
// has withdrawn are none of it. What cannot be read is unknown and nothing worse (V12).
func TestWatch(t *testing.T) {
	const fs, dm = "sys/fs/gfs2/", "sys/block/dm-0/dm/"
	drbd8 := "proc/drbd=version: 8.4.1\n 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C "
	for _, c := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"healthy", []string{fs + "a:b/lock_module/proto_name=lock_dlm", fs + "a:b/withdraw=0", fs + "a:b/status=Withdrawn: 0\n", dm + "uuid=LVM-x", dm + "name=x", dm + "suspended=0", drbd8 + "r-----"}, nil},
		{"withdrawn", []string{fs + "a:b/lock_module/proto_name=lock_dlm", fs + "a:b/withdraw=1"}, []string{"gfs2-withdrawn sys/fs/gfs2/a:b withdrawn"}},
		{"by its status alone", []string{fs + "a:b/withdraw=0", fs + "a:b/status=Journal: 1\nWithdrawn:  1\n"}, []string{"gfs2-withdrawn sys/fs/gfs2/a:b withdrawn"}},
		{"withdrawn and local", []string{fs + "a:b/lock_module/proto_name=lock_nolock", fs + "a:b/withdraw=1"}, nil},
		{"unreadable", []string{fs + "a:b/withdraw/x=1"}, []string{"gfs2-withdrawn sys/fs/gfs2/a:b unknown"}},
		{"suspended", []string{dm + "uuid=", dm + "name=vg-x", dm + "suspended=1"}, []string{"dm-suspended sys/block/dm-0 suspended"}},
		{"no device-mapper", []string{"sys/block/dm-0/size=1"}, nil},
		{"suspension unreadable", []string{dm + "uuid=", dm + "name=vg-x", dm + "suspended/x=1"}, []string{"dm-suspended sys/block unknown"}},
		{"drbd 8", []string{drbd8 + "s-----"}, []string{"drbd-suspended sys/module/drbd/device 0 suspended"}},
		{"drbd 9 without drbdsetup", []string{"sys/block/drbd0/size=1", "proc/drbd=version: 9.2.1"}, []string{"drbd-suspended usr/sbin/drbdsetup unknown"}},
	} {
		if got := looked(t, tree(t, c.files...)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
	root := tree(t, "sys/block/drbd0/size=1", "proc/drbd=version: 9.2.1")
	script(t, root, "usr/sbin/drbdsetup", `echo '[{"name":"r0","role":"Secondary","suspended":false,"suspended-quorum":false},{"name":"r1","role":"Primary","suspended":true},{"name":"r2","role":"Primary","suspended-fencing":true}]'`)
	if got, want := looked(t, root), []string{"drbd-suspended sys/module/drbd/r1 suspended", "drbd-suspended sys/module/drbd/r2 suspended"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := looked(t, "/nonexistent"); len(got) != 3 || slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, WhatUnknown) }) {
		t.Errorf("without a system: %q", got)
	}
}

// The watch looks by the process that may be abandoned: one that says nothing leaves everything unknown, and what hangs is not asked again.
func TestWatchInAProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := tree(t, "sys/fs/gfs2/a:b/withdraw=1")
	with := func(kind string, limit time.Duration) *Watch {
		return NewWatch(Options{SystemRoot: root, Probe: limit, Total: limit, Helper: []string{self, helperWord + kind}})
	}
	if got := with("serve", slow(20*time.Second)).Look(context.Background()); len(got) != 1 || got[0].What != WhatWithdrawn {
		t.Errorf("%+v", got)
	}
	for _, kind := range []string{"says-nothing", "dies", "babbles"} {
		got := with(kind, slow(20*time.Second)).Look(context.Background())
		if len(got) != len(troubles) || slices.ContainsFunc(got, func(f Finding) bool { return f.What != WhatUnknown }) {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	if r := (Report{Probes: []string{TroubleGFS2, TroubleDM, TroubleDRBD}}); r.Complete() {
		t.Error("a look of the watch passes for a scan")
	}
	if _, err := os.Stat(filepath.Join(root, "sys/fs/gfs2/a:b/withdraw")); err != nil {
		t.Error(err)
	}
}
