package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/membership"
)

// snapshot is one moment of the log state with the reader's state of the same moment.
type snapshot struct {
	state  []byte
	reader <-chan []byte
	stop   <-chan struct{}
}

type snapshotFile struct {
	Meta   *snapshotMeta   `json:"meta,omitempty"`
	State  json.RawMessage `json:"state"`
	Reader []byte          `json:"reader"`
}

// Snapshot asks the reader for its state as of everything that was pushed so far; Apply goes on meanwhile.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state, err := json.Marshal(f.state)
	if err != nil {
		return nil, err
	}
	reply := make(chan []byte, 1)
	f.push(membership.SnapshotWanted{Reply: reply})
	return &snapshot{state: state, reader: reply, stop: f.stop}, nil
}

// Persist waits for the reader; it is called beside Apply.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	var file snapshotFile
	select {
	case file.Reader = <-s.reader:
	case <-s.stop:
		return fmt.Errorf("the reader did not give its state: %w", membership.ErrClosed)
	}
	if file.Reader == nil { // what forgets the reader's state must never replace the log
		return errors.Join(errors.New("the reader gave no state"), sink.Cancel())
	}
	file.State = s.state
	if c, ok := sink.(*countedSink); ok {
		file.Meta = &c.meta
	}
	if err := json.NewEncoder(sink).Encode(file); err != nil {
		_ = sink.Cancel()
		return err
	}
	return sink.Close()
}

// Release has nothing to free.
func (s *snapshot) Release() {}

// Restore replaces everything, also the reader's state.
func (f *fsm) Restore(from io.ReadCloser) error {
	defer func() { _ = from.Close() }()
	var file snapshotFile
	if err := json.NewDecoder(from).Decode(&file); err != nil {
		return fmt.Errorf("snapshot does not decode: %w", err)
	}
	state := emptyState()
	if err := json.Unmarshal(file.State, &state); err != nil {
		return fmt.Errorf("snapshot does not decode: %w", err)
	}
	f.mu.Lock()
	defer f.changed()
	defer f.mu.Unlock()
	f.state = state
	f.push(membership.SnapshotInstalled{Index: state.Index, Data: file.Reader})
	for _, id := range sortedIDs(state.Runs) {
		r := state.Runs[id]
		f.delivered(*r, 0)
	}
	return nil
}
