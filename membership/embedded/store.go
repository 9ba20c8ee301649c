package embedded

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

var (
	bucketLog    = []byte("log")
	bucketStable = []byte("stable")
	bucketMeta   = []byte("meta")
	bucketPeers  = []byte("peers")
)

// errStore is what every write gets after the first one that failed: a store that lost a write is never trusted again in this process.
var errStore = errors.New("store has failed")

// store is Raft's log and stable store, and this store's identity, in one bbolt file: who loses the log loses the identity with it (R3).
// Every write has a deadline (R20). A write that fails or is late fails the store for ever, once, through onFail.
type store struct {
	db       *bbolt.DB
	path     string
	deadline time.Duration
	before   func() // test hook, called in the writer before each write
	onFail   func(error)

	writes  chan write
	stop    chan struct{} // closed by close: the writer ends
	release chan struct{} // closed by close: who waits for ever is let go
	ended   chan struct{}
	once    sync.Once
	letOnce sync.Once

	mu          sync.Mutex
	failed      error
	lastWrite   time.Time
	first, last uint64 // what Raft sees
	cut         uint64 // entries from here on are gone for Raft; they leave the disk with the next append, so that (term, index) never goes back
	top         position
}

type write struct {
	do   func(*bbolt.Tx) error
	done chan error
}

// position is how far a store's log goes; it only ever grows, by term and then by index, for a store that was never restored from a copy.
type position struct {
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
}

func (p position) less(o position) bool {
	return p.Term < o.Term || p.Term == o.Term && p.Index < o.Index
}

// openStore opens or makes the store in a directory. It fails after two seconds if another process has it open, and with an *UnusableError if
// anything of it is damaged.
func openStore(dir string, deadline time.Duration, before func(), onFail func(error)) (*store, error) {
	path := filepath.Join(dir, "log.db")
	format, err := prepare(dir, path)
	if err != nil {
		return nil, err
	}
	options := boltOptions
	db, err := bbolt.Open(path, 0o600, &options)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s (is another fenced running on it?): %w", path, err)
	}
	s := &store{
		db: db, path: path, deadline: deadline, before: before, onFail: onFail,
		writes: make(chan write), stop: make(chan struct{}), release: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.writer()
	if format != string(format3) {
		err = s.update(sealAll(format))
	}
	if err == nil {
		err = s.readEnds()
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("cannot use %s: %w", path, err)
	}
	return s, nil
}

// writer performs the writes one after another; a write that hangs hangs only this goroutine.
func (s *store) writer() {
	defer close(s.ended)
	for {
		select {
		case w := <-s.writes:
			if s.before != nil {
				s.before()
			}
			w.done <- s.db.Update(w.do)
		case <-s.stop:
			return
		}
	}
}

// update writes durably within the deadline or fails the store.
func (s *store) update(do func(*bbolt.Tx) error) error {
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		return failed
	}
	timer := time.NewTimer(s.deadline)
	defer timer.Stop()
	w := write{do: do, done: make(chan error, 1)}
	select {
	case s.writes <- w:
	case <-timer.C:
		return s.fail(fmt.Errorf("earlier writes have not returned for %v", s.deadline))
	case <-s.release:
		return errStore
	}
	select {
	case err := <-w.done:
		if err != nil {
			return s.fail(err)
		}
		s.mu.Lock()
		s.lastWrite = time.Now()
		s.mu.Unlock()
		return nil
	case <-timer.C:
		return s.fail(fmt.Errorf("its disk has not answered for %v", s.deadline))
	}
}

func (s *store) fail(err error) error {
	s.mu.Lock()
	first := s.failed == nil
	if first {
		s.failed = fmt.Errorf("%w: cannot write %s: %w", errStore, s.path, err)
	}
	err = s.failed
	s.mu.Unlock()
	if first && s.onFail != nil {
		s.onFail(err)
	}
	return err
}

// written is when the last write succeeded.
func (s *store) written() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastWrite
}

// letGo releases who waits for a write that will never come.
func (s *store) letGo() { s.letOnce.Do(func() { close(s.release) }) }

// close ends the writer. A write that still hangs after the deadline is left behind with its goroutine; nothing waits for it.
func (s *store) close() {
	s.letGo()
	s.once.Do(func() {
		close(s.stop)
		closed := make(chan struct{})
		go func() {
			<-s.ended
			_ = s.db.Close()
			close(closed)
		}()
		timer := time.NewTimer(s.deadline)
		defer timer.Stop()
		select {
		case <-closed:
		case <-timer.C:
		}
	})
}
