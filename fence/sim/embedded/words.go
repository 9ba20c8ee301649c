package embedded

import "github.com/fenced-project/fenced/fence"

// Kind says what an entry is.
type Kind uint8

// The kinds of entry: a new term's first, what somebody proposed, a view, a daemon's start on its store, a node's newest store, the voters.
const (
	KindNoop Kind = iota
	KindData
	KindView
	KindStarted
	KindStore
	KindConf
)

// Entry is one entry of a log. Entries are never changed, so logs share them.
type Entry struct {
	Term   uint64
	Kind   Kind
	By     *Run // data, started
	Number uint64
	Data   []byte
	View   *View
	Base   int // of a view: the index of the view that it replaces
	Node   int // store
	Store  int
	Conf   *Conf
}

// Conf says which store of each node is in the cluster, and whether it votes.
type Conf struct {
	Store []int // 0: none
	Voter []bool
}

func (c *Conf) clone() *Conf {
	return &Conf{Store: append([]int(nil), c.Store...), Voter: append([]bool(nil), c.Voter...)}
}

// Votes reports whether that store of a node votes.
func (c *Conf) Votes(i, store int) bool { return c.Store[i] == store && c.Voter[i] }

// Need is how many stores commit.
func (c *Conf) Need() int {
	n := 0
	for _, v := range c.Voter {
		if v {
			n++
		}
	}
	return n/2 + 1
}

// Run is one run of a daemon on a store. It is one value for the whole cluster, so that it is compared by its address.
type Run struct {
	fence.Incarnation
	Instance string
	I        int // its node's place
	Store    int
	Starts   uint64
	Tag      any // the owner's, who finds it again with every word of this run
}

// View is an agreed membership.
type View struct {
	Members []*Run // by node
	Quorate bool
	Stay    []*Run // of the view before: their nodes are there with another run of the same boot, as the leader knew
}

// Store is what a node's disk keeps of the membership.
type Store struct {
	ID     int
	Starts uint64
	Member bool // it has entered the domain
	Term   uint64
	Log    []*Entry
	Snap   *Snapshot
	Base   int     // what is older is only in the snapshot
	Floor  []Floor // of the peers' stores (R3)
}

// Floor is the least that a peer's store may show.
type Floor struct {
	Store  int
	run    *Run
	Starts uint64
	Term   uint64
	Length int
}

// LastTerm is the term of the newest entry, 0 for none.
func (s *Store) LastTerm() uint64 {
	if len(s.Log) == 0 {
		return 0
	}
	return s.Log[len(s.Log)-1].Term
}

// conf is the newest configuration in the log, committed or not.
func (s *Store) conf() *Conf {
	for i := len(s.Log) - 1; i >= 0; i-- {
		if s.Log[i].Kind == KindConf {
			return s.Log[i].Conf
		}
	}
	return nil
}

// Snapshot is one moment of the log with the reader's state of the same moment.
type Snapshot struct {
	FSM  *FSM
	Data []byte
}
