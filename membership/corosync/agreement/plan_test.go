package agreement

import (
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// part is a participant of node id, with one vote of three, whose log was taken over in epoch synced and ends at last.
func part(id fence.NodeID, synced, last, commit uint64) Participant {
	return Participant{
		Process: Process{id, 100},
		Hello:   Hello{Node: id, Boot: "b", Instance: string(rune('a' + id)), Store: "s" + string(rune('0'+id)), Starts: 1, Count: 1},
		State:   State{Domain: "d", Promised: synced, Synced: synced, Last: last, Commit: commit, Votes: 1, Need: 2, Stores: three},
	}
}

var three = []Store{{1, "s1", 1, "b"}, {2, "s2", 1, "c"}, {3, "s3", 1, "d"}}

func TestDecide(t *testing.T) {
	with := func(p Participant, f func(*Participant)) Participant {
		p.State.Stores = slices.Clone(p.State.Stores)
		f(&p)
		return p
	}
	tests := []struct {
		name    string
		parts   []Participant
		refused string
		source  fence.NodeID
		from    uint64
		snap    bool
		recv    []fence.NodeID
		voters  []fence.NodeID
		barred  []fence.NodeID
	}{
		{name: "all the same", parts: []Participant{part(1, 4, 9, 9), part(2, 4, 9, 9), part(3, 4, 9, 9)}, source: 1, from: 9, voters: []fence.NodeID{1, 2, 3}},
		{
			name: "longer in the same epoch", parts: []Participant{part(1, 4, 9, 8), part(2, 4, 10, 9)}, source: 2, from: 8,
			recv: []fence.NodeID{1}, voters: []fence.NodeID{1, 2},
		},
		{
			name: "taken over later, though shorter: what it does not have was never committed", parts: []Participant{part(1, 4, 12, 8), part(2, 5, 10, 9)},
			source: 2, from: 8, recv: []fence.NodeID{1}, voters: []fence.NodeID{1, 2},
		},
		{
			name:   "as long in the same epoch, and another: a message was lost with a ring",
			parts:  []Participant{part(1, 4, 9, 8), with(part(2, 4, 9, 8), func(p *Participant) { p.State.Sum = 7 })},
			source: 1, from: 8, recv: []fence.NodeID{2}, voters: []fence.NodeID{1, 2},
		},
		{name: "no quorum", parts: []Participant{part(1, 4, 9, 9)}, refused: "1 votes of stores that the log knows, 2 needed"},
		{
			name: "a wiped store has no vote", parts: []Participant{part(1, 4, 9, 9), with(part(2, 0, 0, 0), func(p *Participant) {
				p.Hello.Store, p.State = "new", State{Votes: 1, Need: 2}
			})}, refused: "1 votes of stores that the log knows, 2 needed",
		},
		{
			name: "a wiped store beside a quorum receives", parts: []Participant{part(1, 4, 9, 9), part(2, 4, 9, 9), with(part(3, 0, 0, 0), func(p *Participant) {
				p.Hello.Store, p.State = "new", State{Votes: 1, Need: 2}
			})}, source: 1, from: 0, recv: []fence.NodeID{3}, voters: []fence.NodeID{1, 2},
		},
		{
			name: "another node's store has no vote", parts: []Participant{part(1, 4, 9, 9), with(part(2, 4, 9, 9), func(p *Participant) { p.Hello.Store = "s3" })},
			refused: "1 votes",
		},
		{
			name: "a store restored from a copy is barred", parts: []Participant{part(1, 4, 9, 9), part(2, 4, 9, 9), with(part(3, 4, 9, 9), func(p *Participant) {
				p.Hello.Instance = "another run that says it is the first"
			})}, source: 1, from: 9, voters: []fence.NodeID{1, 2}, barred: []fence.NodeID{3},
		},
		{
			name: "even if its log looks best", parts: []Participant{part(1, 4, 9, 9), part(2, 4, 9, 9), with(part(3, 9, 99, 99), func(p *Participant) {
				p.Hello.Starts = 0
			})}, refused: "two histories",
		},
		{
			name: "started again is no copy", parts: []Participant{part(1, 4, 9, 9), with(part(2, 4, 9, 9), func(p *Participant) { p.Hello.Starts, p.Hello.Instance = 2, "new" })},
			source: 1, from: 9, voters: []fence.NodeID{1, 2},
		},
		{
			name: "two domains", parts: []Participant{part(1, 4, 9, 9), with(part(2, 4, 9, 9), func(p *Participant) { p.State.Domain = "c" }), part(3, 4, 9, 9)},
			refused: "two domains in one ring: c and d",
		},
		{
			name: "no domain", parts: []Participant{with(part(1, 0, 0, 0), func(p *Participant) { p.State.Domain = "" })}, refused: "fenced bootstrap",
		},
		{
			name: "the first session: every store counts", parts: []Participant{with(part(1, 0, 0, 0), func(p *Participant) { p.State.Stores = nil }), with(part(2, 0, 0, 0), func(p *Participant) {
				p.State.Domain, p.State.Stores = "", nil
			})}, source: 1, recv: []fence.NodeID{2}, voters: []fence.NodeID{1, 2},
		},
		{
			name: "behind the snapshot", parts: []Participant{with(part(1, 4, 9, 9), func(p *Participant) { p.State.SnapAt = 5 }), part(2, 3, 4, 3), part(3, 4, 8, 7)},
			source: 1, from: 5, snap: true, recv: []fence.NodeID{2, 3}, voters: []fence.NodeID{1, 2, 3},
		},
		{
			name: "nobody knows what a quorum is", parts: []Participant{with(part(1, 4, 9, 9), func(p *Participant) { p.State.Need = 0 })}, refused: "votequorum",
		},
		{
			name: "who counts more needs more", parts: []Participant{part(1, 4, 9, 9), with(part(2, 4, 9, 9), func(p *Participant) { p.State.Need = 3 })},
			refused: "2 votes of stores that the log knows, 3 needed",
		},
		{
			name: "committed beyond the kept log", parts: []Participant{part(1, 5, 7, 7), part(2, 5, 7, 7), with(part(3, 4, 9, 9), func(*Participant) {})},
			refused: "node 3 has committed up to 9",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Decide(tt.parts)
			back := slices.Clone(tt.parts)
			slices.Reverse(back)
			if q := Decide(back); q.Source != p.Source || q.Refused != p.Refused || q.Epoch != p.Epoch || !slices.Equal(q.Receivers, p.Receivers) || !slices.Equal(q.Voters, p.Voters) {
				t.Errorf("the order of the participants matters:\n%+v\n%+v", p, q)
			}
			if tt.refused != "" {
				if !strings.Contains(p.Refused, tt.refused) {
					t.Errorf("refused %q, want %q", p.Refused, tt.refused)
				}
				return
			}
			if p.Refused != "" || p.Source.Node != tt.source || p.From != tt.from || p.Snapshot != tt.snap {
				t.Errorf("got %+v", p)
			}
			if got := nodesOf(p.Receivers); !slices.Equal(got, tt.recv) {
				t.Errorf("receivers %v, want %v", got, tt.recv)
			}
			if got := nodesOf(p.Barred); !slices.Equal(got, tt.barred) {
				t.Errorf("barred %v, want %v", got, tt.barred)
			}
			var voters []Process
			for _, v := range p.Voters {
				voters = append(voters, v.Process)
			}
			if got := nodesOf(voters); !slices.Equal(got, tt.voters) {
				t.Errorf("voters %v, want %v", got, tt.voters)
			}
			for _, q := range tt.parts {
				if p.Epoch <= q.State.Promised {
					t.Errorf("epoch %d was promised before", p.Epoch)
				}
			}
		})
	}
}

func nodesOf(ps []Process) (ids []fence.NodeID) {
	for _, p := range ps {
		ids = append(ids, p.Node)
	}
	return ids
}

// S1.1: whichever stream is ahead, nothing is done before both show one quorate ring.
func TestStreams(t *testing.T) {
	one, two := Ring{1, 8}, Ring{1, 12}
	nodes := []fence.NodeID{1, 2}
	for _, tt := range []struct {
		name string
		tell func(*Streams)
		want string
	}{
		{"nothing heard", func(*Streams) {}, "has not told"},
		{"only the quorum service", func(s *Streams) { s.Quorum(one, true) }, "has not told"},
		{"only the group", func(s *Streams) { s.Group(one, nodes) }, "ring 1.8, the quorum service"},
		{"both", func(s *Streams) { s.Group(one, nodes); s.Quorum(one, true) }, ""},
		{"both, the quorum service first", func(s *Streams) { s.Quorum(one, true); s.Group(one, nodes) }, ""},
		{"not quorate", func(s *Streams) { s.Group(one, nodes); s.Quorum(one, false) }, "not quorate"},
		{"votes came later", func(s *Streams) { s.Group(one, nodes); s.Quorum(one, false); s.Quorum(one, true) }, ""},
		{"the group is ahead", func(s *Streams) { s.Group(one, nodes); s.Quorum(one, true); s.Group(two, nodes) }, "ring 1.c, the quorum service in ring 1.8"},
		{"the quorum service is ahead", func(s *Streams) { s.Group(one, nodes); s.Quorum(one, true); s.Quorum(two, true) }, "ring 1.8, the quorum service in ring 1.c"},
		{"another ring with the same number", func(s *Streams) { s.Group(one, nodes); s.Quorum(Ring{2, 8}, true) }, "ring 1.8, the quorum service in ring 2.8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s Streams
			tt.tell(&s)
			if got := s.Holds(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	var s Streams
	s.Group(one, nodes)
	if !s.In(2) || s.In(3) {
		t.Error("a ghost is taken for a member")
	}
}
