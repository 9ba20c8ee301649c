package residual

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// places are the directories in which probes of class state begin, each with the probe that must not be silent when it cannot be read.
var places = map[string]string{
	"sys/kernel/dlm": ProbeDLM, "sys/fs/gfs2": ProbeGFS2, "sys/fs/ocfs2": ProbeOCFS2, "sys/kernel/debug/o2dlm": ProbeOCFS2, "sys/block": ProbeLVM, "proc": ProbeMounts, "srv/mine": ProbeDirectories,
}

// Whatever stands in a directory's place, the node is not clean, and no reset is asked for what a reset would not clear (R25).
func TestPlacesThatCannotBeRead(t *testing.T) {
	for place, probe := range places {
		for name, spoil := range map[string]func(root, p string){
			"a file":        func(_, p string) { write(t, p, "") },
			"a circle":      func(root, _ string) { symlink(t, root, place, filepath.Base(place)) },
			"a dead link":   func(root, _ string) { symlink(t, root, place, "nowhere") },
			"a way out":     func(root, _ string) { symlink(t, root, place, "/tmp") },
			"a link to all": func(root, _ string) { symlink(t, root, place, "../../../../..") },
		} {
			if name == "a link to all" && strings.Count(place, "/") != 2 {
				continue
			}
			root := tree(t)
			if err := os.MkdirAll(filepath.Dir(filepath.Join(root, place)), 0o755); err != nil {
				t.Fatal(err)
			}
			spoil(root, filepath.Join(root, place))
			r := scanWith(t, Options{SystemRoot: root, Directories: []string{"/srv/mine"}})
			heard := false
			for _, f := range r.Residue() {
				heard = heard || f.Probe == probe && f.What == WhatUnknown && !f.Reset
			}
			if !heard || r.ResetClears() {
				t.Errorf("%s for %s:\n%s", name, place, lines(r, root))
			}
		}
	}
}

// The same for single files that prove something.
func TestFilesThatCannotBeRead(t *testing.T) {
	base := []string{
		"sys/block/dm-0/dm/uuid=LVM-KK92JizyY0NdmFF92WpszKplXnYZKQiJaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "sys/block/dm-0/dm/name=v", "sys/class/block/dm-0/slaves/sda", "dev/sda=x",
		"sys/block/md0/md/bitmap/metadata=internal", "sys/block/drbd0/size=1", "proc/drbd=version: 9.2.1", "proc/mdstat=", "sys/fs/ocfs2/active_cluster_plugin=", "proc/1/mountinfo=",
	}
	for _, c := range []struct {
		probe, path, text string
	}{
		{ProbeLVM, "dev/sda", "no label"},
		{ProbeLVM, "dev/sda", ""},
		{ProbeLVM, "sys/block/dm-0/dm/uuid", "LVM-cutshort"},
		{ProbeMD, "sys/block/md0/md/bitmap/metadata", "lockless"},
		{ProbeMD, "sys/block/md0/md/bitmap/metadata", ""},
		{ProbeDRBD, "proc/drbd", ""},
		{ProbeDRBD, "proc/drbd", "version: 8.4.1\n x: cs:Connected"},
		{ProbeDRBD, "proc/drbd", "version: 9.2.1"},
		{ProbeMD, "proc/mdstat", "md7 : inactive sdb[0](S)\n"},
		{ProbeOCFS2, "sys/fs/ocfs2/active_cluster_plugin", "user"},
		{ProbeMounts, "proc/1/mountinfo", "22 1 253:0 / / rw - ext4 /dev/vda1 rw\nhalf a li"},
	} {
		root := tree(t, append(base, "proc/1/comm=x")...)
		symlink(t, root, "proc/1/ns/mnt", "mnt:[1]")
		symlink(t, root, "proc/1/root", "/")
		write(t, filepath.Join(root, c.path), c.text)
		r := scanWith(t, Options{SystemRoot: root})
		heard := false
		for _, f := range r.Residue() {
			heard = heard || f.Probe == c.probe
		}
		if !heard {
			t.Errorf("%q in %s:\n%s", c.text, c.path, lines(r, root))
		}
	}
}

// A directory of 100,000 entries is read within the deadline, in bounded memory, and is not clean; names are whatever the kernel lets through.
func TestEndlessDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP residual-endless: makes 100,001 files")
	}
	root := t.TempDir()
	if memory, err := os.MkdirTemp("/dev/shm", "residual-"); err == nil { // a disk that others use takes minutes for it
		t.Cleanup(func() { _ = os.RemoveAll(memory) })
		root = memory
	}
	mkdir(t, root, "sys/kernel/dlm")
	for i := range MaxEntries {
		f, err := os.Create(filepath.Join(root, "sys/kernel/dlm", fmt.Sprintf("\n%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	s := helped(t, root, "serve")
	s.o.Probe, s.o.Total = slow(2*time.Minute), slow(2*time.Minute) // the bound of entries ends it, and no deadline of a busy machine
	r := s.Scan(context.Background())
	settled(t, s)
	if len(r.Findings) > MaxFindings+1 || !r.Unknown() || r.ResetClears() {
		t.Errorf("%d findings, unknown %t", len(r.Findings), r.Unknown())
	}
	if strings.Count(lines(r, root), "\n") != len(r.Findings) {
		t.Error("a finding is more than one line")
	}
}

// What vanishes while it is read is nothing or unknown, never a crash, and what stays is found.
func TestVanishing(t *testing.T) {
	root := tree(t, "sys/kernel/dlm/stays")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for _, f := range []string{fmt.Sprintf("sys/fs/gfs2/c:%d/lock_module/proto_name", i), fmt.Sprintf("proc/%d/comm", 100+i), fmt.Sprintf("sys/block/dm-%d/dm/uuid", i), fmt.Sprintf("sys/block/md%d/md/bitmap/metadata", i)} {
					p := filepath.Join(root, f)
					if os.MkdirAll(filepath.Dir(p), 0o755) == nil {
						_ = os.WriteFile(p, []byte("x"), 0o644)
					}
					top := filepath.Join(root, strings.Join(strings.Split(f, "/")[:strings.Count(f, "/")], "/"))
					_ = os.RemoveAll(top)
				}
			}
		}()
	}
	for range 20 {
		r := Scan(context.Background(), Options{SystemRoot: root, Boot: boot, Session: noSession, Probe: slow(20 * time.Second), Total: slow(20 * time.Second)})
		if !strings.Contains(lines(r, root), "dlm lockspace stays") {
			t.Error(lines(r, root))
		}
	}
	close(stop)
	wg.Wait()
}

// What a process cannot see of the others counts: a container that has only its own.
func TestContainerIsNotClean(t *testing.T) {
	root := tree(t)
	symlink(t, root, "proc/self/ns/pid", "pid:[4026532999]")
	if r := scanWith(t, Options{SystemRoot: root}); !r.Unknown() || r.ResetClears() {
		t.Error(lines(r, root))
	}
	root = tree(t)
	symlink(t, root, "proc/self/ns/pid", firstPIDs)
	if r := scanWith(t, Options{SystemRoot: root}); len(r.Findings) > 0 {
		t.Error(lines(r, root))
	}
}

// DESIGN: access is reported and never counts, also where it cannot be read.
func TestAccessNeverCounts(t *testing.T) {
	root := tree(t, "sys/class/iscsi_session=x", "sys/bus/rbd/devices/0/pool=p", "sys/kernel/debug/ceph=x")
	r := scanWith(t, Options{SystemRoot: root})
	if len(r.Findings) != 3 || len(r.Residue()) != 0 || r.Unknown() {
		t.Error(lines(r, root))
	}
}

// DRBD 9 says what it does to drbdsetup alone.
func TestDRBD9(t *testing.T) {
	for _, c := range []struct{ out, want string }{
		{`echo '[{"name":"r0","role":"Secondary","suspended":false},{"name":"r1","role":"Primary","suspended":true}]'`, "drbd|sys/module/drbd|state|drbd r1 in role Primary|reset=true|it can be written to and no daemon of ours controls it; its writes are suspended\n"},
		{`echo '[{"name":"r0","role":"Secondary"}]'`, ""},
		{`echo '[]'`, ""},
		{`echo '[{"name":"r0"}]'`, "drbd|sys/module/drbd|state|unknown|reset=true|drbd r0 has the role , which may be Primary\n"},
		{`echo null`, "drbd|usr/sbin/drbdsetup|state|unknown|reset=false|there are 1 devices of DRBD, and drbdsetup does not say what they are: it is not understood\n"},
		{`echo '[{"name":"r0","role":"Secondary"}]'; exit 10`, "drbd|usr/sbin/drbdsetup|state|unknown|reset=false|there are 1 devices of DRBD, and drbdsetup does not say what they are: it ended with status 10\n"},
	} {
		root := tree(t, "sys/block/drbd0/size=1", "proc/drbd=version: 9.2.1 (api:2/proto:86-122)\n")
		script(t, root, "usr/sbin/drbdsetup", `[ "$*" = "status --json" ] || exit 1`+"\n"+c.out)
		if got := lines(scanWith(t, Options{SystemRoot: root}), root); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.out, got, c.want)
		}
	}
}
