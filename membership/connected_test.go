package membership_test

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

func TestConnected(t *testing.T) {
	type pair [2]fence.NodeID
	tests := []struct {
		name string
		n    int
		down []fence.NodeID
		cut  []pair
		want []fence.NodeID
	}{
		{name: "all", n: 3, want: []fence.NodeID{1, 2, 3}},
		{name: "one down", n: 3, down: []fence.NodeID{2}, want: []fence.NodeID{1, 3}},
		{name: "no majority", n: 3, down: []fence.NodeID{1, 2}},
		{name: "tie goes to the lowest ids", n: 3, cut: []pair{{2, 3}}, want: []fence.NodeID{1, 2}},
		{name: "S5.5: one with a bad link to two of five is outside", n: 5, cut: []pair{{1, 4}, {1, 5}}, want: []fence.NodeID{2, 3, 4, 5}},
		{name: "halves of four have no majority", n: 4, cut: []pair{{1, 3}, {1, 4}, {2, 3}, {2, 4}}},
		{name: "ring of five: nobody has three who all hear each other", n: 5, cut: []pair{{1, 3}, {2, 4}, {3, 5}, {4, 1}, {5, 2}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var voters []membership.Voter
			for i := 1; i <= tt.n; i++ {
				voters = append(voters, membership.Voter{ID: fence.NodeID(i), Votes: 1})
			}
			got := membership.Connected(voters,
				func(id fence.NodeID) bool { return !slices.Contains(tt.down, id) },
				func(a, b fence.NodeID) bool {
					return !slices.Contains(tt.cut, pair{a, b}) && !slices.Contains(tt.cut, pair{b, a})
				})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestQueueFoldsPresenceAndBreaksAtItsLimit(t *testing.T) {
	q := membership.NewQueue()
	defer q.Close()
	m := membership.Member{Instance: "a"}
	q.Push(membership.QuorumHeld{}) // the pump holds this one, nobody reads
	for i := int64(1); i <= 100; i++ {
		q.Push(membership.Heard{Member: m})
		q.Push(membership.LeaseRenewed{SentMS: i})
	}
	if n := q.Len(); n > 3 {
		t.Errorf("%d events wait, presence was not folded", n)
	}
	<-q.Out()
	var lease membership.LeaseRenewed
	for lease.SentMS == 0 {
		if l, ok := (<-q.Out()).(membership.LeaseRenewed); ok {
			lease = l
		}
	}
	if lease.SentMS != 100 {
		t.Errorf("the newest lease was %d, want 100", lease.SentMS)
	}
	for range membership.QueueLimit + 1 {
		q.Push(membership.Committed{})
	}
	if q.Push(membership.Committed{}) {
		t.Error("a sequence with a hole went on")
	}
}
