package embedded

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// appended is a request of a leader that has replicated the entries first to last, all of one term, behind an entry of an earlier one.
func appended(term, first, last, commit uint64) *raft.AppendEntriesRequest {
	a := &raft.AppendEntriesRequest{Term: term, PrevLogEntry: first - 1, PrevLogTerm: term - 1, LeaderCommitIndex: commit}
	for i := first; i <= last; i++ {
		a.Entries = append(a.Entries, &raft.Log{Index: i, Term: term})
	}
	return a
}

func yes(term uint64) *raft.AppendEntriesResponse {
	return &raft.AppendEntriesResponse{Term: term, Success: true}
}

// byHand is a set of nudges whose goroutines run when the test says so, on a node that leads in every term.
type byHand struct {
	*nudges
	jobs []func()
	sent []raft.AppendEntriesRequest
}

func newByHand() *byHand {
	h := &byHand{}
	h.nudges = newNudges(func(_ raft.ServerID, _ raft.ServerAddress, a *raft.AppendEntriesRequest) error {
		h.sent = append(h.sent, *a)
		return nil
	}, func(uint64) bool { return true })
	h.spawn = func(f func()) { h.jobs = append(h.jobs, f) }
	return h
}

// run runs what was spawned and returns what was sent.
func (h *byHand) run() []raft.AppendEntriesRequest {
	for len(h.jobs) > 0 {
		job := h.jobs[0]
		h.jobs = h.jobs[1:]
		job()
	}
	sent := h.sent
	h.sent = nil
	return sent
}

// R6: the commit index of a nudge is never beyond what this follower acknowledged, and its previous entry is that very one.
func TestNudgeEndsAtWhatWasAcknowledged(t *testing.T) {
	h := newByHand()
	h.answered("1/a", "1/a", appended(3, 11, 14, 10), yes(3))
	if sent := h.run(); len(sent) != 0 {
		t.Fatalf("nothing is committed that the follower does not know: %+v", sent)
	}
	h.committed(20) // two others acknowledged more
	sent := h.run()
	if len(sent) != 1 || sent[0].LeaderCommitIndex != 14 || sent[0].PrevLogEntry != 14 || sent[0].PrevLogTerm != 3 || sent[0].Term != 3 || len(sent[0].Entries) != 0 {
		t.Fatalf("%+v", sent)
	}
	h.committed(21)
	if sent := h.run(); len(sent) != 0 {
		t.Fatalf("told twice: %+v", sent)
	}
	h.answered("1/a", "1/a", appended(3, 15, 15, 16), yes(3)) // Raft's own request told it, as far as it goes
	if sent := h.run(); len(sent) != 0 {
		t.Fatalf("told twice: %+v", sent)
	}
	h.answered("1/a", "1/a", appended(3, 16, 30, 21), yes(3))
	h.committed(22)
	if sent := h.run(); len(sent) != 1 || sent[0].LeaderCommitIndex != 22 || sent[0].PrevLogEntry != 30 {
		t.Fatalf("%+v", sent)
	}
	h.answered("1/a", "1/a", appended(3, 11, 14, 10), yes(3)) // an answer that comes late takes nothing back
	h.committed(25)
	if sent := h.run(); len(sent) != 1 || sent[0].LeaderCommitIndex != 25 || sent[0].PrevLogEntry != 30 {
		t.Fatalf("%+v", sent)
	}
}

// R6: what was acknowledged to a leader of another term counts for nothing, and neither does what was refused.
func TestNudgeForgetsOtherTerms(t *testing.T) {
	h := newByHand()
	h.answered("1/a", "1/a", appended(3, 11, 14, 10), yes(3))
	h.answered("2/b", "2/b", appended(4, 11, 12, 10), yes(4))
	h.committed(14)
	sent := h.run()
	if len(sent) != 1 || sent[0].Term != 4 || sent[0].LeaderCommitIndex != 12 {
		t.Fatalf("a nudge from what was acknowledged in term 3: %+v", sent)
	}
	h.answered("1/a", "1/a", appended(3, 11, 14, 10), yes(3))                                               // of the term before
	h.answered("1/a", "1/a", appended(4, 13, 14, 10), &raft.AppendEntriesResponse{Term: 4})                 // refused
	h.answered("1/a", "1/a", appended(4, 13, 14, 10), &raft.AppendEntriesResponse{Term: 5, Success: true})  // no answer to us
	h.answered("3/c", "3/c", &raft.AppendEntriesRequest{Term: 4, PrevLogEntry: 13, PrevLogTerm: 2}, yes(4)) // no entries, and an acknowledgement
	if sent := h.run(); len(sent) != 1 || sent[0].PrevLogEntry != 13 || sent[0].PrevLogTerm != 2 || sent[0].LeaderCommitIndex != 13 {
		t.Fatalf("%+v", sent)
	}
}

// A node that does not lead any more says nothing.
func TestNudgeIsTheLeadersOnly(t *testing.T) {
	h := newByHand()
	h.leads = func(uint64) bool { return false }
	h.answered("1/a", "1/a", appended(3, 11, 14, 10), yes(3))
	h.committed(14)
	if sent := h.run(); len(sent) != 0 {
		t.Fatalf("%+v", sent)
	}
}

// However much is committed, one nudge is on its way to each follower, and the next has the newest.
func TestNudgesDoNotFlood(t *testing.T) {
	h := newByHand()
	for _, id := range []raft.ServerID{"1/a", "2/b"} {
		h.answered(id, "1/a", appended(3, 1, 1000, 0), yes(3))
	}
	for i := range uint64(1000) {
		h.committed(i)
		if len(h.jobs) > 2 {
			t.Fatalf("%d on their way", len(h.jobs))
		}
	}
	sent := h.run()
	if len(sent) != 2 || sent[0].LeaderCommitIndex != 999 || sent[1].LeaderCommitIndex != 999 {
		t.Fatalf("%d sent: %+v", len(sent), sent[0])
	}
}

// stop and wait may come at any time, from any goroutine; after wait nothing is sent.
func TestNudgesEnd(t *testing.T) {
	for range 50 {
		var over atomic.Bool
		n := newNudges(func(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest) error {
			if over.Load() {
				t.Error("sent after the end")
			}
			return nil
		}, func(uint64) bool { return true })
		var wg sync.WaitGroup
		for k := range 4 {
			wg.Go(func() {
				for i := range uint64(200) {
					n.answered(raft.ServerID(rune('a'+k)), "a", appended(3, i+1, i+1, 0), yes(3))
					n.committed(i)
				}
			})
		}
		n.stop()
		n.wait()
		over.Store(true)
		wg.Wait()
	}
}

// A follower knows of a commit at once, not after Raft's CommitTimeout: with these timings twenty of them would take half a minute.
func TestFollowersLearnOfCommitsAtOnce(t *testing.T) {
	p := newParty(t, 3)
	p.timeout = membershiptest.Slow(p.timeout) * 10
	p.startAll()
	lead := p.leader()
	follower := p.nodes[slices.IndexFunc(p.nodes, func(n NodeConfig) bool { return n.ID != lead })].ID
	slow := p.node(lead).raftConfig(nil).CommitTimeout
	began := membership.BootMS()
	for i := range uint64(20) {
		p.commits(follower, i+1, "x")
	}
	if took := membership.BootMS() - began; took > 10*slow.Milliseconds() {
		t.Errorf("20 commits took a follower %d ms, Raft's own way takes at least %d ms", took, 20*slow.Milliseconds())
	}
}
