package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// ErrHasDomain: bootstrap happens once; this store belongs to a domain already (R3, R4).
var ErrHasDomain = errors.New("this node's store belongs to a domain already")

var (
	metaStore  = []byte("store")
	metaDomain = []byte("domain")
	metaStarts = []byte("starts")
)

// identity is who a store is: a random id made with its file, its domain once it has one, and how often it was started (R3).
type identity struct {
	Store  string
	Domain string
	Starts uint64
}

// begin counts this start and makes the store's id if it has none.
func (s *store) begin() (identity, error) {
	var id identity
	err := s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketMeta)
		id.Store, id.Domain = string(b.Get(metaStore)), string(b.Get(metaDomain))
		if v := b.Get(metaStarts); v != nil {
			if err := json.Unmarshal(v, &id.Starts); err != nil {
				return fmt.Errorf("start count is damaged: %w", err)
			}
		}
		if id.Store == "" {
			id.Store = randomID()
			if err := b.Put(metaStore, []byte(id.Store)); err != nil {
				return err
			}
		}
		id.Starts++
		n, err := json.Marshal(id.Starts)
		if err != nil {
			return err
		}
		return b.Put(metaStarts, n)
	})
	return id, err
}

// adopt gives a store its domain, once.
func (s *store) adopt(domain string) error {
	return s.update(func(tx *bbolt.Tx) error { return putDomain(tx, domain) })
}

func putDomain(tx *bbolt.Tx, domain string) error {
	b := tx.Bucket(bucketMeta)
	if have := b.Get(metaDomain); have != nil && string(have) != domain {
		return ErrHasDomain
	}
	return b.Put(metaDomain, []byte(domain))
}

// bootstrap makes a new domain of which this store is the only voter: domain, term and first configuration in one transaction.
func (s *store) bootstrap(domain string, self raft.ServerID) error {
	last, _ := s.LastIndex()
	if last != 0 {
		return ErrHasDomain
	}
	first := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{
		Servers: []raft.Server{{Suffrage: raft.Voter, ID: self, Address: raft.ServerAddress(self)}},
	})}
	has := false
	err := s.update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketMeta).Get(metaDomain) != nil {
			has = true
			return nil // no failure of the store
		}
		if err := putDomain(tx, domain); err != nil {
			return err
		}
		if err := tx.Bucket(bucketStable).Put([]byte("CurrentTerm"), key64(1)); err != nil {
			return err
		}
		return putLogs(tx.Bucket(bucketLog), []*raft.Log{first})
	})
	if err != nil {
		return err
	}
	if has {
		return ErrHasDomain
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first, s.last, s.top = 1, 1, position{1, 1}
	return nil
}

// floor is the least that a store may show: how often it was started and how far its log went when it was last seen (R3).
type floor struct {
	Starts   uint64   `json:"starts"`
	Instance string   `json:"instance"`
	Position position `json:"position"`
}

// floors reads what was kept of the peers' stores.
func (s *store) floors() (map[string]floor, error) {
	out := make(map[string]floor)
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketPeers).ForEach(func(k, v []byte) error {
			var f floor
			if err := json.Unmarshal(v, &f); err != nil {
				return fmt.Errorf("what is kept of store %s is damaged: %w", k, err)
			}
			out[string(k)] = f
			return nil
		})
	})
	return out, err
}

// keepFloors writes floors; with none it is a write all the same, which shows that the disk works (R20).
func (s *store) keepFloors(f map[string]floor) error {
	return s.update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket(bucketMeta).Put([]byte("probe"), []byte(randomID())); err != nil {
			return err
		}
		for store, fl := range f {
			b, err := json.Marshal(fl)
			if err != nil {
				return err
			}
			if err := tx.Bucket(bucketPeers).Put([]byte(store), b); err != nil {
				return err
			}
		}
		return nil
	})
}

func randomID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
