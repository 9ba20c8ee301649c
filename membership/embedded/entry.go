package embedded

import (
	"encoding/json"
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// The kinds of log entry. A kind that a daemon does not know changes nothing and is passed over alike by all (R11).
const (
	kindData    = "data"    // a proposal
	kindView    = "view"    // a membership
	kindStarted = "started" // a store was started for the n-th time (R3)
	kindStore   = "store"   // a node's store from now on; its earlier one is replaced (R3)
	kindRecover = "recover" // another domain begins: only this node's new store speaks from here on (R4). Nobody proposes it
)

// entry is one entry of the log, as JSON. It is a wire format: fields may be added, their meaning never changes.
type entry struct {
	Kind string `json:"kind"`
	// Node, Store and Starts name the run of a daemon that proposed it (data, started), or the node and its new store (store).
	Node   fence.NodeID `json:"node,omitempty"`
	Store  string       `json:"store,omitempty"`
	Starts uint64       `json:"starts,omitempty"`
	// Boot and Instance come with started: the life that this run belongs to.
	Boot     string `json:"boot,omitempty"`
	Instance string `json:"instance,omitempty"`
	// Number and Data are the proposal.
	Number uint64 `json:"number,omitempty"`
	Data   []byte `json:"data,omitempty"`
	// View replaces the view whose entry is at Base; a view made for another base is void (R10).
	View *membership.View `json:"view,omitempty"`
	Base uint64           `json:"base,omitempty"`
}

func (e entry) encode() []byte {
	b, err := json.Marshal(e)
	if err != nil { // plain structs: cannot happen
		panic("embedded: entry does not encode: " + err.Error())
	}
	return b
}

func decodeEntry(b []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(b, &e); err != nil {
		return entry{}, fmt.Errorf("entry does not decode: %w", err)
	}
	return e, nil
}

// windowSize is how many numbers below the highest delivered one are remembered. A number further back counts as delivered, so that nothing is
// ever delivered twice; a provider has far fewer proposals open at a time.
const windowSize = 4096

// window remembers which numbers of a run were delivered.
type window struct {
	High uint64          `json:"high"`
	Seen map[uint64]bool `json:"seen,omitempty"`
}

// first says whether a number is new, and remembers it.
func (w *window) first(n uint64) bool {
	if w.has(n) {
		return false
	}
	if w.Seen == nil {
		w.Seen = make(map[uint64]bool)
	}
	w.Seen[n] = true
	if n > w.High {
		w.High = n
		if len(w.Seen) > 2*windowSize { // forget what is below the window, now and then
			for k := range w.Seen {
				if k+windowSize < n {
					delete(w.Seen, k)
				}
			}
		}
	}
	return true
}

func (w *window) has(n uint64) bool { return w.Seen[n] || n+windowSize < w.High }
