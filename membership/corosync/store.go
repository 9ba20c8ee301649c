package corosync

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

var (
	bucketMeta = []byte("meta")
	bucketLog  = []byte("log")

	keyIdentity = []byte("identity")
	keyState    = []byte("state")
	keySnapshot = []byte("snapshot")
	keySnapAt   = []byte("snap_at")
	keyProbe    = []byte("probe") // nothing is read of it
)

// identity names this store: it lives in the file that holds the log, so that who loses the log loses it too (R3).
type identity struct {
	Store  string       `json:"store"`
	Node   fence.NodeID `json:"node"`
	Starts uint64       `json:"starts"`
}

// store keeps the machine's changes, in order. Its writer joins what has come meanwhile into one transaction. A write that fails or passes its
// deadline fails the store for ever (R20).
type store struct {
	db       *bbolt.DB
	deadline time.Duration
	written  func(seq uint64, at time.Time)
	failed   func(error)

	mu      sync.Mutex
	queue   []agreement.Write
	began   time.Time // of the write that is under way; zero for none
	probing bool      // something is to be written whatever it is
	over    bool

	wake, stop, ended chan struct{}
}

// lazyWrite is how long a write that nothing waits for stays for company: about as long as a claim needs to follow the view that it is about.
const lazyWrite = 20 * time.Millisecond

// openStore opens or makes the store of a node and counts this start.
func openStore(dir string, node fence.NodeID, deadline time.Duration) (*store, identity, agreement.Durable, error) {
	var id identity
	var d agreement.Durable
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, id, d, err
	}
	path := filepath.Join(dir, "log.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, id, d, fmt.Errorf("cannot open %s (is another fenced running on it?): %w", path, err)
	}
	s := &store{db: db, deadline: deadline, wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	if err = s.begin(node, &id); err == nil {
		err = db.View(func(tx *bbolt.Tx) error { return load(tx, &d) })
	}
	if err != nil {
		_ = db.Close()
		return nil, id, d, fmt.Errorf("cannot use %s: %w", path, err)
	}
	return s, id, d, nil
}

func (s *store) begin(node fence.NodeID, id *identity) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(bucketMeta)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucketIfNotExists(bucketLog); err != nil {
			return err
		}
		if b := meta.Get(keyIdentity); b != nil {
			if err := json.Unmarshal(b, id); err != nil {
				return fmt.Errorf("identity does not decode: %w", err)
			}
			if id.Node != node {
				return fmt.Errorf("this is the store of node %d, not of node %d", id.Node, node)
			}
		} else {
			*id = identity{Store: rand.Text(), Node: node}
		}
		id.Starts++
		b, err := json.Marshal(id)
		if err != nil {
			return err
		}
		return meta.Put(keyIdentity, b)
	})
}

// load reads everything; what does not decode is an error, never nothing.
func load(tx *bbolt.Tx, d *agreement.Durable) error {
	meta := tx.Bucket(bucketMeta)
	if b := meta.Get(keyState); b != nil {
		if err := json.Unmarshal(b, &d.Meta); err != nil {
			return fmt.Errorf("state does not decode: %w", err)
		}
	}
	if b := meta.Get(keySnapshot); b != nil {
		at := meta.Get(keySnapAt)
		if len(at) != 8 {
			return errors.New("the snapshot's index is damaged")
		}
		d.Snapshot, d.SnapAt = append([]byte(nil), b...), binary.BigEndian.Uint64(at)
	}
	return tx.Bucket(bucketLog).ForEach(func(k, v []byte) error {
		var e agreement.Entry
		if err := json.Unmarshal(v, &e); err != nil || len(k) != 8 || e.Index != binary.BigEndian.Uint64(k) {
			return fmt.Errorf("entry %x does not decode: %w", k, err)
		}
		d.Entries = append(d.Entries, e)
		return nil
	})
}

func key(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

// write queues a change; it never blocks.
func (s *store) write(w agreement.Write) {
	s.mu.Lock()
	s.queue = append(s.queue, w)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// probe writes something, so that a disk that hangs is noticed without anybody needing it (R20). Its word is written's, with number 0.
func (s *store) probe() {
	s.mu.Lock()
	s.probing = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// late reports whether a write has been under way for longer than its deadline.
func (s *store) late(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.began.IsZero() && now.Sub(s.began) > s.deadline
}

// run writes until stop; what is queued then is lost, as in a crash.
func (s *store) run() {
	defer close(s.ended)
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			return
		}
		if !s.company() {
			return
		}
		s.mu.Lock()
		batch, probing := s.queue, s.probing
		s.queue, s.probing = nil, false
		if len(batch) > 0 || probing {
			s.began = time.Now()
		}
		s.mu.Unlock()
		if len(batch) == 0 && !probing {
			continue
		}
		err := s.db.Update(func(tx *bbolt.Tx) error {
			for _, w := range batch {
				if err := put(tx, w.Change); err != nil {
					return err
				}
			}
			return tx.Bucket(bucketMeta).Put(keyProbe, key(uint64(time.Now().UnixNano())))
		})
		s.mu.Lock()
		s.began = time.Time{}
		s.mu.Unlock()
		if err != nil {
			s.failed(fmt.Errorf("cannot write the log: %w", err))
			return
		}
		seq := uint64(0)
		if len(batch) > 0 {
			seq = batch[len(batch)-1].Seq
		}
		s.written(seq, time.Now())
	}
}

// company waits a moment for another write where nothing waits for those that are there; false where the store ends. A commit is followed by what was
// decided upon it: begun at once, its write of two syncs would be in the way of that.
func (s *store) company() bool {
	t := time.NewTimer(lazyWrite)
	defer t.Stop()
	for s.idle() {
		select {
		case <-s.wake:
		case <-t.C:
			return true
		case <-s.stop:
			return false
		}
	}
	return true
}

// idle reports whether nothing waits for what is queued.
func (s *store) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) > 0 && !s.probing && !slices.ContainsFunc(s.queue, func(w agreement.Write) bool { return !w.Lazy })
}

// put does one change.
func put(tx *bbolt.Tx, c agreement.Change) error {
	meta, log := tx.Bucket(bucketMeta), tx.Bucket(bucketLog)
	b, err := json.Marshal(c.Meta)
	if err == nil {
		err = meta.Put(keyState, b)
	}
	if err == nil && c.Snapshot != nil {
		err = errors.Join(meta.Put(keySnapshot, c.Snapshot), meta.Put(keySnapAt, key(c.SnapAt)), drop(log, 0, c.SnapAt))
	}
	if err == nil && c.Cut {
		err = drop(log, c.After+1, ^uint64(0))
	}
	for _, e := range c.Append {
		if err != nil {
			return err
		}
		if b, err = json.Marshal(e); err == nil {
			err = log.Put(key(e.Index), b)
		}
	}
	return err
}

// drop deletes entries from an index to another, both included.
func drop(log *bbolt.Bucket, from, to uint64) error {
	c := log.Cursor()
	for k, _ := c.Seek(key(from)); k != nil && binary.BigEndian.Uint64(k) <= to; k, _ = c.Seek(key(from)) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the writer. A disk that hangs keeps its goroutine and its file.
func (s *store) close(wait time.Duration) error {
	s.mu.Lock()
	over := s.over
	s.over = true
	s.mu.Unlock()
	if over {
		return nil
	}
	close(s.stop)
	select {
	case <-s.ended:
		return s.db.Close()
	case <-time.After(wait):
		return errors.New("the disk did not finish a write")
	}
}
