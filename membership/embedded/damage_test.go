package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// aStore is the directory of a store that has been at work: entries, a term and a vote, floors of peers, a snapshot.
func aStore(t *testing.T) string {
	t.Helper()
	p := newParty(t, 3)
	p.tweak = func(c *Config) { c.SnapshotEvery = 8 }
	p.startAll()
	for i := uint64(1); i <= 40; i++ {
		p.commits(1, i, fmt.Sprintf("entry %d %s", i, strings.Repeat("x", int(i)*13)))
	}
	p.readers[2].Until("the last entry", func(s *membershiptest.State) bool { return s.Has("entry 40 " + strings.Repeat("x", 40*13)) })
	if err := p.Compact(); err != nil {
		t.Fatal(err)
	}
	p.commits(1, 41, "behind the snapshot")
	p.heardPosition(2, 1)
	for _, id := range []fence.NodeID{1, 2, 3} {
		p.kill(id)
	}
	return filepath.Join(p.store(2), "raft")
}

// content is all that a store holds, as one text.
func content(path string) (string, error) {
	var b bytes.Buffer
	if _, err := verify(path); err != nil {
		return "", err
	}
	err := eachValue(path, func(bucket, key, value []byte) error {
		fmt.Fprintf(&b, "%s %x %x\n", bucket, key, value)
		return nil
	}, func(bucket []byte, anchor uint64) { fmt.Fprintf(&b, "%s %x\n", bucket, anchor) })
	return b.String(), err
}

// V16: no flipped bit anywhere in the file changes what a store says without being told.
func TestNoFlippedBitPassesUnseen(t *testing.T) {
	dir := aStore(t)
	path := filepath.Join(dir, "log.db")
	whole, err := content(path)
	if err != nil || !strings.Contains(whole, "log ") || !strings.Contains(whole, "stable ") || !strings.Contains(whole, "peers ") {
		t.Fatalf("%v: %d bytes", err, len(whole))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	told, tried := 0, 0
	for at := 0; at < len(raw); at += 7 {
		if at > 8192 && raw[at] == 0 && at%35 != 0 { // most of the rest is empty: a fifth of it will do
			continue
		}
		tried++
		if _, err := f.WriteAt([]byte{raw[at] ^ 1<<(at%8)}, int64(at)); err != nil {
			t.Fatal(err)
		}
		now, err := content(path)
		if err != nil {
			told++
		} else if now != whole {
			t.Fatalf("bit %d of byte %d is flipped, and the store says something else", at%8, at)
		}
		if _, err := f.WriteAt(raw[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	if 7*told < len(whole)/2 { // fewer than one of seven bytes of content, and each of them should be; how much of the file is free is chance
		t.Errorf("%d of %d flipped bits were told: this test shows nothing", told, tried)
	}
}

func TestNoDamageOfASnapshotPassesUnseen(t *testing.T) {
	dir := aStore(t)
	files, err := filepath.Glob(filepath.Join(dir, "snapshots", "*", "*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	read := func() (string, error) {
		s, err := openStore(dir, offlineDeadline, nil, nil)
		if err != nil {
			return "", err
		}
		defer s.close()
		if err := s.checkSnapshots(); err != nil {
			return "", err
		}
		m, err := readSnapshot(dir, filepath.Base(filepath.Dir(files[0])))
		return fmt.Sprint(m.Index, m.Term, m.Configuration, m.ConfigurationIndex), err
	}
	whole, err := read()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(raw); at += max(1, len(raw)/60) {
			bad := bytes.Clone(raw)
			bad[at] ^= 1 << (at % 8)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if now, err := read(); err == nil && now != whole {
				t.Fatalf("bit %d of byte %d of %s is flipped, and the snapshot is another one: %s, was %s", at%8, at, path, now, whole)
			}
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "snapshots")); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); err == nil || !strings.Contains(err.Error(), "newest snapshot") {
		t.Errorf("the log does not follow any snapshot: %v", err)
	}
}

// What is damaged is named, is never made anew, and never ends the process.
func TestDamagedStoresAreNamed(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(aStore(t), "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bytes := range map[string][]byte{
		"nothing in it": {}, "one byte": {1}, "cut in the first page": good[:100], "cut after the meta pages": good[:8192], "the last page is missing": good[:len(good)/2],
		"garbage": []byte(strings.Repeat("garbage!", 8192)), "zeros": make([]byte, 65536),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "log.db")
			if err := os.WriteFile(path, bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			unusableStore(t, dir, path)
		})
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	unusableStore(t, dir, path)
	dir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "snapshots", "2-9-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	unusableStore(t, dir, filepath.Join(dir, "log.db"))
}

func unusableStore(t *testing.T, dir, path string) {
	t.Helper()
	s, err := openStore(dir, offlineDeadline, nil, nil)
	if err == nil {
		s.close()
	}
	var u *UnusableError
	if !errors.As(err, &u) || u.Path != path {
		t.Errorf("%s: %v", path, err)
	}
}

// A store of an earlier build has no seals: it is taken as it is, once, and is sealed from then on.
func TestAStoreOfAnEarlierBuildIsSealed(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	p.commits(1, 1, "before")
	p.kill(3)
	p.settle(1, 2)
	path := filepath.Join(p.store(3), "raft", "log.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketLog, bucketStable, bucketMeta, bucketPeers} {
			plain := map[string][]byte{}
			if err := in(tx, name).ForEach(func(k, v []byte) error { plain[string(k)] = bytes.Clone(v); return nil }); err != nil {
				return err
			}
			for k, v := range plain {
				if err := tx.Bucket(name).Put([]byte(k), v); err != nil {
					return err
				}
			}
		}
		return tx.Bucket(bucketMeta).Delete(metaFormat)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if format, err := verify(path); format != "" || err != nil {
		t.Fatal(format, err)
	}
	p.start(3, 2)
	p.settle(1, 2, 3)
	p.readers[3].Until("before", func(s *membershiptest.State) bool { return s.Has("before") })
	p.kill(3)
	if format, err := verify(path); format != string(format3) || err != nil {
		t.Fatal(format, err)
	}
}

// V16: a page that says that it is empty has lost what is behind its end.
func TestAPageThatSaysThatItIsEmptyIsTold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	s, err := openStore(dir, offlineDeadline, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 8; i++ {
		if err := s.StoreLog(&raft.Log{Index: i, Term: 1, Data: make([]byte, 300)}); err != nil {
			t.Fatal(err)
		}
	}
	s.close()
	whole, err := content(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for at := 2 * os.Getpagesize(); at < len(raw); at += os.Getpagesize() {
		if binary.NativeEndian.Uint16(raw[at+8:]) != flagLeaf || binary.NativeEndian.Uint16(raw[at+10:]) == 0 {
			continue
		}
		bad := bytes.Clone(raw)
		binary.NativeEndian.PutUint16(bad[at+10:], 0)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		now, err := content(path)
		if err != nil {
			told++
		} else if now != whole {
			t.Errorf("the page at %d has lost its elements, and nobody is told", at)
		}
	}
	if told == 0 {
		t.Error("no page that is in use was emptied: this test shows nothing")
	}
}

// V16: a page number that leads to an older page of the same bucket, whole and sealed, is told. (A copy of that page stands for it here.)
func TestAnOlderPageIsTold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	s, err := openStore(dir, offlineDeadline, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	append8 := func(from uint64) {
		for i := from; i < from+8; i++ {
			if err := s.StoreLog(&raft.Log{Index: i, Term: 1, Data: make([]byte, 200)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	logPage := func() uint64 {
		id := uint64(0)
		_ = s.db.View(func(tx *bbolt.Tx) error { id = uint64(tx.Bucket(bucketLog).Root()); return nil })
		return id
	}
	append8(1)
	size := int64(os.Getpagesize())
	older, at := make([]byte, size), logPage()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.ReadAt(older, int64(at)*size); err != nil {
		t.Fatal(err)
	}
	append8(9)
	at = logPage()
	s.close()
	if _, err := content(path); err != nil {
		t.Fatal(err)
	}
	binary.NativeEndian.PutUint64(older, at)
	if _, err := f.WriteAt(older, int64(at)*size); err != nil {
		t.Fatal(err)
	}
	if _, err := content(path); err == nil || !strings.Contains(err.Error(), "log is not what was written last") {
		t.Errorf("half of the log is gone: %v", err)
	}
}
