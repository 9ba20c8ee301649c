package fence

import "fmt"

// ForWitness returns what a witness needs of the roster: who is in the cluster and how presence is measured. Its own file says no more, so
// that a copy of that file gives nobody a device. Its Hash tells whether a witness's file is that of the committed roster.
func (r Roster) ForWitness() Roster {
	out := Roster{Cluster: r.Cluster, Timing: Timing{FailureTimeoutMS: r.Timing.FailureTimeoutMS, PingMS: r.Timing.PingMS, LeaseMS: r.Timing.LeaseMS}}
	for _, n := range r.Nodes {
		out.Nodes = append(out.Nodes, RosterNode{ID: n.ID, Name: n.Name, Address: n.Address, Votes: n.Votes, Witness: n.Witness})
	}
	return out
}

// CheckWitnesses refuses a roster whose witnesses could be asked for more than a vote, or could decide alone: the nodes would be each other's
// victims, and nobody in the view could act (R23). The embedded provider's own demand, three voters, is not repeated here.
func (r Roster) CheckWitnesses() error {
	votes := 0
	for _, n := range r.Nodes {
		switch {
		case !n.Witness:
			continue
		case len(n.Levels) > 0:
			return fmt.Errorf("%w: witness %s has levels, and it is never fenced", ErrRefused, n.Name)
		case n.Machine != nil:
			return fmt.Errorf("%w: witness %s has a machine, and none is asked for", ErrRefused, n.Name)
		case n.Votes != 1:
			return fmt.Errorf("%w: witness %s has %d votes, and one is what it is for", ErrRefused, n.Name, n.Votes)
		}
		votes += n.Votes
	}
	if votes > 0 && votes >= r.Quorum() {
		return fmt.Errorf("%w: the witnesses alone have %d of the %d votes that quorum needs", ErrRefused, votes, r.Quorum())
	}
	return nil
}
