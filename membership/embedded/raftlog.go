package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

var (
	_ raft.LogStore    = (*store)(nil)
	_ raft.StableStore = (*store)(nil)
)

const logFormat = 1

// encodeLog: format, term, type, time of append, data. Extensions are not used.
func encodeLog(l *raft.Log) []byte {
	b := make([]byte, 0, 18+len(l.Data))
	b = append(b, logFormat, byte(l.Type))
	b = binary.BigEndian.AppendUint64(b, l.Term)
	at := int64(0)
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	return append(b, l.Data...)
}

func decodeLog(key, b []byte) (*raft.Log, error) {
	if len(key) != 8 || len(b) < 18 || b[0] != logFormat {
		return nil, fmt.Errorf("log entry %x is damaged or of another format", key)
	}
	l := &raft.Log{Index: binary.BigEndian.Uint64(key), Type: raft.LogType(b[1]), Term: binary.BigEndian.Uint64(b[2:])}
	if at := int64(binary.BigEndian.Uint64(b[10:])); at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	l.Data = bytes.Clone(b[18:])
	return l, nil
}

func decode64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func key64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// FirstIndex is the first entry, 0 for none.
func (s *store) FirstIndex() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first, nil
}

// LastIndex is the last entry, 0 for none.
func (s *store) LastIndex() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, nil
}

// GetLog reads one entry.
func (s *store) GetLog(index uint64, log *raft.Log) error {
	s.mu.Lock()
	gone := s.cut != 0 && index >= s.cut
	s.mu.Unlock()
	if gone {
		return raft.ErrLogNotFound
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		k := key64(index)
		v, err := in(tx, bucketLog).Get(k)
		if err != nil {
			return err
		}
		if v == nil {
			return raft.ErrLogNotFound
		}
		l, err := decodeLog(k, v)
		if err == nil {
			*log = *l
		}
		return err
	})
}

// StoreLog appends one entry.
func (s *store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries, and in the same transaction removes those that they replace.
func (s *store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	err := s.update(func(tx *bbolt.Tx) error {
		b := in(tx, bucketLog)
		if cut != 0 {
			if err := deleteFrom(b, cut, ^uint64(0)); err != nil {
				return err
			}
		}
		return putLogs(b, logs)
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = 0
	if s.first == 0 {
		s.first = logs[0].Index
	}
	end := logs[len(logs)-1]
	s.last = end.Index
	s.top = position{end.Term, end.Index}
	return nil
}

func putLogs(b bucket, logs []*raft.Log) error {
	for _, l := range logs {
		if err := b.Put(key64(l.Index), encodeLog(l)); err != nil {
			return err
		}
	}
	return nil
}

// DeleteRange removes entries: the oldest after a snapshot, at once; or the newest because another leader replaces them, with the next append.
func (s *store) DeleteRange(lo, hi uint64) error {
	s.mu.Lock()
	if lo > s.first && hi >= s.last && s.last != 0 {
		s.cut, s.last = lo, lo-1
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	if err := s.update(func(tx *bbolt.Tx) error { return deleteFrom(in(tx, bucketLog), lo, hi) }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if hi >= s.last {
		s.first, s.last, s.cut = 0, 0, 0
	} else {
		s.first = hi + 1
	}
	return nil
}

func deleteFrom(b bucket, lo, hi uint64) error {
	c := b.b.Cursor()
	anchor := b.b.Sequence()
	for k, v := c.Seek(key64(lo)); k != nil && binary.BigEndian.Uint64(k) <= hi; k, v = c.Next() {
		anchor ^= weigh(k, v)
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return b.b.SetSequence(anchor)
}

// end is how far the log goes on disk.
func (s *store) end() position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.top
}

// Set keeps one value for Raft.
func (s *store) Set(k, v []byte) error {
	return s.update(func(tx *bbolt.Tx) error { return in(tx, bucketStable).Put(k, v) })
}

// Get reads one value, nil if there is none.
func (s *store) Get(k []byte) (v []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		plain, err := in(tx, bucketStable).Get(k)
		v = bytes.Clone(plain)
		return err
	})
	return v, err
}

// SetUint64 keeps one number for Raft. Raft panics when its term cannot be kept; a node whose disk fails must not take the daemon down with it,
// so the caller is held until the provider closes, by which time nothing of this node reaches anybody.
func (s *store) SetUint64(k []byte, v uint64) error {
	err := s.Set(k, key64(v))
	if errors.Is(err, errStore) && string(k) == "CurrentTerm" {
		<-s.release
		return nil
	}
	return err
}

// GetUint64 reads one number, 0 if there is none.
func (s *store) GetUint64(k []byte) (uint64, error) {
	v, err := s.Get(k)
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("stable value %q is damaged", k)
	}
	return binary.BigEndian.Uint64(v), nil
}
