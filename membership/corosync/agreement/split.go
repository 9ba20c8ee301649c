package agreement

// LowestID says what a node counts for, and what a quorum needs, where of two even halves the one with the lowest node id, or another that
// is always the same, is to go on (even_split: lowest-id; a tie breaker of corosync): every vote counts twice and that node's once more. Any two quorums still have a
// store in common, so what is committed on one side is never missing on another (R6). total is the votes of all nodes.
func LowestID(votes, total int, lowest bool) (own, need int) {
	own = 2 * votes
	if lowest {
		own++
	}
	return own, total + 1
}
