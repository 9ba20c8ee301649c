package domain

// FeatureAlive is the feature level from which a life runs because it says so, or because its machine reads on: that a view shows it is not
// enough. A view is late: it may be the first to show a life that an off has ended already (R9, R11).
const FeatureAlive = 3

func (s *State) byWord() bool { return s.Feature >= FeatureAlive }

// shown ends a power-on obligation because a view shows another life; before FeatureAlive that was taken for the machine's running. From then on
// the walk's own read decides, for a machine that reads on is not commanded on, or the life's own word when it is admitted.
func (t *turn) shown(n *Node) {
	if p := n.PowerOn; p != nil && !p.Drill && !t.s.byWord() && !t.s.IsOver(n.Life) {
		t.discharge(n)
	}
}

// speakAnew voids a word that was said before a verdict on the machine: the off that the verdict proves may have ended that life too. Who still
// runs says it again; who does not is powered on.
func (t *turn) speakAnew(n *Node) {
	if n.Pending != nil && t.s.byWord() {
		n.again(t.index)
	}
}

// standDown ends the claim on a power-on obligation because the machine's new life waits for admission; the obligation stays until it is
// admitted, for something that is in flight may yet end that life (R9).
func (t *turn) standDown(n *Node) {
	if p := n.PowerOn; p != nil && !p.Drill && p.Claim != nil && t.s.byWord() {
		c := p.Claim
		p.Claim = nil
		n.Unquiet = append(n.Unquiet, *c)
		t.emit(Event{Kind: EventCanceled, Node: n.ID, Life: p.For, Operation: p.ID, Claim: c.Number, Actor: c.Actor.Node, On: true, Text: "its new life waits for admission"})
	}
}

// runs ends a power-on obligation because a new life of the machine is admitted: it said so itself, and nothing is in flight that could end it.
func (t *turn) runs(n *Node) {
	if p := n.PowerOn; p != nil && !p.Drill && t.s.byWord() {
		t.discharge(n)
	}
}

// discharge ends a power-on obligation because the machine runs already.
func (t *turn) discharge(n *Node) {
	p := n.PowerOn
	if p.Claim != nil {
		n.Unquiet = append(n.Unquiet, *p.Claim)
	}
	n.PowerOn = nil
	t.emit(Event{Kind: EventPowerOn, Node: n.ID, Life: p.For, Operation: p.ID, On: true, Text: "it runs"})
}
