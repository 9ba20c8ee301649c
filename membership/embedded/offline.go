package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// ErrNoStore: this node has no store, so it remembers nothing that could be recovered.
var ErrNoStore = errors.New("this node has no store")

// Offline is a store whose daemon does not run, held so that none can start on it. Only `fenced recover` opens one.
type Offline struct {
	store *store
	dir   string
	node  fence.NodeID
	fsm   *fsm
	id    identity
}

// offlineDeadline bounds one write of a person's command.
const offlineDeadline = 10 * time.Second

// OpenOffline opens the store in a state directory without counting a start. ErrNoStore where there is none; an *UnusableError where it is
// damaged, another node's or given up; another error where a daemon has it open.
func OpenOffline(stateDir string, node fence.NodeID) (*Offline, error) {
	dir := filepath.Join(stateDir, "raft")
	if _, err := os.Stat(filepath.Join(dir, "log.db")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoStore, dir)
	}
	s, err := openStore(dir, offlineDeadline, nil, nil)
	if err != nil {
		return nil, err
	}
	o := &Offline{store: s, dir: dir, node: node}
	if err := s.checkSnapshots(); err != nil {
		s.close()
		return nil, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		b := in(tx, bucketMeta)
		if err := s.refusal(b, node); err != nil {
			return err
		}
		return o.id.read(b)
	})
	if err != nil {
		s.close()
		return nil, err
	}
	return o, nil
}

// Close lets the store go.
func (o *Offline) Close() { o.store.close() }

// Domain is the store's domain, "" for none.
func (o *Offline) Domain() string { return o.id.Domain }

// Only reports whether this store is the only voter of its domain: then nobody else has what it remembers. It is known after Replay.
func (o *Offline) Only() bool {
	return o.fsm != nil && len(o.fsm.state.Voters) == 1 && o.fsm.state.Voters[0] == serverID(o.node, o.id.Store)
}

// Replay tells the whole story of the store: its newest snapshot and every entry behind it. Entries that the log holds beyond what is known to be
// committed count too, as they do for every leader that is elected with such a log: memory is not thrown away (R10).
func (o *Offline) Replay(push func(membership.Event)) error {
	o.fsm = newFSM()
	o.fsm.push, o.fsm.delivered, o.fsm.changed = push, func(run, uint64) {}, func() {}
	files, err := raft.NewFileSnapshotStoreWithLogger(o.dir, 2, hclog.NewNullLogger())
	if err != nil {
		return fmt.Errorf("cannot open snapshots: %w", err)
	}
	list, err := files.List()
	if err != nil {
		return fmt.Errorf("cannot read snapshots: %w", err)
	}
	at := uint64(0)
	if len(list) > 0 {
		_, r, err := files.Open(list[0].ID)
		if err != nil {
			return fmt.Errorf("cannot read snapshot %s: %w", list[0].ID, err)
		}
		if err := o.fsm.Restore(r); err != nil {
			return err
		}
		at = list[0].Index
	}
	for i := at + 1; i <= o.store.last; i++ {
		var l raft.Log
		if err := o.store.GetLog(i, &l); err != nil {
			return fmt.Errorf("cannot read entry %d: %w", i, err)
		}
		switch l.Type {
		case raft.LogCommand:
			_ = o.fsm.Apply(&l) // an entry that was refused is refused again
		case raft.LogConfiguration:
			o.fsm.StoreConfiguration(l.Index, raft.DecodeConfiguration(l.Data))
		}
	}
	return nil
}

// Recover makes another domain of this store, in one transaction: a new store id, this store as the only voter, and behind everything that was an
// entry that says so, with data for the reader (membership.Recovered). What it knew of the peers' stores goes: none of them may come back (R4).
func (o *Offline) Recover(domain string, data []byte) error {
	if o.id.Domain == "" || o.fsm == nil {
		return errors.New("this store belongs to no domain: there is nothing to recover")
	}
	fresh := randomID()
	end := o.store.end()
	if at := o.fsm.state.Index; at > end.Index { // the log is empty behind a snapshot
		end.Index = at
	}
	return o.store.update(func(tx *bbolt.Tx) error {
		term, err := o.nextTerm(tx, end)
		if err != nil {
			return err
		}
		self := serverID(o.node, fresh)
		config := &raft.Log{Index: end.Index + 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{
			Servers: []raft.Server{{Suffrage: raft.Voter, ID: self, Address: raft.ServerAddress(self)}},
		})}
		begins := &raft.Log{Index: end.Index + 2, Term: term, Type: raft.LogCommand, Data: entry{
			Kind: kindRecover, Node: o.node, Store: fresh, Data: data,
		}.encode()}
		if err := putLogs(in(tx, bucketLog), []*raft.Log{config, begins}); err != nil {
			return err
		}
		return o.rename(tx, domain, fresh)
	})
}

// nextTerm is a term that no store of the domain before can know better, and no vote is given in it.
func (o *Offline) nextTerm(tx *bbolt.Tx, end position) (uint64, error) {
	b := in(tx, bucketStable)
	term := end.Term
	if v := b.value([]byte("CurrentTerm")); len(v) == 8 {
		term = max(term, decode64(v))
	}
	term++
	return term, errors.Join(b.Put([]byte("CurrentTerm"), key64(term)), b.Delete([]byte("LastVoteTerm")), b.Delete([]byte("LastVoteCand")))
}

func (o *Offline) rename(tx *bbolt.Tx, domain, fresh string) error {
	was := append(slices.Clone(o.id.Was), o.id.Domain)
	names, err := json.Marshal(was[max(0, len(was)-maxWas):])
	if err != nil {
		return err
	}
	b := in(tx, bucketMeta)
	if err := errors.Join(b.Put(metaDomain, []byte(domain)), b.Put(metaStore, []byte(fresh)), b.Put(metaWas, names), b.Delete(metaStarts)); err != nil {
		return err
	}
	if err := tx.DeleteBucket(bucketPeers); err != nil {
		return err
	}
	_, err = tx.CreateBucket(bucketPeers)
	return err
}
