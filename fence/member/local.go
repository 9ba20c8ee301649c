package member

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// Forced power from this node (R31): an operator's command that needs neither claim nor quorum. It gives no verdict and releases nobody. It is
// noted durably before a device is touched and told to the domain at the next contact, where R9's wait counts it; what this node itself then
// still has in flight it says when it has returned.

// LocalRecord is what is durable of one of them until the domain knows it.
type LocalRecord struct {
	ID     string       `json:"id"`
	Node   fence.NodeID `json:"node"`
	Life   string       `json:"life,omitempty"`
	Action fence.Action `json:"action"`
	By     string       `json:"by"`
	Reason string       `json:"reason"`
	// Boot is this machine's: EndMS is a time of its clock, and of no other's.
	Boot  string `json:"boot"`
	EndMS int64  `json:"end_ms"`
	// DurationMS is the longest that requests may be sent after the record was made, EffectMS how long they may take effect after that.
	DurationMS int64 `json:"duration_ms"`
	EffectMS   int64 `json:"effect_ms"`
}

// LocalRequested asks for forced power. It is answered by Answer: Err nil means that it began (see Member.Local), any other that nothing was
// asked of any device.
type LocalRequested struct {
	Reply          uint64
	ID, By, Reason string
	Node           fence.NodeID
	Action         fence.Action // ActionOff or ActionReboot

	life string // the boot that is meant where the domain does not know it yet, "" for the newest one that it knows
}

// LocalWritten answers the WriteLocal of this number.
type LocalWritten struct {
	Number uint64
	Err    string
}

// LocalFound is what an earlier daemon of this node noted and did not tell.
type LocalFound struct{ Records []LocalRecord }

// WriteLocal replaces the durable list of what the domain does not know yet; it is answered by LocalWritten.
type WriteLocal struct {
	Number  uint64
	Records []LocalRecord
}

func (LocalRequested) input() {}
func (LocalWritten) input()   {}
func (LocalFound) input()     {}
func (WriteLocal) effect()    {}

// ErrLocal is wrapped by every refusal of forced power.
var ErrLocal = errors.New("no forced power from this node")

// localClaim is where the numbers of local walks begin: no claim of the log reaches them.
const localClaim = uint64(1) << 62

// LocalWalk reports whether a claim number stands for forced power of this node.
func LocalWalk(claim uint64) bool { return claim >= localClaim }

// Local power that is remembered, and that runs, at once.
const (
	maxLocals     = 64
	maxLocalsOpen = 16
)

// LocalPower is one forced power as this node knows it. Off and On are the results of its walks, nil before their ends.
type LocalPower struct {
	LocalRecord
	Off, On *operation.Result
	Done    bool
	// Told: the domain knows of it.
	Told bool

	reply     uint64
	spec      operation.Spec
	cancelled bool   // its walk is being ended
	note      uint64 // number of the write that makes it durable
	noted     bool
	claim     uint64 // of the walk that runs
	quiet     bool   // no call of the walk that ran last is in flight
	restored  bool   // of one of two: its machine is to be switched on again, by the log
	effect    int64  // until when what was commanded may take effect
}

// Local returns a forced power by its id; nil if there is none. Valid until the next Step.
func (m *Member) Local(id string) *LocalPower {
	for _, l := range m.locals {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// Untold lists what the domain does not know yet.
func (m *Member) Untold() []LocalRecord {
	var out []LocalRecord
	for _, l := range m.locals {
		if !l.Told {
			out = append(out, l.LocalRecord)
		}
	}
	return out
}

func (m *Member) localRequested(in LocalRequested) {
	if l := m.Local(in.ID); l != nil { // asked again because an answer was lost
		m.answerLocal(in.Reply, nil)
		return
	}
	n, err := m.mayForce(in)
	if err != nil {
		m.answerLocal(in.Reply, fmt.Errorf("%w: %w", ErrLocal, err))
		return
	}
	m.serial++
	l := &LocalPower{reply: in.Reply, claim: localClaim + m.serial, quiet: true}
	l.spec = m.localSpec(n, l.claim)
	on := l.spec
	on.Action, on.StartLevel = fence.ActionOn, -1
	duration := operation.Duration(l.spec)
	if in.Action == fence.ActionReboot {
		duration += operation.Duration(on)
	}
	l.LocalRecord = LocalRecord{
		ID: in.ID, Node: n.ID, Life: n.Life.Boot, Action: in.Action, By: bound(in.By), Reason: bound(in.Reason), Boot: m.cfg.Self.Boot,
		EndMS: m.now + duration, DurationMS: duration, EffectMS: operation.LongestEffect(l.spec.Judge.Levels, l.spec.Judge.Devices),
	}
	if in.life != "" {
		l.Life = in.life
	}
	l.spec.EndMS = l.EndMS
	m.locals = append(m.locals, l)
	m.forgetLocals()
	l.note = m.writeLocals()
}

// answerLocal answers who asked; 0 is this node itself, one of two (R23).
func (m *Member) answerLocal(reply uint64, err error) {
	if reply != 0 {
		m.do(Answer{Reply: reply, Err: err})
	}
}

// writeLocals has what the domain does not know written, and returns the number of that write.
func (m *Member) writeLocals() uint64 {
	m.notes++
	m.do(WriteLocal{Number: m.notes, Records: m.Untold()})
	return m.notes
}

// mayForce says why this node forces nothing: everything but claim, quorum and arming is demanded as ever.
func (m *Member) mayForce(in LocalRequested) (*domain.Node, error) {
	n := m.dom.Node(in.Node)
	open := 0
	for _, l := range m.locals {
		if !l.Done {
			open++
		}
		if !l.Done && l.Node == in.Node {
			return nil, fmt.Errorf("%s is being done to it already (%s)", l.Action, l.ID)
		}
	}
	switch {
	case m.fell:
		return nil, errors.New("this node ends its own life")
	case m.closing():
		return nil, errors.New("this node leaves, or its daemon restarts")
	case m.rewiring:
		return nil, errors.New("the devices of this node are being changed: try again")
	case n == nil:
		return nil, errors.New("no roster that this node has seen names it")
	case in.Node == m.cfg.Self.Node:
		return nil, errors.New("a node does not switch itself (V7)")
	case m.dom.Witness(in.Node):
		return nil, errors.New("it is a witness and has no device")
	case open >= maxLocalsOpen || len(m.Untold()) >= maxLocals:
		return nil, fmt.Errorf("%d are open, %d not told", open, len(m.Untold()))
	case len(m.localSpec(n, localClaim).Judge.Levels) == 0:
		return nil, errors.New("none of its levels is made of devices alone")
	}
	for _, c := range active(n) {
		if m.Quorate() && (c.On || in.Action == fence.ActionReboot) { // two that switch it in opposite ways (I5)
			return nil, fmt.Errorf("claim %d on it is in force: wait for it, or ask without --local", c.Number)
		}
	}
	return n, nil
}

// localSpec is a walk to off over the levels that switch power and are made of devices alone: a cut is opened by the domain only, a wait proves nothing without the victim's entry, and nobody
// acknowledges here. The victim's machine is that of the domain, so a device that identifies another one is not switched (R16 a).
func (m *Member) localSpec(n *domain.Node, claim uint64) operation.Spec {
	j := m.dom.Judge(n)
	j.Claim = claim
	j.Levels = operation.DeviceLevels(j.Levels, j.Devices)
	life := n.Life
	if life.Boot == "" || m.dom.IsOver(life) {
		life = fence.UnknownLife(n.ID, m.dom.Generation)
	}
	index := max(m.dom.Index, 1)
	return operation.Spec{
		Victim: fence.Victim{Incarnation: life, Machine: n.Machine, Cause: fence.CauseOperator, Index: index, Action: fence.ActionOff},
		Claim:  claim, ReadIndex: index, Action: fence.ActionOff, Judge: j, InFlight: len(n.Unquiet) > 0 || len(active(n)) > 0,
	}
}

// localWritten begins what is noted now: a device is touched only after that (R31).
func (m *Member) localWritten(in LocalWritten) {
	for _, l := range slices.Clone(m.locals) {
		switch {
		case l.noted || l.Done || l.note != in.Number:
		case in.Err != "":
			m.locals = slices.DeleteFunc(m.locals, func(o *LocalPower) bool { return o == l })
			m.answerLocal(l.reply, fmt.Errorf("%w: it cannot be noted, and would be forgotten: %s", ErrLocal, in.Err))
		case m.rewiring || m.closing() || m.fell:
			m.locals = slices.DeleteFunc(m.locals, func(o *LocalPower) bool { return o == l })
			m.answerLocal(l.reply, fmt.Errorf("%w: meanwhile its devices are being changed, or it ends", ErrLocal))
		case m.now > l.EndMS:
			m.locals = slices.DeleteFunc(m.locals, func(o *LocalPower) bool { return o == l })
			m.answerLocal(l.reply, fmt.Errorf("%w: noting it took too long", ErrLocal))
		default:
			l.noted, l.quiet = true, false
			m.answerLocal(l.reply, nil)
			m.do(StartOperation{Spec: l.spec})
		}
	}
}

// localFound takes over what an earlier daemon noted. Its walks ended with it; what they sent is bounded by the time that is noted, by this
// boot's clock or, of an earlier boot, counted from now on.
func (m *Member) localFound(in LocalFound) {
	for _, r := range in.Records {
		if m.Local(r.ID) != nil || len(m.locals) >= maxLocals {
			continue
		}
		if r.Boot != m.cfg.Self.Boot {
			r.EndMS = m.now + r.DurationMS
		}
		m.locals = append(m.locals, &LocalPower{LocalRecord: r, Done: true, noted: true, effect: r.EndMS + r.EffectMS})
	}
}

// abandonLocals cancels every walk of forced power that runs, for what ends every other walk too: a node that stood still does not go on with
// what it read before, and no walk goes on with devices that are about to be others (R20, V6).
func (m *Member) abandonLocals(why string) {
	for _, l := range m.locals {
		switch {
		case !l.noted || l.Done || l.cancelled:
		case l.Off != nil && l.spec.Action == fence.ActionOff: // off, and not on yet: it says so and stays
			l.Done, l.On = true, &operation.Result{FailedText: why}
		default:
			l.cancelled = true
			m.do(CancelOperation{Life: l.spec.Victim.Incarnation, Claim: l.claim, Why: why})
		}
	}
}

// localOf is the forced power whose walk has this number.
func (m *Member) localOf(claim uint64) *LocalPower {
	for _, l := range m.locals {
		if l.claim == claim && claim != 0 {
			return l
		}
	}
	return nil
}

// localFinished takes the end of one of its walks.
func (m *Member) localFinished(in ReadResult) {
	l := m.localOf(in.Claim)
	if l == nil || l.Done {
		return
	}
	l.quiet = in.Quiet
	l.effect = max(l.effect, in.Result.EffectUntilMS)
	result := in.Result
	if l.spec.Action == fence.ActionOn {
		l.On, l.Done = &result, true
		return
	}
	l.Off = &result
	l.Done = l.Action != fence.ActionReboot || !result.Proven
}

// forced brings each forced power one step further: on again, and the word to the domain.
func (m *Member) forced() {
	for _, l := range m.locals {
		if !l.Done && l.Off != nil && l.spec.Action == fence.ActionOff {
			m.localOn(l)
		}
	}
	if m.Quorate() && m.dom.Feature >= domain.FeatureLocal {
		for _, l := range m.locals {
			m.tellLocal(l)
		}
	}
}

// localOn switches on again what was read off, once nothing of the way to off can take effect any more (R9).
func (m *Member) localOn(l *LocalPower) {
	spec := l.spec
	spec.Action, spec.StartLevel = fence.ActionOn, l.Off.Evidence.Level
	if m.now+operation.Duration(spec) > l.EndMS {
		l.Done = true
		l.On = &operation.Result{FailedText: "it was not switched on: something of the way to off may still take effect, and its time is over"}
		return
	}
	if !l.quiet || m.now < l.effect || m.leaving != nil {
		return
	}
	m.serial++
	l.claim = localClaim + m.serial
	spec.Claim, spec.Judge.Claim = l.claim, l.claim
	l.spec, l.quiet = spec, false
	m.do(StartOperation{Spec: spec})
}

// tellLocal tells the domain (R31): at once, also while it runs, because what runs is what others must wait for.
func (m *Member) tellLocal(l *LocalPower) {
	if l.Told || !l.noted {
		return
	}
	e := domain.LocalPower{
		ID: l.ID, Node: l.Node, Boot: l.Life, Action: l.Action, By: l.By, Reason: l.Reason,
		DurationMS: max(0, l.EndMS-m.now), EffectMS: l.EffectMS, Quiet: m.localQuiet(l),
	}
	if l.Off != nil {
		e.Attempts, e.Text = m.attempts(*l.Off, m.cfg.Logins), bound(l.Off.FailedText)
	}
	m.propose("local/"+l.ID, domain.Entry{Local: &e})
}

// localQuiet reports whether nothing of it can take effect any more.
func (m *Member) localQuiet(l *LocalPower) bool {
	return l.Done && m.now >= l.effect && (l.quiet || m.now >= l.EndMS+l.EffectMS)
}

// localCommitted: the domain knows it, so the note is not needed any more. One about a node that was removed is of no use to anybody.
func (m *Member) localCommitted(e domain.LocalPower, err error) {
	l := m.Local(e.ID)
	if l == nil || l.Told || (err != nil && m.dom.Node(e.Node) != nil) {
		return
	}
	l.Told = true
	m.writeLocals()
}

// forgetLocals keeps the memory bounded: what is done and told goes, the oldest first.
func (m *Member) forgetLocals() {
	for len(m.locals) > maxLocals {
		i := slices.IndexFunc(m.locals, func(l *LocalPower) bool { return l.Done && l.Told })
		if i < 0 {
			return
		}
		m.locals = slices.Delete(m.locals, i, i+1)
	}
}

// raiseFeature proposes the newest feature level that every node has announced (R11). The first in rank does it, for all.
func (m *Member) raiseFeature() {
	if m.dom.Feature >= domain.FeatureLevel || m.dom.Feature == 0 || len(m.dom.Nodes) == 0 {
		return
	}
	if ids := m.dom.Eligibles(); ids[0] != m.cfg.Self.Node {
		return
	}
	level := domain.FeatureLevel
	for i := range m.dom.Nodes {
		level = min(level, m.dom.Nodes[i].Feature)
	}
	if level > m.dom.Feature {
		m.propose(fmt.Sprintf("feature/%d", level), domain.Entry{Feature: &domain.Feature{Level: level}})
	}
}
