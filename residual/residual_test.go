package residual

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && strings.HasPrefix(os.Args[1], helperWord) {
		asHelper(strings.TrimPrefix(os.Args[1], helperWord))
		return
	}
	goleak.VerifyTestMain(m)
}

const boot = "6f1d3a52-7a43-4b8e-9d0c-1b2a3c4d5e6f"

func noSession() ([]byte, error) { return nil, fs.ErrNotExist }

// slow multiplies a test's deadline by FENCED_TEST_SLOW.
func slow(d time.Duration) time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(float64(d) * f)
	}
	return d
}

func scan(t *testing.T, root string) Report {
	t.Helper()
	r := Scan(context.Background(), Options{SystemRoot: root, Boot: boot, Session: noSession, Probe: slow(20 * time.Second), Total: slow(20 * time.Second)})
	if !r.Complete() {
		t.Fatalf("probes that ran: %v", r.Probes)
	}
	return r
}

// lines is a report as a table of what decides.
func lines(r Report, root string) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s|%s|%s|%s|reset=%t|%s\n", f.Probe, strings.TrimPrefix(f.Path, root+"/"), f.Class, f.What, f.Reset, strings.ReplaceAll(f.Why, root, "ROOT"))
	}
	return b.String()
}

// The fixtures under testdata are trees as kernels show them; testdata/NAME.golden says what is found in each.
// local-only has nothing but what is local, of every kind: nothing in it counts.
// proves: S2.14
func TestFixtures(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*/sys")
	if err != nil || len(dirs) < 5 {
		t.Fatalf("%d fixtures: %v", len(dirs), err)
	}
	for _, sys := range dirs {
		golden := filepath.Dir(sys) + ".golden"
		root := t.TempDir()
		grow(t, filepath.Dir(sys), root)
		r := scan(t, root)
		got := lines(r, root)
		if strings.Contains(sys, "/local-only/") && len(r.Residue()) > 0 {
			t.Errorf("what is local counts:\n%s", got)
		}
		if os.Getenv("FENCED_UPDATE") == "1" {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s (%v)\n got:\n%s\nwant:\n%s", golden, err, got, want)
		}
	}
}

// grow copies a fixture. A module's files may not have a colon in their names (%3A stands for it), and the kernel's do; a file that says "-> TARGET"
// becomes a link, one that says "@FILE" a copy of that file of testdata.
func grow(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		there := filepath.Join(to, strings.ReplaceAll(strings.TrimPrefix(path, from), "%3A", ":"))
		if d.IsDir() {
			return os.MkdirAll(there, 0o755)
		}
		b, err := os.ReadFile(path)
		if target, ok := strings.CutPrefix(string(b), "-> "); ok && err == nil {
			return os.Symlink(strings.TrimSpace(target), there)
		}
		if other, ok := strings.CutPrefix(string(b), "@"); ok && err == nil {
			b, err = os.ReadFile(filepath.Join("testdata", strings.TrimSpace(other)))
		}
		return errors.Join(err, os.WriteFile(there, b, 0o644))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes a system root with a mounted sysfs.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range append([]string{"sys/kernel/uevent_seqnum=1"}, files...) {
		path, value, isFile := strings.Cut(f, "=")
		path = filepath.Join(root, path)
		dir := path
		if isFile {
			dir = filepath.Dir(path)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if isFile {
			if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func TestCleanIsClean(t *testing.T) {
	r := scan(t, tree(t))
	if len(r.Findings) != 0 || r.Session != SessionNone || r.Unknown() || r.Boot != boot {
		t.Errorf("%+v", r)
	}
}

// V12: what could not be looked at is a finding of class state and unknown; and R25: what stands in the way whatever the kernel does is none that
// a reset clears.
func TestWhatCannotBeSeenIsDirty(t *testing.T) {
	link := func(root, from, to string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, from)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		root  func() string
		reset bool
	}{
		{"no system root", func() string { return filepath.Join(t.TempDir(), "nowhere") }, false},
		{"no sysfs", t.TempDir, false},
		{"sysfs not mounted", func() string { return mkdir(t, t.TempDir(), "sys") }, false},
		{"sysfs is a file", func() string { r := t.TempDir(); write(t, r+"/sys", ""); return r }, false},
		{"file for the dlm directory", func() string { return tree(t, "sys/kernel/dlm=x") }, false},
		{"file for the gfs2 directory", func() string { return tree(t, "sys/fs/gfs2=x") }, false},
		{"file for a lockspace", func() string { return tree(t, "sys/kernel/dlm/x=") }, false},
		{"link for a lockspace", func() string { r := tree(t); link(r, "sys/kernel/dlm/x", "/nowhere"); return r }, false},
		{"file for a file system", func() string { return tree(t, "sys/fs/gfs2/c:f=") }, false},
		{"link in a circle", func() string { r := tree(t); link(r, "sys/kernel/dlm", "dlm"); return r }, false},
		{"link that leads nowhere", func() string { r := tree(t); link(r, "sys/kernel/dlm", "gone"); return r }, false},
		{"link out of the system root", func() string { r := tree(t); link(r, "sys/kernel/dlm", "/sys/kernel"); return r }, false},
		{"unknown lock protocol", func() string { return tree(t, "sys/fs/gfs2/c:f/lock_module/proto_name=lock_gulm") }, true},
		{"empty lock protocol", func() string { return tree(t, "sys/fs/gfs2/c:f/lock_module/proto_name=") }, true},
		{"no lock protocol", func() string { return tree(t, "sys/fs/gfs2/c:f/lock_module") }, true},
		{"directory for the lock protocol", func() string { return tree(t, "sys/fs/gfs2/c:f/lock_module/proto_name/x") }, true},
		{"nolock and more", func() string { return tree(t, "sys/fs/gfs2/c:f/lock_module/proto_name=lock_nolock2") }, true},
	} {
		root := c.root()
		r := scan(t, root)
		if len(r.Residue()) == 0 || !r.Unknown() || r.ResetClears() != c.reset {
			t.Errorf("%s: residue %d, unknown %t, a reset clears it %t:\n%s", c.name, len(r.Residue()), r.Unknown(), r.ResetClears(), lines(r, root))
		}
	}
}

func mkdir(t *testing.T, root, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, path), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Root is never refused, so the refusal is made of the error itself.
// part of: S2.13
func TestRefusedIsDirty(t *testing.T) {
	l := &look{o: Options{SystemRoot: "/x"}}
	for err, reset := range map[error]bool{syscall.EACCES: false, syscall.EPERM: false, syscall.EIO: true, syscall.ESTALE: true, syscall.ENOTDIR: false, errBound: false} {
		f := l.unreadable(ProbeDLM, dlmDir, &fs.PathError{Op: "open", Path: "p", Err: err})
		if errors.Is(err, errBound) {
			f = l.unreadable(ProbeDLM, dlmDir, err)
		}
		if f.Class != ClassState || f.What != WhatUnknown || f.Reset != reset {
			t.Errorf("%v: %+v", err, f)
		}
	}
}

// part of: S2.13
func TestUnreadableForOthers(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("runs as root: the kernel refuses nothing; TestRefusedIsDirty covers the judgement")
		return
	}
	root := tree(t, "sys/kernel/dlm/x")
	if err := os.Chmod(root+"/sys/kernel/dlm", 0); err != nil {
		t.Fatal(err)
	}
	if r := scan(t, root); !r.Unknown() || r.ResetClears() {
		t.Error(lines(r, root))
	}
	if err := os.Chmod(root+"/sys/kernel/dlm", 0o755); err != nil {
		t.Fatal(err)
	}
}

// pipe puts a pipe where a file is expected: opening it hangs until release.
func pipe(t *testing.T, path string) (release func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "pipe")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	return func() {
		// Who opens it from now on finds a file; who did before is let go on.
		file := other + ".file"
		write(t, file, "lock_nolock\n")
		if err := os.Rename(file, path); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(other, os.O_RDWR, 0) // never blocks
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("lock_nolock\n"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// S2.13: a read that hangs is dirty within the deadline, the other probes answer all the same, and later scans neither hang nor pile up.
// proves: S2.13
func TestHungRead(t *testing.T) {
	t.Parallel()
	root := tree(t, "sys/kernel/dlm/ls")
	release := pipe(t, root+"/sys/fs/gfs2/c:f/lock_module/proto_name")
	s := New(Options{SystemRoot: root, Boot: boot, Session: noSession, Probe: slow(5 * time.Second), Total: slow(10 * time.Second)})
	for i := range 3 {
		r := s.Scan(context.Background())
		if r.Took > slow(30*time.Second) {
			t.Errorf("scan %d took %s", i, r.Took)
		}
		got := lines(r, root)
		if !strings.Contains(got, "dlm|sys/kernel/dlm/ls|state|dlm lockspace ls|reset=true") || !strings.Contains(got, "gfs2|"+root+"|state|unknown|reset=true") {
			t.Errorf("scan %d:\n%s", i, got)
		}
		if i > 0 && !strings.Contains(got, "an earlier look has not returned") {
			t.Errorf("scan %d looked again beside the one that hangs:\n%s", i, got)
		}
	}
	release()
	idle := time.Now().Add(slow(10 * time.Second))
	for busy := true; busy; { // the abandoned look comes back
		s.mu.Lock()
		busy = len(s.since) > 0
		s.mu.Unlock()
		if time.Now().After(idle) {
			t.Fatal("the look never came back")
		}
		time.Sleep(time.Millisecond)
	}
	if err := os.Remove(root + "/sys/fs/gfs2/c:f/lock_module/proto_name"); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/sys/fs/gfs2/c:f/lock_module/proto_name", "lock_nolock\n")
	s.o.Probe = slow(10 * time.Second)
	if r := s.Scan(context.Background()); r.Unknown() {
		t.Errorf("after it came back:\n%s", lines(r, root))
	}
}

func TestHungSessionReader(t *testing.T) {
	gate := make(chan struct{})
	r := Scan(context.Background(), Options{SystemRoot: tree(t), Boot: boot, Probe: slow(100 * time.Millisecond), Session: func() ([]byte, error) {
		<-gate
		return noSession()
	}})
	close(gate)
	if r.Session != SessionUnreadable || !r.Unknown() || len(r.Residue()) != 0 {
		t.Errorf("%+v", r)
	}
}

// A scan that was called off is not clean.
func TestCancelledScanIsDirty(t *testing.T) {
	gate := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := Scan(ctx, Options{SystemRoot: tree(t), Boot: boot, Session: func() ([]byte, error) { <-gate; return noSession() }})
	close(gate)
	if !r.Unknown() || r.Session != SessionUnreadable || !r.Complete() {
		t.Errorf("%+v", r)
	}
}

// Bounded: a directory without end is unknown and not an endless scan; findings are counted, not heaped.
func TestBounds(t *testing.T) {
	root := tree(t)
	for i := range MaxFindings + 50 {
		mkdir(t, root, fmt.Sprintf("sys/kernel/dlm/ls%d", i))
	}
	r := scan(t, root)
	if len(r.Findings) != MaxFindings+1 || r.Findings[MaxFindings].What != "more of the same" || !r.ResetClears() {
		t.Errorf("%d findings, the last %+v", len(r.Findings), r.Findings[len(r.Findings)-1])
	}
	l := &look{o: Options{SystemRoot: root}, entries: MaxEntries - 10}
	if f, ok := l.open(ProbeDLM); !ok {
		t.Fatalf("%+v", f)
	}
	if _, err := l.list(dlmDir); !errors.Is(err, errBound) {
		t.Errorf("beyond the bound: %v", err)
	}
	if err := l.root.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNamesAreFitToPrint(t *testing.T) {
	root := tree(t, "sys/kernel/dlm/a\nb\x1b[31m", "sys/fs/gfs2/c:\xff\r/lock_module/proto_name=lock_dlm\nx")
	r := scan(t, root)
	if len(r.Residue()) != 2 {
		t.Fatal(lines(r, root))
	}
	for _, f := range r.Findings {
		if s := f.Path + f.What + f.Why; strings.ContainsAny(s, "\n\r\x1b") || !utf8.ValidString(s) {
			t.Errorf("%+v", f)
		}
	}
}

func TestSession(t *testing.T) {
	record := func(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }
	const other = "00000000-7a43-4b8e-9d0c-1b2a3c4d5e6f"
	for _, c := range []struct {
		name   string
		read   func() ([]byte, error)
		want   SessionState
		counts bool
	}{
		{"none", noSession, SessionNone, false},
		{"none, wrapped", func() ([]byte, error) { return nil, fmt.Errorf("cannot read x: %w", fs.ErrNotExist) }, SessionNone, false},
		{"torn", func() ([]byte, error) { return nil, errors.New("damaged record") }, SessionUnreadable, true},
		{"no reader", nil, SessionUnreadable, true},
		{"stateful", record(`{"boot_id":"` + boot + `","stateful":true,"clean_leave":false,"instance":"i"}`), SessionOpenStateful, true},
		{"stateless", record(`{"boot_id":"` + boot + `","stateful":false,"clean_leave":false,"later":{}}`), SessionOpenStateless, true},
		{"closed", record(`{"boot_id":"` + boot + `","stateful":true,"clean_leave":true}`), SessionClosed, false},
		{"another boot", record(`{"boot_id":"` + other + `","stateful":false,"clean_leave":true}`), SessionUnreadable, true},
		{"half a record", record(`{"boot_id":"` + boot + `","clean_leave":true}`), SessionUnreadable, true},
		{"no json", record(`{"boot_id`), SessionUnreadable, true},
		{"wrong type", record(`{"boot_id":"` + boot + `","stateful":"no","clean_leave":true}`), SessionUnreadable, true},
		{"empty", record(``), SessionUnreadable, true},
		{"null", record(`null`), SessionUnreadable, true},
	} {
		r := Scan(context.Background(), Options{SystemRoot: tree(t), Boot: boot, Session: c.read, Probe: slow(20 * time.Second), Total: slow(20 * time.Second)})
		if r.Session != c.want || (len(r.Findings) > 0) != c.counts || len(r.Residue()) != 0 {
			t.Errorf("%s: %s, findings %+v", c.name, r.Session, r.Findings)
		}
		for _, f := range r.Findings {
			if f.Class != ClassState {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
	}
	if s, _, _ := JudgeSession("", []byte(`{"boot_id":"","stateful":false,"clean_leave":true}`), nil); s != SessionUnreadable {
		t.Error("a boot without a name matches a record without one")
	}
}

// INTERFACES.md: findings[{probe,path,class,what,why,holders[{pid,comm,starttime}]}], lists never null.
func TestJSON(t *testing.T) {
	root := tree(t, "sys/kernel/dlm/ls")
	b, err := json.Marshal(scan(t, root))
	if err != nil {
		t.Fatal(err)
	}
	want := `"findings":[{"probe":"dlm","path":"` + root + `/sys/kernel/dlm/ls","class":"state","what":"dlm lockspace ls","why":"the kernel holds a lockspace that no daemon of ours controls","holders":[],"reset":true}]`
	if !strings.Contains(string(b), want) {
		t.Errorf("%s", b)
	}
	if b, err = json.Marshal(scan(t, tree(t))); err != nil || !strings.Contains(string(b), `"findings":[]`) {
		t.Errorf("%s %v", b, err)
	}
}
