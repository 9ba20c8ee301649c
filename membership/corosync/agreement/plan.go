package agreement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// State is how far a participant's log goes and what it counts for.
type State struct {
	Domain   string `json:"domain,omitempty"` // "" before bootstrap or join
	Promised uint64 `json:"promised"`         // the highest epoch that it promised
	// Pledge is the epoch behind that, if the disk has that promise already: this State is the promise of a plan with that epoch. 0 for none.
	Pledge uint64 `json:"pledge,omitempty"`
	Synced uint64 `json:"synced"` // the epoch in which its log was last taken over as a whole
	Last   uint64 `json:"last"`
	Commit uint64 `json:"commit"`
	SnapAt uint64 `json:"snap_at"` // its log begins behind this index
	Cuts   uint64 `json:"cuts"`    // how often this run dropped entries of its log
	// Sum is of the whole log up to Last. Two logs that were taken over in the same epoch and are equally long need not be the same: corosync
	// skips a message that was lost with a ring, and delivers later ones of those who go on together.
	Sum uint64 `json:"sum"`
	// Votes are its node's and Need what a quorum needs, both as its votequorum says.
	Votes  int     `json:"votes"`
	Need   int     `json:"need"`
	Stores []Store `json:"stores,omitempty"`
	Seen   []Seen  `json:"seen,omitempty"` // how far it has seen the nodes' stores
	// Two says that its corosync has two_node; Sole is the boot in which it had the proof that nobody else can commit, "" for none.
	Two  bool   `json:"two,omitempty"`
	Sole string `json:"sole,omitempty"`
	// Have is what it has of a transfer that a change interrupted.
	Have *Progress `json:"have,omitempty"`
}

// contradicts reports whether a State cannot be.
func (s *State) contradicts() bool {
	return s.Last < s.Commit || s.Commit < s.SnapAt || s.Synced > s.Promised || s.Pledge != 0 && s.Pledge <= s.Promised
}

// Participant is a process that said who it is and how far it got.
type Participant struct {
	Process Process
	Hello   Hello
	State   State
}

// Plan is what a session will do. All participants compute the same from the same States.
type Plan struct {
	// Refused says why this session can do nothing; the rest is then without meaning but Votes and Need.
	Refused string
	Domain  string
	Epoch   uint64
	Source  Process // whose log is kept
	Synced  uint64  // its log's epoch and end
	Last    uint64
	Sum     uint64
	Cuts    uint64
	SnapAt  uint64
	From    uint64 // the transfer begins behind this index; the snapshot goes before it where From is SnapAt and a receiver has less
	// Snapshot says that some receiver needs it.
	Snapshot  bool
	Receivers []Process // who does not have that very log
	Barred    []Process // whose store shows less than it once did: it was restored from a copy, and must be wiped (R3)
	Voters    []Voter   // whose promises and acknowledgements count
	Votes     int
	Need      int
	// Parted says that it is refused for the want of the other of two alone (two_node).
	Parted bool
}

// Voter is a process whose store the kept log knows.
type Voter struct {
	Process Process
	Votes   int
}

// Decide makes the plan of a session: what a quorum acknowledged is kept, whoever kept it. It is a function of what the participants said, in any order.
// Kept for R6: S0.4, S3.4, V8.
func Decide(ps []Participant) Plan {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b Participant) int { return int(int64(a.Process.Node) - int64(b.Process.Node)) })
	var p Plan
	if p.Domain, p.Refused = domainOf(ps); p.Refused != "" {
		return p
	}
	src, found := source(ps, p.Domain)
	if !found {
		p.Refused = "every store was restored from a copy"
		return p
	}
	p.Source, p.Synced, p.Last, p.Cuts, p.SnapAt = src.Process, src.State.Synced, src.State.Last, src.State.Cuts, src.State.SnapAt
	p.Sum = src.State.Sum
	for _, q := range ps {
		if restored(q, ps) {
			p.Barred = append(p.Barred, q.Process)
		}
		p.Epoch = max(p.Epoch, q.State.Promised+1)
		p.Need = max(p.Need, q.State.Need)
		if q.State.Votes > 0 && mayVote(q, src) && !p.bars(q.Process) {
			p.Voters = append(p.Voters, Voter{q.Process, q.State.Votes})
			p.Votes += q.State.Votes
		}
	}
	p.receivers(ps, src)
	if p.Refused = twice(ps, &p); p.Refused != "" {
		return p
	}
	if p.Votes < p.Need && sole(ps, &p) {
		p.Need = p.Votes
	}
	switch {
	case p.Need <= 0:
		p.Refused = "nobody's votequorum says what a quorum needs"
	case p.Votes < p.Need && len(ps) == 1 && len(p.Voters) == 1 && ps[0].State.Two:
		p.Parted = true
		p.Refused = "corosync's two_node: the other node is not here, and nothing proves yet that it is over"
	case p.Votes < p.Need && len(ps) == 2 && len(p.Voters) == 1 && len(p.Barred) == 0 && ps[0].State.Two:
		p.Refused = strange(ps, p.Voters[0].Process.Node)
	case p.Votes < p.Need:
		p.Refused = fmt.Sprintf("%d votes of stores that the log knows, %d needed", p.Votes, p.Need)
	default:
		p.Refused = ahead(ps, p.Last)
	}
	return p
}

// domainOf is the one domain of the participants. Two on one ring: nobody decides between them but an operator (S0.10).
func domainOf(ps []Participant) (domain, refused string) {
	var all []string
	for _, p := range ps {
		if d := p.State.Domain; d != "" && !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	switch len(all) {
	case 0:
		return "", "no domain yet: run `fenced bootstrap` on one node"
	case 1:
		return all[0], ""
	}
	slices.Sort(all)
	return "", "two domains in one ring: " + strings.Join(all, " and ")
}

// source is whose log is kept: of those taken over last the longest, ties to the lowest node. Every committed entry is in it.
func source(ps []Participant, domain string) (best Participant, found bool) {
	for _, p := range ps {
		if p.State.Domain != domain || restored(p, ps) {
			continue
		}
		s, b := p.State, best.State
		if !found || s.Synced > b.Synced || s.Synced == b.Synced && s.Last > b.Last {
			best, found = p, true
		}
	}
	return best, found
}

// mayVote: a store counts if the kept log knows it as its node's (R3). Before the first view no log knows any, and all count.
func mayVote(p, src Participant) bool {
	if len(src.State.Stores) == 0 {
		return true
	}
	s, ok := storeOf(src.State.Stores, p.Hello.Node)
	return ok && s.Store == p.Hello.Store && p.State.Domain != ""
}

// restored: somebody has seen this store further than it says it is now.
func restored(p Participant, all []Participant) bool {
	for _, q := range all {
		s, ok := storeOf(q.State.Stores, p.Hello.Node)
		if ok && s.Store == p.Hello.Store && (p.Hello.Starts < s.Starts || p.Hello.Starts == s.Starts && runOf(p.Hello.Instance) != runOf(s.Instance)) {
			return true
		}
		if i, ok := seenOf(q.State.Seen, p.Hello.Node); ok && q.State.Seen[i].Store == p.Hello.Store && p.State.behind(q.State.Seen[i]) {
			return true
		}
	}
	return false
}

// storeOf looks in what is sorted by node.
func storeOf(stores []Store, node fence.NodeID) (Store, bool) {
	i, ok := slices.BinarySearchFunc(stores, node, func(s Store, n fence.NodeID) int { return cmp.Compare(s.Node, n) })
	if !ok {
		return Store{}, false
	}
	return stores[i], true
}

// receivers are those whose log is another, and From where the transfer to all of them begins.
func (p *Plan) receivers(ps []Participant, src Participant) {
	p.From = p.Last
	for _, q := range ps {
		same := q.State.Domain == p.Domain && q.State.Synced == p.Synced && q.State.Last == p.Last && q.State.Sum == p.Sum
		if q.Process == src.Process || p.bars(q.Process) || same {
			continue
		}
		p.Receivers = append(p.Receivers, q.Process)
		from := q.State.Commit
		if q.State.Domain != p.Domain {
			from = 0
		}
		if from < p.SnapAt {
			p.Snapshot, from = true, p.SnapAt
		}
		p.From = min(p.From, from)
	}
}

// pledged reports whether a State was the promise of the plan's epoch.
func (p *Plan) pledged(q Participant) bool {
	return p.Refused == "" && q.State.Pledge >= p.Epoch && !p.bars(q.Process)
}

// bars reports whether a process may take no part.
func (p *Plan) bars(x Process) bool { return slices.Contains(p.Barred, x) }

// counts reports whether a process has a vote.
func (p *Plan) counts(x Process) bool {
	return slices.ContainsFunc(p.Voters, func(v Voter) bool { return v.Process == x })
}

// receives reports whether a process is to be brought the log.
func (p *Plan) receives(x Process) bool { return slices.Contains(p.Receivers, x) }

// ahead: a log that misses what another has committed must never be kept. It cannot be where quorums share a store; where they need not (R15), it
// can, and nobody decides between two histories but an operator.
func ahead(ps []Participant, last uint64) string {
	for _, q := range ps {
		if q.State.Commit > last {
			return fmt.Sprintf("node %d has committed up to %d, and a quorum without it knows %d: two histories", q.Process.Node, q.State.Commit, last)
		}
	}
	return ""
}

// votesOf counts the voters of whom something holds.
func (p *Plan) votesOf(holds func(Process) bool) int {
	sum := 0
	for _, v := range p.Voters {
		if holds(v.Process) {
			sum += v.Votes
		}
	}
	return sum
}

// quorum reports whether the voters of whom something holds reach the quorum.
func (p *Plan) quorum(holds func(Process) bool) bool { return p.Need > 0 && p.votesOf(holds) >= p.Need }
