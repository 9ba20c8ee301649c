package domain

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// CheckIndex says in what the index differs from the state that it was counted from, and in what an answer that it gives differs from what a look at
// all nodes gives; nil in nothing. The simulator's audit and the properties ask it: an index that forgot something would be a second truth.
func (s *State) CheckIndex() error {
	if s == nil || s.index == nil {
		return nil
	}
	x := s.index
	if want := s.count(); want == nil || !slices.Equal(x.busy, want.busy) || x.votes != want.votes || x.present != want.present || x.differ != want.differ || len(x.touched) > 0 {
		return fmt.Errorf("the index is %+v, the state says %+v", x, want)
	}
	if !s.names.same(s.naming()) {
		return fmt.Errorf("machines and steps are found by %+v, the state says %+v", s.names, s.naming())
	}
	all := *s
	all.index = nil
	without := append([]fence.NodeID{0}, x.busy...)
	if n := len(s.View.Members); n > 0 {
		without = append(without, s.View.Members[0].Node, s.View.Members[n-1].Node)
	}
	for _, id := range without {
		got, want := [...]int{s.Votes(id), s.Rest(id), s.secure(id)}, [...]int{all.Votes(id), all.Rest(id), all.secure(id)}
		if got != want {
			return fmt.Errorf("without node %d the votes of the view, those that stay and those that are secure are %v by the index, %v by a count", id, got, want)
		}
	}
	got, want := [...]int{s.Quorum(), s.activeClaims(), len(s.Victims()), len(s.Finishing())}, [...]int{all.Quorum(), all.activeClaims(), len(all.Victims()), len(all.Finishing())}
	if got != want || s.Quorate() != all.Quorate() || s.someHalt() != all.someHalt() {
		return fmt.Errorf("quorum, claims, victims and what a disarm waits for are %v by the index, %v by a count", got, want)
	}
	for _, n := range s.Victims() {
		if a, b := s.Before(n), all.Before(n); a != b {
			return fmt.Errorf("what comes before %s is %v by the index, %v by a look at all nodes", n.Victim.Incarnation, a, b)
		}
	}
	return nil
}
