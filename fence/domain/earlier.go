package domain

// FeatureEarlier is the feature level from which a person may vouch for an earlier life of a node that is in the view with a later one (R11, R19).
const FeatureEarlier = 3

// earlier reports whether a node's victim is a life that it certainly is not in the view with: the life that is there has another boot id, runs on
// the very machine that the victim ran on, and has said that it is clean. A guest's proves nothing by that (R2); a person may say what its device
// cannot, and must not have to take away the quorum for it (S2.9, 0086). Of another machine under the same name nobody knows what the first one
// does, and a life that is not clean is dealt with first.
func (s *State) earlier(n *Node) bool {
	v, a := n.Victim, n.Pending
	return s.Feature >= FeatureEarlier && a != nil && !v.Unknown() && n.Life.Boot != v.Boot && v.Machine.Same(a.Machine)
}
