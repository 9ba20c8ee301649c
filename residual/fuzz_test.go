package residual

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// The parsers read what the kernel, disks and programs wrote. They return, whatever it is, and never more than it says.

func FuzzMountinfo(f *testing.F) {
	f.Add([]byte("30 22 253:5 / /srv/a\\012b rw,relatime shared:2 master:1 - gfs2 /dev/mapper/vg-a rw\n"))
	f.Add([]byte("30 22 253:5 / / rw -  - gfs2  rw\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := parseMountinfo(b, func(m mount) {
			if n++; m.fstype == "" || m.dev == "" || strings.ContainsAny(m.fstype+m.dev+m.point, " \n") {
				t.Errorf("%+v", m)
			}
		})
		if err == nil && n != bytes.Count(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))+1 && len(b) > 0 {
			t.Errorf("%d mounts", n)
		}
	})
}

func FuzzMDStat(f *testing.F) {
	f.Add([]byte("Personalities : [raid1]\nmd1 : active raid1 sdb1[1] sda1[0]\n      1 blocks\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, n := range parseMDStat(b) {
			if n == "" || !bytes.Contains(b, []byte(n)) {
				t.Errorf("%q", n)
			}
		}
	})
}

func FuzzDRBD(f *testing.F) {
	f.Add([]byte("version: 8.4.11 (api:1/proto:86-101)\n 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n"))
	f.Add([]byte(`[{"name":"r1","role":"Primary","suspended":true}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if all, complete, err := parseProcDRBD(b); err != nil && (complete || all != nil) {
			t.Error("an error and an answer")
		}
		if all, err := parseDRBDStatus(b); err != nil && all != nil {
			t.Error("an error and an answer")
		}
	})
}

func FuzzLocks(f *testing.F) {
	f.Add([]byte("1: -> POSIX  ADVISORY  WRITE 15 fd:02:131 0 EOF\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseLocks(b)
		if err == nil && len(all) != bytes.Count(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))+1 && len(b) > 0 {
			t.Errorf("%d locks", len(all))
		}
	})
}

func FuzzProcess(f *testing.F) {
	f.Add([]byte("40 (a (b) c) S 1 40 40 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"), []byte("pos:\t0\nflags:\t0100002\n"))
	f.Fuzz(func(t *testing.T, stat, info []byte) {
		if s, ok := parseStat(stat); ok && !bytes.Contains(stat, []byte("("+s.comm+")")) {
			t.Errorf("%+v", s)
		}
		parseFlags(info)
	})
}

func FuzzLVM(f *testing.F) {
	f.Add(makePV(testVG, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := readVG(bytes.NewReader(b)); err == nil && len(m.id) != lvmID {
			t.Errorf("%+v", m)
		}
	})
}

func FuzzVG(f *testing.F) {
	f.Add(testVG)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseVG(text)
		if err == nil && m.shared() == "" && strings.Contains(strings.SplitN(text, "{", 3)[1], "\nlock_type = \"dlm\"\n") && !strings.Contains(text, "}") {
			t.Errorf("%+v", m)
		}
	})
}

func FuzzReservations(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0xab, 0, 0, 0, 0, 0, 5, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if keys, _ := parseKeys(b); len(keys)*8+8 > max(8, len(b)) {
			t.Errorf("%d keys", len(keys))
		}
		_, _, _, _ = parseReservation(b)
	})
}

func FuzzHelperReply(f *testing.F) {
	f.Add([]byte(`{"probe":"dlm","findings":[{"probe":"dlm","what":"x"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j := &job{up: make(chan struct{}), s: New(Options{}), pending: map[string]int{ProbeDLM: 0}, answers: []chan answer{make(chan answer, 1)}}
		h := &helper{job: j, waits: make(chan struct{})}
		var r reply
		if json.Unmarshal(b, &r) == nil && h.take(r) && !r.Waits && !r.Up && r.Probe != ProbeDLM {
			t.Errorf("%s", b)
		}
	})
}

func FuzzSession(f *testing.F) {
	f.Add([]byte(`{"boot_id":"` + boot + `","stateful":true,"clean_leave":false}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, record, err := JudgeSession(boot, b, nil); s == SessionNone || s != SessionUnreadable && (err != nil || record.Boot != boot) {
			t.Errorf("%s %+v %v", s, record, err)
		}
	})
}
