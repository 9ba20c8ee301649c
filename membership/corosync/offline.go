package corosync

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// Dir is where a node's store is, in its state directory.
func Dir(stateDir string) string { return filepath.Join(stateDir, "corosync") }

// ErrNoStore says that a state directory holds no store of this membership.
var ErrNoStore = errors.New("there is no store of corosync membership")

// Remembered is what the store of a node remembers whose daemon does not run. Nothing in it is changed.
type Remembered struct {
	domain  string
	machine *agreement.Machine
	events  []membership.Event
}

// Remember reads a store. It refuses while a daemon has it open.
func Remember(stateDir string, node fence.NodeID) (*Remembered, error) {
	path := filepath.Join(Dir(stateDir), "log.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoStore, path)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("cannot open %s (does the daemon run?): %w", path, err)
	}
	defer func() { _ = db.Close() }() // only read
	var id identity
	var d agreement.Durable
	if err := db.View(func(tx *bbolt.Tx) error { return recall(tx, &id, &d) }); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if id.Node != node {
		return nil, fmt.Errorf("%s is the store of node %d, not of node %d", path, id.Node, node)
	}
	m, err := agreement.New(agreement.Config{Self: membership.Self{Node: node}, Store: id.Store, Starts: id.Starts}, d, membership.BootMS())
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	r := &Remembered{domain: d.Meta.Domain, machine: m}
	for _, e := range m.Effects() {
		if t, ok := e.(agreement.Tell); ok {
			r.events = append(r.events, t.Event)
		}
	}
	return r, nil
}

// recall reads identity and log.
func recall(tx *bbolt.Tx, id *identity, d *agreement.Durable) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil || tx.Bucket(bucketLog) == nil {
		return errors.New("it was never begun")
	}
	if err := json.Unmarshal(meta.Get(keyIdentity), id); err != nil {
		return fmt.Errorf("identity does not decode: %w", err)
	}
	return load(tx, d)
}

// Domain is the store's, "" where it has none.
func (r *Remembered) Domain() string { return r.domain }

// Only reports whether the log knows of no other store: then nobody else has what this one remembers.
func (r *Remembered) Only() bool { return r.machine.Stores() <= 1 }

// Replay tells what is committed, as the provider would.
func (r *Remembered) Replay(push func(membership.Event)) error {
	for _, e := range r.events {
		push(e)
	}
	return nil
}
