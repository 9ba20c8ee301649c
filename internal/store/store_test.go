package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFileOnRealDisk(t *testing.T) {
	f := NewFile(tempPath(t, "x"), 0o600, 0)
	if _, err := f.Read(); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("nothing there: %v", err)
	}
	for _, data := range []string{"", "one", strings.Repeat("two\n", 1000)} {
		if err := f.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
		got, err := f.Read()
		if err != nil || string(got) != data {
			t.Fatalf("%d bytes: read %d, %v", len(data), len(got), err)
		}
	}
	info, err := os.Stat(f.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if err := f.Write(make([]byte, MaxRecord+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if got, err := Read(f.Path()); err != nil || len(got) != 4000 {
		t.Errorf("after a refused write: %d bytes, %v", len(got), err)
	}
}

// R26: what is damaged is never taken for absent. Every single bit of a record counts, and so does every byte that is missing.
func TestEveryFlippedBitIsFound(t *testing.T) {
	f := NewFile(tempPath(t, "x"), 0o600, 0)
	if err := f.Write([]byte(`{"boot_id":"a","stateful":true}`)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(f.Path(), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Read(); !errors.Is(err, ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s: read %q, %v", what, got, err)
		}
	}
	for i := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			check(fmt.Sprintf("bit %d of byte %d", bit, i), b)
		}
		check(fmt.Sprintf("cut at %d", i), whole[:i])
	}
	check("a byte more", append(bytes.Clone(whole), '\n'))
}

func TestWhatIsNoPlainFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(pipe); err == nil || errors.Is(err, fs.ErrNotExist) { // would hang if it were opened
		t.Errorf("a pipe: %v", err)
	}
}

// stuck is a disk whose sync hangs until it is let go.
type stuck struct {
	disk
	mu   sync.Mutex
	gate chan struct{} // nil: does not hang
	in   chan struct{}
}

func (s *stuck) create(path string, mode os.FileMode) (handle, error) {
	h, err := s.disk.create(path, mode)
	return stuckHandle{h, s}, err
}

func (s *stuck) appendTo(path string, mode os.FileMode) (handle, error) {
	h, err := s.disk.appendTo(path, mode)
	return stuckHandle{h, s}, err
}

type stuckHandle struct {
	handle
	s *stuck
}

func (h stuckHandle) Sync() error {
	h.s.mu.Lock()
	gate := h.s.gate
	h.s.mu.Unlock()
	if gate != nil {
		h.s.in <- struct{}{}
		<-gate
	}
	return h.handle.Sync()
}

func (s *stuck) hang() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate, s.in = gate, make(chan struct{}, 1)
	return func() {
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
	}
}

// slow multiplies a test's deadline by FENCED_TEST_SLOW.
func slow(d time.Duration) time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(float64(d) * f)
	}
	return d
}

// waitFor polls a condition that only another goroutine's end brings about.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(slow(10 * time.Second))
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// R20: a hung disk costs the caller its deadline once; until it answers every write is refused at once, and afterwards all is well.
func TestSlowDiskPoisonsTheFile(t *testing.T) {
	s := &stuck{disk: osDisk{}}
	f := &File{path: tempPath(t, "x"), mode: 0o600, deadline: 50 * time.Millisecond, disk: s}
	f.deadline = slow(5 * time.Second)
	if err := f.Write([]byte("old")); err != nil {
		t.Fatal(err)
	}
	f.deadline = 50 * time.Millisecond
	release := s.hang()
	data := []byte("late")
	if err := f.Write(data); !errors.Is(err, ErrSlow) {
		t.Fatalf("hung: %v", err)
	}
	copy(data, "XXXX") // the caller may reuse its bytes
	begin := time.Now()
	for range 100 {
		if err := f.Write([]byte("refused")); !errors.Is(err, ErrSlow) {
			t.Fatalf("poisoned: %v", err)
		}
	}
	if d := time.Since(begin); d > slow(2*time.Second) {
		t.Errorf("a poisoned writer took %s to refuse", d)
	}
	if got, err := f.Read(); err != nil || string(got) != "old" {
		t.Errorf("meanwhile: %q %v", got, err)
	}
	release()
	waitFor(t, "the writer is free again", func() bool { return !f.Poisoned() })
	if got, err := f.Read(); err != nil || string(got) != "late" {
		t.Errorf("the late write: %q %v", got, err)
	}
	f.deadline = slow(5 * time.Second)
	if err := f.Write([]byte("next")); err != nil {
		t.Errorf("after the disk answered: %v", err)
	}
}

func TestSlowDiskAndHistory(t *testing.T) {
	s := &stuck{disk: osDisk{}}
	h, _, err := openHistory(s, tempPath(t, "h"), 100, slow(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Append([]byte("1")); err != nil {
		t.Fatal(err)
	}
	h.deadline = 50 * time.Millisecond
	release := s.hang()
	if err := h.Append([]byte("2")); !errors.Is(err, ErrSlow) {
		t.Fatalf("hung: %v", err)
	}
	if err := h.Append([]byte("3")); !errors.Is(err, ErrSlow) {
		t.Fatalf("poisoned: %v", err)
	}
	if err := h.Close(); !errors.Is(err, ErrSlow) {
		t.Fatalf("closing what hangs: %v", err)
	}
	release()
	waitFor(t, "the writer is free again", func() bool { return !h.lane.poisoned() })
	h.deadline = slow(5 * time.Second)
	if err := h.Append([]byte("4")); err != nil {
		t.Fatal(err)
	}
	got, err := h.Last(10)
	if err != nil || fmt.Sprintf("%s", got) != "[1 2 4]" {
		t.Errorf("%s %v", got, err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// failing is a disk on which one write fails half-way, as a full one does.
type failing struct {
	disk
	fail bool
}

func (f *failing) appendTo(path string, mode os.FileMode) (handle, error) {
	h, err := f.disk.appendTo(path, mode)
	return failingHandle{h, f}, err
}

type failingHandle struct {
	handle
	f *failing
}

func (h failingHandle) Write(b []byte) (int, error) {
	if h.f.fail {
		n, _ := h.handle.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	}
	return h.handle.Write(b)
}

// Half an entry of a full disk must not spoil the entry after it.
func TestFullDiskAndHistory(t *testing.T) {
	f := &failing{disk: osDisk{}}
	h, _, err := openHistory(f, tempPath(t, "h"), 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.fail = true
	if err := h.Append([]byte("lost entry")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	f.fail = false
	if err := h.Append([]byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h, r, err := OpenHistory(h.path, 100, 0)
	if err != nil || r.Err() != nil || r.Entries != 1 || r.TornBytes != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if got, _ := h.Last(5); fmt.Sprintf("%s", got) != "[kept]" {
		t.Errorf("%s", got)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	path := tempPath(t, "h")
	h, _, err := OpenHistory(path, 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 95 {
		if err := h.Append(fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := h.Last(3)
	if err != nil || fmt.Sprintf("%s", got) != "[92 93 94]" {
		t.Errorf("%s %v", got, err)
	}
	all, err := h.Last(1000)
	if err != nil || len(all) < 10 || len(all) > 20 || string(all[0]) != fmt.Sprint(95-len(all)) {
		t.Errorf("%d entries from %s: %v", len(all), all[0], err)
	}
	if none, err := h.Last(0); err != nil || none != nil {
		t.Errorf("%s %v", none, err)
	}
	stop := errors.New("enough")
	if err := h.Each(func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a reader that stops: %v", err)
	}
	if err := h.Append([]byte("a\nb")); err == nil {
		t.Error("a line end got in")
	}
	if err := h.Append(make([]byte, MaxEntry+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Append([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if files, _ := filepath.Glob(path + "*"); len(files) != 2 {
		t.Errorf("files: %v", files)
	}
}

// A torn end is dropped in silence; damage in the middle is told, skipped, and not thrown away.
func TestHistoryDamage(t *testing.T) {
	lines := func(entries ...string) string {
		var b strings.Builder
		for _, e := range entries {
			b.Write(encodeLine([]byte(e)))
		}
		return b.String()
	}
	long := strings.Repeat("x", 3*MaxEntry)
	for _, c := range []struct {
		name, older, file string
		entries, damaged  int
		torn              bool
		want              string
	}{
		{name: "empty"},
		{name: "whole", file: lines("a", "b"), entries: 2, want: "a b"},
		{name: "no line end", file: lines("a", "b") + "deadbeef half", entries: 2, torn: true, want: "a b"},
		{name: "last line wrong", file: lines("a") + "00000000 b\n", entries: 1, torn: true, want: "a"},
		{name: "last line zeros", file: lines("a") + "\x00\x00\x00\n", entries: 1, torn: true, want: "a"},
		{name: "empty last line", file: lines("a") + "\n", entries: 1, torn: true, want: "a"},
		{name: "long torn end", file: lines("a") + long, entries: 1, torn: true, want: "a"},
		{name: "middle", file: lines("a") + "00000000 b\n" + lines("c"), entries: 2, damaged: 1, want: "a c"},
		{name: "long middle", file: lines("a") + long + "\n" + lines("c"), entries: 2, damaged: 1, want: "a c"},
		{name: "middle and end", file: "x\n" + lines("a") + "y\nz\n" + lines("c") + "t", entries: 2, damaged: 3, torn: true, want: "a c"},
		{name: "end of the older file", older: lines("a") + "half", file: lines("c"), entries: 2, damaged: 1, want: "a c"},
	} {
		path := tempPath(t, "h")
		if err := errors.Join(os.WriteFile(path+".1", []byte(c.older), 0o600), os.WriteFile(path, []byte(c.file), 0o600)); err != nil {
			t.Fatal(err)
		}
		h, r, err := OpenHistory(path, 100, 0)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if r.Entries != c.entries || r.Damaged != c.damaged || r.TornBytes > 0 != c.torn {
			t.Errorf("%s: %+v", c.name, r)
		}
		if c.damaged > 0 != errors.Is(r.Err(), ErrCorrupt) {
			t.Errorf("%s: %v", c.name, r.Err())
		}
		if err := h.Append([]byte("end")); err != nil {
			t.Fatal(err)
		}
		got, err := h.Last(100)
		if err != nil || strings.Join(strings.Fields(strings.Trim(fmt.Sprintf("%s", got), "[]")), " ") != strings.TrimSpace(c.want+" end") {
			t.Errorf("%s: %s %v", c.name, got, err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A reader beside a writer sees a gapless run that ends not earlier than what was written before it began.
func TestReadersSeeNoHole(t *testing.T) {
	h, _, err := OpenHistory(tempPath(t, "h"), 5, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 1; i <= 400 && err == nil; i++ {
			err = h.Append(fmt.Appendf(nil, "%d", i))
		}
		done <- err
	}()
	reads := 0
	for running := true; running; reads++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		prev := 0
		if err := h.Each(func(e []byte) error {
			var n int
			if _, err := fmt.Sscan(string(e), &n); err != nil {
				return err
			}
			if prev != 0 && n != prev+1 {
				return fmt.Errorf("%d after %d", n, prev)
			}
			prev = n
			return nil
		}); err != nil {
			t.Fatalf("read %d: %v", reads, err)
		}
		if !running && prev != 400 {
			t.Errorf("the last read ends at %d", prev)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// R3: a store keeps its identity, has none by itself, and a damaged one is not replaced.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	if _, err := Identity(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a fresh store: %v", err)
	}
	id, err := CreateIdentity(dir, 0)
	if err != nil || len(id) != 32 {
		t.Fatalf("%q %v", id, err)
	}
	if again, err := Identity(dir); err != nil || again != id {
		t.Fatalf("%q %v", again, err)
	}
	if _, err := CreateIdentity(dir, 0); err == nil {
		t.Error("a store got a second identity")
	}
	if err := os.WriteFile(filepath.Join(dir, "identity"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Identity(dir); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	if _, err := CreateIdentity(dir, 0); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged identity was replaced: %v", err)
	}
	other, err := CreateIdentity(t.TempDir(), 0)
	if err != nil || other == id {
		t.Errorf("two stores, one identity: %v", err)
	}
}
