package embedded

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func openTest(t *testing.T, dir string) *store {
	t.Helper()
	s, err := openStore(dir, 5*time.Second, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func logs(term, from, to uint64) (out []*raft.Log) {
	for i := from; i <= to; i++ {
		out = append(out, &raft.Log{Index: i, Term: term, Type: raft.LogCommand, Data: []byte{byte(i)}, AppendedAt: time.Unix(5, 7)})
	}
	return out
}

func ends(t *testing.T, s *store, first, last uint64) {
	t.Helper()
	f, _ := s.FirstIndex()
	l, _ := s.LastIndex()
	if f != first || l != last {
		t.Errorf("log from %d to %d, want %d to %d", f, l, first, last)
	}
	for i := uint64(1); i < 60; i++ {
		err := s.GetLog(i, new(raft.Log))
		if in := i >= first && i <= last && last != 0; in != (err == nil) || !in && !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
}

func TestLogStore(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	ends(t, s, 0, 0)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.StoreLogs(logs(1, 1, 50)))
	ends(t, s, 1, 50)
	must(s.DeleteRange(1, 20)) // after a snapshot
	ends(t, s, 21, 50)
	var l raft.Log
	must(s.GetLog(30, &l))
	if l.Index != 30 || l.Term != 1 || string(l.Data) != string([]byte{30}) || !l.AppendedAt.Equal(time.Unix(5, 7)) {
		t.Errorf("read back %+v", l)
	}
	must(s.DeleteRange(40, 50)) // another leader's entries come
	ends(t, s, 21, 39)
	if e := s.end(); e != (position{1, 50}) {
		t.Errorf("the store went back to %+v before the new entries came", e)
	}
	must(s.StoreLogs(logs(2, 40, 42)))
	ends(t, s, 21, 42)
	if e := s.end(); e != (position{2, 42}) {
		t.Errorf("end %+v", e)
	}
	s.close()
	s = openTest(t, dir)
	ends(t, s, 21, 42)
	must(s.DeleteRange(21, 42))
	ends(t, s, 0, 0)
	must(s.StoreLogs(logs(3, 55, 56))) // after a snapshot that was installed
	ends(t, s, 55, 56)
}

// A cut that the new entries never followed has not happened: the old entries are there after a crash, and the position has not gone back (R3).
func TestLogCutBeforeACrash(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	if err := s.StoreLogs(logs(4, 1, 9)); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRange(5, 9); err != nil {
		t.Fatal(err)
	}
	s.close()
	s = openTest(t, dir)
	ends(t, s, 1, 9)
	if e := s.end(); e != (position{4, 9}) {
		t.Errorf("end %+v", e)
	}
}

// R20: a late write fails the store for ever and says so once.
func TestLateWriteFailsTheStore(t *testing.T) {
	gate := make(chan struct{})
	armed := make(chan struct{}, 1)
	failed := make(chan error, 10)
	s, err := openStore(t.TempDir(), 100*time.Millisecond, func() {
		select {
		case <-armed:
			<-gate
		default:
		}
	}, func(err error) { failed <- err })
	if err != nil {
		t.Fatal(err)
	}
	armed <- struct{}{}
	start := time.Now()
	if err := s.StoreLogs(logs(1, 1, 1)); !errors.Is(err, errStore) {
		t.Errorf("late write: %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("the writer was held for %v", d)
	}
	close(gate)
	if err := s.StoreLogs(logs(1, 1, 1)); !errors.Is(err, errStore) {
		t.Errorf("write after a late one: %v", err)
	}
	if len(failed) != 1 {
		t.Errorf("told %d times", len(failed))
	}
	held := make(chan struct{})
	go func() { // Raft panics if this returns an error
		_ = s.SetUint64([]byte("CurrentTerm"), 9)
		close(held)
	}()
	s.close()
	<-held
}

func TestOneDaemonForAStore(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir)
	if s, err := openStore(dir, time.Second, nil, nil); err == nil {
		s.close()
		t.Error("two daemons on one store")
	}
}

func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	a, err := s.begin(1)
	if err != nil || a.Store == "" || a.Starts != 1 || a.Domain != "" {
		t.Fatalf("first start: %+v, %v", a, err)
	}
	if err := s.adopt("d"); err != nil {
		t.Fatal(err)
	}
	s.close()
	s = openTest(t, dir)
	b, err := s.begin(1)
	if err != nil || b.Store != a.Store || b.Starts != 2 || b.Domain != "d" {
		t.Errorf("second start: %+v, %v", b, err)
	}
	if err := s.bootstrap("e", "1/x"); !errors.Is(err, ErrHasDomain) {
		t.Errorf("bootstrap over a domain: %v", err)
	}
	if c, err := openTest(t, t.TempDir()).begin(1); err != nil || c.Store == a.Store {
		t.Errorf("another store has the same identity: %+v, %v", c, err)
	}
}
