package membershiptest

// checkOrder compares every sequence that was ever read with every other: what two runs both saw, they saw at the same index with the same
// content. It runs at the end of each test.
func (r *rig) checkOrder() {
	at := make(map[uint64]Line)
	for _, rd := range r.all {
		rd.mu.Lock()
		for _, l := range rd.lines {
			if o, ok := at[l.Index]; ok && o != l {
				r.t.Errorf("node %d (%s): index %d is %q, another read %q", rd.Self.Node, rd.Self.Instance, l.Index, l.What, o.What)
			}
			at[l.Index] = l
		}
		rd.mu.Unlock()
	}
}

// checkOnce: no proposal is delivered twice to a run, and none has two outcomes.
func (r *rig) checkOnce() {
	for _, rd := range r.all {
		rd.mu.Lock()
		seen := make(map[string]uint64)
		for _, l := range rd.lines {
			if first, ok := seen[l.What]; ok && l.What[0] != 'v' {
				r.t.Errorf("node %d: %q delivered at %d and at %d", rd.Self.Node, l.What, first, l.Index)
			}
			seen[l.What] = l.Index
		}
		for n, o := range rd.outcomes {
			if len(o) != 1 {
				r.t.Errorf("node %d: proposal %d has %d outcomes", rd.Self.Node, n, len(o))
			}
		}
		rd.mu.Unlock()
	}
}
