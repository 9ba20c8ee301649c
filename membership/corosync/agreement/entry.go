package agreement

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Entry is one entry of the sequence. It is a wire and a disk format: fields may be added, their meaning never changes.
type Entry struct {
	// Index is given where the entry is delivered, the same on all; 0 on its way there.
	Index uint64 `json:"index,omitempty"`
	// Number and Data are a proposal. Node, Boot and Instance are its proposer's, put in where it is delivered, from the Hello of the session.
	Node     fence.NodeID `json:"node,omitempty"`
	Boot     string       `json:"boot,omitempty"`
	Instance string       `json:"instance,omitempty"`
	Number   uint64       `json:"number,omitempty"`
	Data     []byte       `json:"data,omitempty"`
	// View replaces the view at Base; one that was made for another base is void (R10).
	View *View  `json:"view,omitempty"`
	Base uint64 `json:"base,omitempty"`
}

// View is a membership, with the stores that its members have: from its commit on those are the nodes' stores (R3).
type View struct {
	Members []Hello                `json:"members"`
	Left    []membership.Departure `json:"left,omitempty"`
}

// proper bounds a proposal.
func (e Entry) proper() bool {
	if e.View != nil {
		stated := func(h Hello) bool { return h.State != nil } // versions that do not know it would have another log
		return e.Number == 0 && e.Data == nil && len(e.View.Members) > 0 && len(e.View.Members) <= membership.MaxNodes && !slices.ContainsFunc(e.View.Members, stated)
	}
	return e.Number != 0
}

// complete says that an entry of a log says whose it is.
func (e Entry) complete() bool {
	return e.proper() && e.Index != 0 && e.Node != 0 && e.Instance != "" && e.Boot != ""
}

func (h Hello) member() membership.Member {
	return membership.Member{Incarnation: fence.Incarnation{Node: h.Node, Boot: h.Boot}, Instance: h.Instance}
}

func (v View) view() membership.View {
	out := membership.View{Left: v.Left, Quorate: true}
	for _, h := range v.Members {
		out.Members = append(out.Members, h.member())
	}
	return out
}

// Store is what the log knows of a node's store: the run of it that was last in a view, and what that run had delivered.
type Store struct {
	Node     fence.NodeID `json:"node"`
	Store    string       `json:"store"`
	Starts   uint64       `json:"starts"`
	Instance string       `json:"instance"`
}

// Log is what the committed entries add up to: the same on every node at the same index, and part of every snapshot.
type Log struct {
	Index  uint64          `json:"index"`
	Sum    uint64          `json:"sum"` // of all entries up to Index, in their order
	View   membership.View `json:"view"`
	ViewAt uint64          `json:"view_at"`
	Stores []Store         `json:"stores"` // sorted by node; none before the first view
	Done   []done          `json:"done"`   // sorted by node
}

// done is what was delivered of a node's newest proposer.
type done struct {
	Node     fence.NodeID    `json:"node"`
	Instance string          `json:"instance"`
	High     uint64          `json:"high"`
	Seen     map[uint64]bool `json:"seen,omitempty"`
}

// windowSize is how many numbers below the highest delivered one are remembered. One further back counts as delivered: nothing ever comes twice.
const windowSize = 4096

func (d *done) has(n uint64) bool { return d.Seen[n] || n+windowSize < d.High }

func (d *done) add(n uint64) {
	if d.Seen == nil {
		d.Seen = make(map[uint64]bool)
	}
	d.Seen[n] = true
	d.High = max(d.High, n)
	if len(d.Seen) > 2*windowSize {
		for k := range d.Seen {
			if k+windowSize < d.High {
				delete(d.Seen, k)
			}
		}
	}
}

// delivered reports whether a proposal is in the sequence.
func (l *Log) delivered(node fence.NodeID, instance string, number uint64) bool {
	for i := range l.Done {
		if d := &l.Done[i]; d.Node == node && d.Instance == instance {
			return d.has(number)
		}
	}
	return false
}

// apply takes the next committed entry. It says what a reader is told, nil for an entry that changes nothing.
func (l *Log) apply(e Entry) membership.Event {
	l.Index, l.Sum = e.Index, chain(l.Sum, e)
	if e.View != nil {
		return l.install(e)
	}
	i, known := slices.BinarySearchFunc(l.Done, e.Node, func(d done, n fence.NodeID) int { return int(d.Node) - int(n) })
	if !known {
		l.Done = slices.Insert(l.Done, i, done{Node: e.Node})
	}
	d := &l.Done[i]
	m := membership.Member{Incarnation: fence.Incarnation{Node: e.Node, Boot: e.Boot}, Instance: e.Instance}
	if d.Instance != e.Instance {
		*d = done{Node: e.Node, Instance: e.Instance}
	}
	if d.has(e.Number) {
		return nil
	}
	d.add(e.Number)
	return membership.Committed{Index: e.Index, Proposer: m, Number: e.Number, Data: e.Data}
}

func (l *Log) install(e Entry) membership.Event {
	if e.Base != l.ViewAt {
		return nil
	}
	l.View, l.ViewAt = e.View.view(), e.Index
	for _, h := range e.View.Members {
		s := Store{Node: h.Node, Store: h.Store, Starts: h.Starts, Instance: h.Instance}
		i, known := slices.BinarySearchFunc(l.Stores, h.Node, func(s Store, n fence.NodeID) int { return int(s.Node) - int(n) })
		if known {
			l.Stores[i] = s
		} else {
			l.Stores = slices.Insert(l.Stores, i, s)
		}
	}
	return membership.ViewInstalled{Index: e.Index, View: l.View}
}
