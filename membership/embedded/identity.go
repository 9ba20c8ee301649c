package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"

	"github.com/fenced-project/fenced/fence"
)

// ErrHasDomain: bootstrap happens once; this store belongs to a domain already (R3, R4).
// Kept for R3: S5.2, S5.3, I3.
var ErrHasDomain = errors.New("this node's store belongs to a domain already")

var (
	metaStore  = []byte("store")
	metaDomain = []byte("domain")
	metaStarts = []byte("starts")
	metaNode   = []byte("node")
	metaWas    = []byte("was")
	metaVoid   = []byte("void")
)

// identity is who a store is: a random id made with its file, its domain once it has one, and how often it was started (R3).
type identity struct {
	Store  string
	Domain string
	Starts uint64
	// Was are the domains that `fenced recover` made this one of, the newest maxWas: who still has one of them must never act again (R4).
	Was []string
}

const maxWas = 4

// begin counts this start and makes the store's id if it has none. A store belongs to one node for ever: a copy of another node's is refused,
// and so is one whose domain was given up (R3, R4).
func (s *store) begin(node fence.NodeID) (identity, error) {
	var id identity
	var refusal error
	err := s.update(func(tx *bbolt.Tx) error {
		b := in(tx, bucketMeta)
		if refusal = s.refusal(b, node); refusal != nil {
			return nil // no failure of the store
		}
		if err := b.Put(metaNode, strconv.AppendUint(nil, uint64(node), 10)); err != nil {
			return err
		}
		if err := id.read(b); err != nil {
			return err
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
	return id, errors.Join(refusal, err)
}

// read takes what is on disk.
func (id *identity) read(meta bucket) error {
	id.Store, id.Domain = string(meta.value(metaStore)), string(meta.value(metaDomain))
	if v := meta.value(metaWas); v != nil {
		if err := json.Unmarshal(v, &id.Was); err != nil {
			return fmt.Errorf("earlier domains are damaged: %w", err)
		}
	}
	if v := meta.value(metaStarts); v != nil {
		if err := json.Unmarshal(v, &id.Starts); err != nil {
			return fmt.Errorf("start count is damaged: %w", err)
		}
	}
	return nil
}

// refusal says why this store must not be used by this node.
func (s *store) refusal(meta bucket, node fence.NodeID) error {
	if v := meta.value(metaNode); v != nil && string(v) != strconv.FormatUint(uint64(node), 10) {
		return unusable(s.path, "this is the store of node %s, and this is node %d: it was copied from there", v, node)
	}
	if v := meta.value(metaVoid); v != nil {
		return unusable(s.path, "%s", v)
	}
	return nil
}

// void notes for ever that this store's domain was given up: it is refused from the next start on, whoever may be there to say so.
func (s *store) void(why string) error {
	return s.update(func(tx *bbolt.Tx) error { return in(tx, bucketMeta).Put(metaVoid, []byte(why)) })
}

// adopt gives a store its domain, once.
func (s *store) adopt(domain string) error {
	return s.update(func(tx *bbolt.Tx) error { return putDomain(tx, domain) })
}

func putDomain(tx *bbolt.Tx, domain string) error {
	b := in(tx, bucketMeta)
	if have := b.value(metaDomain); have != nil && string(have) != domain {
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
		if in(tx, bucketMeta).value(metaDomain) != nil {
			has = true
			return nil // no failure of the store
		}
		if err := putDomain(tx, domain); err != nil {
			return err
		}
		if err := in(tx, bucketStable).Put([]byte("CurrentTerm"), key64(1)); err != nil {
			return err
		}
		return putLogs(in(tx, bucketLog), []*raft.Log{first})
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
		return in(tx, bucketPeers).ForEach(func(k, v []byte) error {
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
		if err := in(tx, bucketMeta).Put([]byte("probe"), []byte(randomID())); err != nil {
			return err
		}
		for store, fl := range f {
			b, err := json.Marshal(fl)
			if err != nil {
				return err
			}
			if err := in(tx, bucketPeers).Put([]byte(store), b); err != nil {
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
