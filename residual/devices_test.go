package residual

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func symlink(t *testing.T, root, from, to string) {
	t.Helper()
	p := filepath.Join(root, from)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, p); err != nil {
		t.Fatal(err)
	}
}

// disk is a system with one shared disk sdb: a partition on it, a volume on that, and a process for each way to use them.
func disk(t *testing.T) string {
	t.Helper()
	root := tree(t, "sys/class/block/sdb/dev=8:16", "sys/class/block/sdb/sdb1/partition=1", "sys/class/block/sdb1/dev=8:17", "sys/class/block/sdb1/holders/dm-2", "sys/class/block/dm-2/dev=253:2",
		"sys/class/block/dm-2/dm/name=vg-data", "sys/block/dm-2/dm/name=vg-data", "sys/block/dm-2/dm/uuid=X-1", "sys/class/block/sdc/dev=8:32", "dev/sdb=", "dev/sdc=")
	symlink(t, root, "dev/disk/by-id/wwn-1", "../../sdb")
	return root
}

// process adds a process with one open file.
func process(t *testing.T, root, pid, target, flags string) {
	t.Helper()
	p := filepath.Join(root, "proc", pid)
	for _, d := range []string{"fd", "fdinfo", "ns"} {
		if err := os.MkdirAll(filepath.Join(p, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	symlink(t, root, "proc/"+pid+"/ns/mnt", "mnt:[1]")
	symlink(t, root, "proc/"+pid+"/root", "/")
	symlink(t, root, "proc/"+pid+"/fd/3", target)
	write(t, p+"/fdinfo/3", "pos:\t0\nflags:\t"+flags+"\nmnt_id:\t2\n")
	write(t, p+"/comm", "c"+pid+"\n")
	write(t, p+"/stat", pid+" (c"+pid+") S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0")
	write(t, p+"/mountinfo", "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
}

func TestDevices(t *testing.T) {
	root := disk(t)
	process(t, root, "10", "/dev/sdb", "0100002")
	process(t, root, "11", "/dev/dm-2", "0100000")
	process(t, root, "12", "/dev/sdc", "0100002")
	process(t, root, "13", "/dev/mapper/vg-data", "0100001")
	process(t, root, "14", "/dev/sdb1", "nonsense")
	process(t, root, "15", "/mnt/dead/sdb", "0100002")
	write(t, root+"/proc/15/mountinfo", "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 253:2 / /data rw - xfs /dev/mapper/vg-data rw\n3 1 0:44 / /b rw - btrfs /dev/sdb1 rw\n")
	for _, f := range []string{"10", "11", "12", "13", "14"} {
		if err := os.Remove(root + "/proc/" + f + "/mountinfo"); err != nil { // they vanish in turn: the table is read from the last
			t.Fatal(err)
		}
	}
	write(t, root+"/proc/locks", "1: POSIX  ADVISORY  WRITE 15 fd:02:131 0 EOF\n1: -> POSIX  ADVISORY  WRITE 15 fd:02:131 0 EOF\n2: OFDLCK ADVISORY  READ -1 fd:02:131 0 EOF\n3: FLOCK  ADVISORY  WRITE 12 08:20:1 0 EOF\n")
	r := scanWith(t, Options{SystemRoot: root, Devices: []string{"/dev/disk/by-id/wwn-1"}})
	got := lines(r, root)
	for _, want := range []string{
		"devices|/dev/disk/by-id/wwn-1|state|shared device /dev/disk/by-id/wwn-1 open for writing|reset=true", "devices|/dev/disk/by-id/wwn-1|hint|shared device /dev/disk/by-id/wwn-1 open for reading|reset=true",
		"|state|xfs mounted on /data|reset=true", "|state|btrfs mounted on /b|reset=true", "|state|3 locks on files of /dev/disk/by-id/wwn-1|reset=true",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if len(r.Findings) != 5 {
		t.Error(got)
	}
	var who []int
	for _, h := range r.Findings[0].Holders {
		if who = append(who, h.PID); h.StartTime != 4711 || !strings.HasPrefix(h.Comm, "c1") {
			t.Errorf("%+v", h)
		}
	}
	if len(who) != 3 || who[0] != 10 || who[1] != 13 || who[2] != 14 {
		t.Errorf("writers %v", who)
	}
}

// relink has the shared disk's link lead somewhere else.
func relink(t *testing.T, root, to string) {
	t.Helper()
	if err := os.Remove(root + "/dev/disk/by-id/wwn-1"); err != nil {
		t.Fatal(err)
	}
	symlink(t, root, "dev/disk/by-id/wwn-1", to)
}

// What cannot be told is unknown, never "not there" (V12): a link that the kernel does not read, or that leads nowhere in the end, may be that of a disk in use.
func TestDevicesThatCannotBeTold(t *testing.T) {
	for _, c := range []struct {
		name, want string
		break_     func(root string)
	}{
		{"not there", "devices|/dev/disk/by-id/wwn-1|hint|", func(root string) {
			if err := os.RemoveAll(root + "/sys/class/block/sdb"); err != nil {
				t.Fatal(err)
			}
		}},
		{"locks", "devices|proc/locks|state|unknown|", func(root string) { write(t, root+"/proc/locks", "nonsense\n") }},
		{"locks is a directory", "devices|proc/locks|state|unknown|", func(root string) { mkdir(t, root, "proc/locks") }},
		{"mounts", "devices|proc/10/mountinfo|state|unknown|", func(root string) { write(t, root+"/proc/10/mountinfo", "nonsense\n") }},
		{"fd is a file", "devices|proc/11/fd|state|unknown|", func(root string) { write(t, mkdir(t, root, "proc/11")+"/proc/11/fd", "") }},
		{"a link in a circle", "devices|dev/disk/by-id/wwn-1|state|unknown|", func(root string) { relink(t, root, "wwn-1") }},
		{"a link below one that cannot be followed", "devices|dev/disk/by-id/wwn-1|state|unknown|", func(root string) {
			if err := os.Rename(root+"/dev/disk", root+"/dev/disks"); err != nil {
				t.Fatal(err)
			}
			symlink(t, root, "dev/disk", "/dev/disks")
		}},
		{"a link with more dots than directories", "|state|shared device /dev/disk/by-id/wwn-1 open for writing|", func(root string) { relink(t, root, "../../../../../dev/sdb") }},
		{"devices on devices without end", "devices|dev/disk/by-id/wwn-1|state|unknown|reset=false|", func(root string) {
			for i := range maxDepth + 2 {
				write(t, mkdir(t, root, fmt.Sprintf("sys/class/block/dm-%d", 100+i))+fmt.Sprintf("/sys/class/block/dm-%d/dev", 100+i), fmt.Sprintf("253:%d", 100+i))
				mkdir(t, root, fmt.Sprintf("sys/class/block/dm-%d/holders/dm-%d", 100+i, 101+i))
			}
			mkdir(t, root, "sys/class/block/sdb/holders/dm-100")
		}},
		{"a circle of devices", "|state|shared device /dev/disk/by-id/wwn-1 open for writing|", func(root string) { mkdir(t, root, "sys/class/block/dm-2/holders/sdb") }},
	} {
		root := disk(t)
		process(t, root, "10", "/dev/sdb", "0100002")
		c.break_(root)
		if got := lines(scanWith(t, Options{SystemRoot: root, Devices: []string{"/dev/disk/by-id/wwn-1"}}), root); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %s in\n%s", c.name, c.want, got)
		}
	}
}

// A disk is named by its node, by a link, or by what device-mapper calls it.
func TestNamesOfDevices(t *testing.T) {
	for _, name := range []string{"/dev/sdb", "/dev/sdb1", "/dev/dm-2", "/dev/mapper/vg-data", "/dev/disk/by-id/wwn-1"} {
		root := disk(t)
		process(t, root, "10", "/dev/mapper/vg-data", "02")
		if got := lines(scanWith(t, Options{SystemRoot: root, Devices: []string{name}}), root); !strings.Contains(got, "open for writing") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// The answers of disks, as SPC-4 lays them out.
func TestReservationAnswers(t *testing.T) {
	keys, err := parseKeys([]byte{0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0xab, 0, 0, 0, 0, 0, 0, 0, 2})
	if err != nil || len(keys) != 2 || keys[0] != 0xab || keys[1] != 2 {
		t.Errorf("%v %v", keys, err)
	}
	key, kind, held, err := parseReservation([]byte{0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0xab, 0, 0, 0, 0, 0, 5, 0, 0})
	if err != nil || !held || key != 0xab || kind != 5 {
		t.Errorf("%x %d %t %v", key, kind, held, err)
	}
	if _, _, held, err := parseReservation(make([]byte, 8)); held || err != nil {
		t.Error("nothing is reserved")
	}
	for _, b := range [][]byte{nil, {1}, {0, 0, 0, 1, 0, 0, 0, 15, 0}, {0, 0, 0, 1, 0, 0, 0, 16, 1}} {
		_, errK := parseKeys(b)
		_, _, _, errR := parseReservation(b)
		if errK == nil && errR == nil {
			t.Errorf("%v is understood", b)
		}
	}
}
