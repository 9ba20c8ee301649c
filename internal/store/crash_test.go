package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var errCrash = errors.New("the power went")

// model is a disk that can lose power between any two system calls. What was not synced may be there, half there, or not at all, and a name that
// was not synced may be the old one: a crash yields every such outcome.
type model struct {
	files   map[string][]byte // what running programs see
	synced  map[string][]byte // contents that survive for certain, by identity
	names   map[string]string // name -> identity, as running programs see it
	durable map[string]string // name -> identity, certain
	next    int
	left    int // calls until the power goes; negative: never
	log     []string
}

func newModel() *model {
	return &model{files: map[string][]byte{}, synced: map[string][]byte{}, names: map[string]string{}, durable: map[string]string{}, left: -1}
}

func (m *model) step(what string) error {
	if m.left == 0 {
		return errCrash
	}
	m.left--
	m.log = append(m.log, what)
	return nil
}

func (m *model) create(path string, _ os.FileMode) (handle, error) {
	if err := m.step("create " + path); err != nil {
		return nil, err
	}
	id := m.names[path]
	if id == "" {
		m.next++
		id = fmt.Sprint("inode", m.next)
		m.names[path] = id
	}
	m.files[id] = nil
	return &modelFile{m, id}, nil
}

func (m *model) appendTo(path string, _ os.FileMode) (handle, error) {
	if err := m.step("append " + path); err != nil {
		return nil, err
	}
	if m.names[path] == "" {
		m.next++
		m.names[path] = fmt.Sprint("inode", m.next)
	}
	return &modelFile{m, m.names[path]}, nil
}

func (m *model) rename(from, to string) error {
	if err := m.step("rename " + from); err != nil {
		return err
	}
	id, ok := m.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(m.names, from)
	m.names[to] = id
	return nil
}

func (m *model) truncate(path string, size int64) error {
	if err := m.step("truncate " + path); err != nil {
		return err
	}
	id := m.names[path]
	m.files[id] = m.files[id][:size]
	m.synced[id] = slices.Clone(m.files[id])
	return nil
}

func (m *model) syncDir(string) error {
	if err := m.step("syncdir"); err != nil {
		return err
	}
	m.durable = maps.Clone(m.names)
	return nil
}

func (m *model) open(path string) (io.ReadCloser, error) {
	id, ok := m.names[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return io.NopCloser(strings.NewReader(string(m.files[id]))), nil
}

type modelFile struct {
	m  *model
	id string
}

// Write is two steps, so that the power can go in the middle.
func (f *modelFile) Write(b []byte) (int, error) {
	for i, part := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
		if err := f.m.step("write"); err != nil {
			return i * len(b) / 2, err
		}
		f.m.files[f.id] = append(f.m.files[f.id], part...)
	}
	return len(b), nil
}

func (f *modelFile) Sync() error {
	if err := f.m.step("sync"); err != nil {
		return err
	}
	f.m.synced[f.id] = slices.Clone(f.m.files[f.id])
	return nil
}

func (f *modelFile) Close() error { return nil }

// outcomes are the disks that a crash may leave: names old or new, each unsynced content lost, cut at several places, full of zeros, or whole.
func (m *model) outcomes() []*model {
	var out []*model
	for _, names := range []map[string]string{m.durable, m.names} {
		variants := []*model{newModel()}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			id := names[name]
			var next []*model
			for _, v := range variants {
				for _, content := range m.contents(id) {
					c := newModel()
					c.files, c.names, c.next = maps.Clone(v.files), maps.Clone(v.names), m.next
					c.files[id], c.names[name] = content, id
					c.synced, c.durable = maps.Clone(c.files), maps.Clone(c.names)
					next = append(next, c)
				}
			}
			variants = next
		}
		out = append(out, variants...)
	}
	return out
}

func (m *model) contents(id string) [][]byte {
	safe, now := m.synced[id], m.files[id]
	if string(safe) == string(now) {
		return [][]byte{slices.Clone(now)}
	}
	all := [][]byte{slices.Clone(safe), slices.Clone(now), {}}
	if len(now) >= len(safe) && strings.HasPrefix(string(now), string(safe)) { // an append: its blocks come in any order
		tail := now[len(safe):]
		all = all[:2]
		for _, n := range []int{1, len(tail) / 2, len(tail) - 1} {
			if n > 0 && n < len(tail) {
				all = append(all, slices.Clone(now[:len(safe)+n]))
				zeros := slices.Clone(now)
				clear(zeros[len(safe) : len(safe)+n])
				all = append(all, zeros)
			}
		}
	}
	return all
}

// V16: after a crash at any boundary of a write a reader finds the old or the new record, whole; after a write that returned nil, the new one.
func TestFileCrashAtEveryBoundary(t *testing.T) {
	boundaries, outcomes := 0, 0
	for stop := 0; ; stop++ {
		m := newModel()
		f := &File{path: "d/x", deadline: DefaultDeadline, disk: m}
		if err := f.Write([]byte("old")); err != nil {
			t.Fatal(err)
		}
		m.left = stop
		err := f.Write([]byte("new and longer"))
		for _, after := range m.outcomes() {
			outcomes++
			got, rerr := readRecord(after, "d/x")
			if rerr != nil {
				t.Fatalf("stop %d after %v: %v", stop, m.log, rerr)
			}
			if s := string(got); s != "new and longer" && (s != "old" || err == nil) {
				t.Fatalf("stop %d after %v: write returned %v, the reader finds %q", stop, m.log, err, s)
			}
			// A leftover of the crash does not hinder the next write.
			g := &File{path: "d/x", deadline: DefaultDeadline, disk: after}
			if err := g.Write([]byte("third")); err != nil {
				t.Fatalf("stop %d: the next write: %v", stop, err)
			}
		}
		if err == nil {
			break
		}
		boundaries++
	}
	if boundaries < 6 || outcomes < 10 {
		t.Errorf("only %d boundaries and %d outcomes were tried", boundaries, outcomes)
	}
}

// The first write of a record: nothing, or the record.
func TestFirstWriteCrash(t *testing.T) {
	for stop := range 8 {
		m := newModel()
		m.left = stop
		f := &File{path: "d/x", deadline: DefaultDeadline, disk: m}
		err := f.Write([]byte("new"))
		for _, after := range m.outcomes() {
			got, rerr := readRecord(after, "d/x")
			whole := rerr == nil && string(got) == "new"
			if !whole && (err == nil || !errors.Is(rerr, fs.ErrNotExist)) {
				t.Fatalf("stop %d after %v: write %v, read %q %v", stop, m.log, err, got, rerr)
			}
		}
	}
}

// A crash at any boundary of appends, also of those that turn the files over: every entry whose append returned nil is there, in order, once,
// and opening finds no damage.
func TestHistoryCrashAtEveryBoundary(t *testing.T) {
	const entries, keep = 9, 3
	for stop := 0; ; stop++ {
		m := newModel()
		m.left = stop
		told, tried := 0, 0
		h, _, err := openHistory(m, "d/h", keep, DefaultDeadline)
		for err == nil && tried < entries {
			tried++
			if err = h.Append(fmt.Appendf(nil, `{"n":%d}`, tried)); err == nil {
				told = tried
			}
		}
		for _, after := range m.outcomes() {
			checkHistory(t, after, fmt.Sprintf("stop %d after %v", stop, m.log), told, tried, keep)
		}
		if err == nil {
			if stop < 30 {
				t.Errorf("only %d boundaries", stop)
			}
			return
		}
	}
}

func checkHistory(t *testing.T, m *model, when string, told, tried, keep int) {
	t.Helper()
	h, r, err := openHistory(m, "d/h", keep, DefaultDeadline)
	if err != nil || r.Err() != nil {
		t.Fatalf("%s: opening: %v, %v", when, err, r.Err())
	}
	last, err := h.Last(100)
	if err != nil {
		t.Fatal(err)
	}
	top := 0
	if len(last) > 0 {
		if _, err := fmt.Sscanf(string(last[len(last)-1]), `{"n":%d}`, &top); err != nil {
			t.Fatal(err)
		}
	}
	if top < told || top > tried {
		t.Fatalf("%s: told %d, tried %d, found up to %d", when, told, tried, top)
	}
	if len(last) < min(top, keep) {
		t.Fatalf("%s: %d entries of %d, at least %d must be kept", when, len(last), top, keep)
	}
	for i, e := range last {
		if want := fmt.Sprintf(`{"n":%d}`, top-len(last)+1+i); string(e) != want {
			t.Fatalf("%s: entry %d is %s, want %s", when, i, e, want)
		}
	}
	if err := h.Append([]byte(`{"n":0}`)); err != nil {
		t.Fatalf("%s: the next append: %v", when, err)
	}
}

func tempPath(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(t.TempDir(), name)
}
