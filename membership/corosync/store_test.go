package corosync

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func entries(from, to uint64, text string) (es []agreement.Entry) {
	for i := from; i <= to; i++ {
		es = append(es, agreement.Entry{Index: i, Node: 1, Boot: "b", Instance: "i", Number: i, Data: []byte(text)})
	}
	return es
}

// opened is a store whose writes can be waited for.
func opened(t *testing.T, dir string) (*store, identity, agreement.Durable, func(...agreement.Change)) {
	t.Helper()
	s, id, d, err := openStore(dir, 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan uint64, 100)
	s.written = func(seq uint64, _ time.Time) { done <- seq }
	s.failed = func(err error) { t.Error(err) }
	go s.run()
	seq := uint64(0)
	return s, id, d, func(cs ...agreement.Change) {
		t.Helper()
		for _, c := range cs {
			seq++
			s.write(agreement.Write{Seq: seq, Change: c})
		}
		for at := uint64(0); at < seq; {
			select {
			case at = <-done:
			case <-time.After(10 * time.Second):
				t.Fatal("a write was never done")
			}
		}
	}
}

func TestStoreKeepsEveryChange(t *testing.T) {
	dir := t.TempDir()
	s, id, d, put := opened(t, dir)
	if id.Store == "" || id.Starts != 1 || !reflect.DeepEqual(d, agreement.Durable{}) {
		t.Errorf("a new store has %+v, %+v", id, d)
	}
	meta := agreement.Meta{Domain: "d", Promised: 4, Synced: 3, Commit: 2}
	put(
		agreement.Change{Meta: meta, Append: entries(1, 8, "old")},
		agreement.Change{Meta: meta, Cut: true, After: 5, Append: entries(6, 7, "new")},
		agreement.Change{Meta: meta, Snapshot: []byte("snapshot"), SnapAt: 2},
	)
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
	s, again, d, _ := opened(t, dir)
	want := agreement.Durable{Meta: meta, SnapAt: 2, Snapshot: []byte("snapshot"), Entries: append(entries(3, 5, "old"), entries(6, 7, "new")...)}
	if again.Store != id.Store || again.Starts != 2 || !reflect.DeepEqual(d, want) {
		t.Errorf("after a restart: %+v\n%+v\nwant\n%+v", again, d, want)
	}
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := openStore(dir, 2, time.Minute); err == nil || !strings.Contains(err.Error(), "the store of node 1, not of node 2") {
		t.Errorf("another node's store: %v", err)
	}
}

// What is damaged is an error that names the file, never an empty store (unknown is never good news).
func TestDamagedStoresAreRefused(t *testing.T) {
	for name, damage := range map[string]func(*bbolt.Tx) error{
		"state":    func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyState, []byte("{")) },
		"identity": func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyIdentity, []byte("x")) },
		"index":    func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keySnapAt, []byte("x")) },
		"entry":    func(tx *bbolt.Tx) error { return tx.Bucket(bucketLog).Put(key(3), []byte("nonsense")) },
		"misplaced entry": func(tx *bbolt.Tx) error {
			b, err := json.Marshal(entries(9, 9, "x")[0])
			if err != nil {
				return err
			}
			return tx.Bucket(bucketLog).Put(key(3), b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, _, _, put := opened(t, dir)
			put(agreement.Change{Append: entries(1, 4, "x")}, agreement.Change{Snapshot: []byte("{}"), SnapAt: 1})
			if err := s.close(time.Minute); err != nil {
				t.Fatal(err)
			}
			db, err := bbolt.Open(filepath.Join(dir, "log.db"), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Update(damage); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if _, _, _, err := openStore(dir, 1, time.Minute); err == nil || !strings.Contains(err.Error(), "log.db") {
				t.Errorf("accepted: %v", err)
			}
		})
	}
	t.Run("no database", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "log.db"), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := openStore(dir, 1, time.Minute); err == nil || !strings.Contains(err.Error(), "log.db") {
			t.Errorf("accepted: %v", err)
		}
	})
}

// R20: a write that hangs is noticed by who looks, and one that fails is told, once.
func TestLateAndFailedWrites(t *testing.T) {
	s, _, _, err := openStore(t.TempDir(), 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 2)
	s.failed = func(err error) { failed <- err }
	s.written = func(uint64, time.Time) { t.Error("a write that failed was done") }
	tx, err := s.db.Begin(true) // whoever writes waits
	if err != nil {
		t.Fatal(err)
	}
	go s.run()
	s.write(agreement.Write{Seq: 1})
	for !s.late(time.Now().Add(time.Hour)) { // until it is under way
		time.Sleep(time.Millisecond)
	}
	if s.late(time.Now()) {
		t.Error("late before its deadline")
	}
	if err := tx.DeleteBucket(bucketLog); err != nil {
		t.Fatal(err)
	}
	if err := tx.DeleteBucket(bucketMeta); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.CreateBucket(bucketMeta); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Bucket(bucketMeta).CreateBucket(keyState); err != nil { // a bucket where a value belongs: it cannot be written
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if !strings.Contains(err.Error(), "cannot write the log") {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
	}
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
}

// A store that nobody writes to proves all the same that its disk takes writes, and keeps what it had (R20).
func TestAnIdleStoreWrites(t *testing.T) {
	dir := t.TempDir()
	s, _, _, put := opened(t, dir)
	put(agreement.Change{Meta: agreement.Meta{Domain: "d"}, Append: entries(1, 2, "x")})
	at := make(chan time.Time, 8)
	s.mu.Lock()
	s.written = func(_ uint64, when time.Time) { at <- when }
	s.mu.Unlock()
	before := time.Now()
	s.probe()
	select {
	case when := <-at:
		if when.Before(before) {
			t.Error("its word is older than the question")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was written")
	}
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
	s, _, d, _ := opened(t, dir)
	if d.Meta.Domain != "d" || len(d.Entries) != 2 {
		t.Errorf("it holds %+v", d)
	}
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
}

// What a store remembers is read without changing it, and not beside a daemon that has it open.
func TestRememberReadsAStore(t *testing.T) {
	dir := t.TempDir()
	if _, err := Remember(dir, 1); !errors.Is(err, ErrNoStore) {
		t.Errorf("of nothing: %v", err)
	}
	s, id, _, put := opened(t, Dir(dir))
	view := agreement.Entry{Index: 1, Node: 1, Boot: "b", Instance: "i", View: &agreement.View{Members: []agreement.Hello{{Node: 1, Boot: "b", Instance: "i", Store: id.Store}}}}
	put(agreement.Change{Meta: agreement.Meta{Domain: "d", Commit: 2}, Append: append([]agreement.Entry{view}, entries(2, 3, "x")...)})
	if _, err := Remember(dir, 1); err == nil {
		t.Error("it is read while it is open")
	}
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
	r, err := Remember(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	var told []membership.Event
	if err := r.Replay(func(e membership.Event) { told = append(told, e) }); err != nil || r.Domain() != "d" || !r.Only() || len(told) != 2 {
		t.Errorf("domain %s, only %v, %+v, %v", r.Domain(), r.Only(), told, err)
	}
	if _, ok := told[0].(membership.ViewInstalled); !ok {
		t.Errorf("first is %+v", told[0])
	}
	if _, err := Remember(dir, 2); err == nil {
		t.Error("another node's store is read")
	}
	s, again, _, _ := opened(t, Dir(dir))
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
	if again.Starts != id.Starts+1 {
		t.Errorf("to be read counted as a start: %d after %d", again.Starts, id.Starts)
	}
}

// A write that nothing waits for goes with the next one, and alone after a moment: it is never lost, and keeps nobody waiting.
func TestLazyWriteGoesWithTheNext(t *testing.T) {
	s, _, _, err := openStore(t.TempDir(), 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan uint64, 100)
	s.written = func(seq uint64, _ time.Time) { done <- seq }
	s.failed = func(err error) { t.Error(err) }
	commit := func(seq uint64) agreement.Write {
		return agreement.Write{Seq: seq, Lazy: true, Change: agreement.Change{Meta: agreement.Meta{Commit: seq}}}
	}
	s.write(commit(1))
	s.write(agreement.Write{Seq: 2, Change: agreement.Change{Append: entries(1, 1, "x")}})
	go s.run()
	if at := <-done; at != 2 {
		t.Errorf("the first write ends with %d, want both at once", at)
	}
	began := time.Now()
	s.write(commit(3))
	if at := <-done; at != 3 || time.Since(began) < lazyWrite {
		t.Errorf("write %d alone after %v, want %d after %v", at, time.Since(began), 3, lazyWrite)
	}
	if err := s.close(time.Minute); err != nil {
		t.Fatal(err)
	}
}
