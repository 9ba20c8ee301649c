package world

// Needed says which fault kinds a violation needs: each kind is switched off, one after the other, and stays off if the same invariant breaks
// without it. It costs up to one run for each kind.
func Needed(o Options, v Violation) []string {
	o.Trace = nil
	without := append([]string(nil), o.Without...)
	var needed []string
	for _, kind := range Exists(o) {
		o.Without = append(append([]string(nil), without...), kind)
		if r := Run(o); r.Violation != nil && r.Violation.Invariant == v.Invariant {
			without = o.Without
		} else {
			needed = append(needed, kind)
		}
	}
	return needed
}

// Exists lists the fault kinds that the seed drew for this run.
func Exists(o Options) []string {
	w := newWorld(o)
	var kinds []string
	for k := range faultKinds {
		if w.plan.every[k] > 0 {
			kinds = append(kinds, k.String())
		}
	}
	return kinds
}
