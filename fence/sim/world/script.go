package world

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim"
)

// Script is a world in which nothing goes wrong by itself: its caller (test/scenarios/script) makes each fault at its instant. The same checkers
// judge it, and only latencies come from the seed: what a scenario shows with one seed it must show with every other.
type Script struct{ w *World }

// Setup says how a scripted world is made. Durations are in milliseconds.
type Setup struct {
	Seed uint64
	// Membership is Corosync, or "" for the embedded one.
	Membership string
	// Paths is behind how many of the switches fc-1 and fc-2 the disk is; 0 where nothing cuts a machine off from it.
	Paths int
	// OnTarget: each machine opens its ports itself, as it registers itself at a disk.
	OnTarget bool
	Timing   fence.Timing
	Policy   fence.Policy
	Nodes    []ScriptNode
	BootMS   int64
	EffectMS int64 // the longest effect time of devices
	HoldUpMS int64
	Attempt  int64 // the deadline of an attempt at a device, in milliseconds
	Attempts int
	Choose   func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID
	Watch    Watcher
	Trace    func(string)
}

// ScriptNode is one node of a scripted world. A level's steps are "bmc", "pdu-1", "pdu-2", "fc-1" and "fc-2", each its own.
type ScriptNode struct {
	Name     string
	Levels   [][]string
	Action   fence.Action
	Virtual  bool
	Deaf     bool // its program never stops once it began
	Critical bool // its program is registered as critical
	Returns  int  // what it does when power returns: 0 stays off, 1 as before, 2 comes up
}

// Watcher is told of everything that a script may want to see, in its order.
type Watcher interface {
	// Committed is one transition that was committed; the state is the one after its entry, to be read only.
	Committed(index int, e domain.Event, s *domain.State)
	// Rejected is an entry that every member rejects alike.
	Rejected(by domain.Origin, e domain.Entry, err error)
	// Effect is what a node's mind is about to have done; true kills the daemon before it is, and its unit does not start it again.
	Effect(node string, e member.Effect) bool
	// Switched is a device's effect on a machine that was in the other state.
	Switched(device, node string, action fence.Action, claim uint64)
	// Booted is the beginning of a life.
	Booted(node, life string)
	// Answered is what an administrator at a node hears.
	Answered(node, what string, a member.Answer)
}

// NewScript makes the cluster as its founding left it; every machine is off.
func NewScript(s Setup) (*Script, error) {
	o := Options{Seed: s.Seed, Nodes: len(s.Nodes), Minutes: 24 * 60, Membership: s.Membership, Without: Kinds(), Choose: s.Choose, Trace: s.Trace}
	if err := o.Check(); err != nil {
		return nil, err
	}
	if errs := fence.CheckTiming(s.Timing); len(errs) > 0 {
		return nil, errs[0]
	}
	w := bare(o)
	p := &w.plan
	p.bootMin, p.bootMax, p.effect, p.holdUp = s.BootMS*ms, s.BootMS*ms+second, s.EffectMS*ms, max(s.HoldUpMS, 20)*ms
	p.write, p.outcome = 500*ms, 10_000
	w.setTiming(s.Timing)
	p.busyTick = 100 * ms
	w.roster, w.paths = s.roster(), s.Paths
	w.watch = s.Watch
	w.found()
	for i, n := range s.Nodes {
		of := w.nodes[i]
		of.mach.virtual, of.mach.policy = n.Virtual, n.Returns
		of.app.deaf, of.app.critical = n.Deaf, n.Critical
	}
	if w.rings != nil {
		w.rings.poll()
	}
	return &Script{w: w}, nil
}

// roster describes the nodes with their levels and the devices that they name.
func (s *Setup) roster() fence.Roster {
	f := fence.Roster{Version: 1, Cluster: "scenario", Timing: s.Timing, Policy: s.Policy}
	for i, n := range s.Nodes {
		r := fence.RosterNode{ID: fence.NodeID(i + 1), Name: n.Name, Votes: 1, Action: n.Action, Machine: &fence.Machine{UUID: uuidOf(i), Virtual: n.Virtual}}
		for _, level := range n.Levels {
			l := fence.Level{}
			for _, device := range level {
				step := fence.Step{Device: device, Target: fmt.Sprint(i + 1)}
				if device == "bmc" {
					step = fence.Step{Device: fmt.Sprintf("bmc-%d", i+1)}
				}
				l.Steps = append(l.Steps, step)
			}
			r.Levels = append(r.Levels, l)
		}
		f.Nodes = append(f.Nodes, r)
		f.Devices = append(f.Devices, s.device(fmt.Sprintf("bmc-%d", i+1), "bmc", 100, 0))
	}
	f.Devices = append(f.Devices, s.device("pdu-1", "pdu", 1000, s.HoldUpMS), s.device("pdu-2", "pdu", 1000, s.HoldUpMS))
	s.fabric(&f)
	slices.SortFunc(f.Devices, func(a, b fence.Device) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return f
}

// fabric describes the switches before the disk (R18).
func (s *Setup) fabric(f *fence.Roster) {
	if s.Paths == 0 {
		return
	}
	disk := fence.Shared{Name: "disk", CutBy: [][]string{nil}}
	for i := range s.Paths {
		d := s.device(fmt.Sprintf("fc-%d", i+1), "pdu", 1000, 0)
		d.Kind, d.Accepted, d.OnTarget = fence.KindStorage, true, s.OnTarget
		f.Devices, disk.CutBy[0] = append(f.Devices, d), append(disk.CutBy[0], d.Name)
	}
	f.Shared = []fence.Shared{disk}
	for i := range f.Nodes {
		f.Nodes[i].Shared = []string{disk.Name}
	}
}

func (s *Setup) device(name, plugin string, settle, hold int64) fence.Device {
	return fence.Device{
		Name: name, Plugin: plugin, Kind: fence.KindPower, Mapping: "map-" + name, SettleMS: settle, HoldUpMS: hold, AttemptMS: s.Attempt, Attempts: s.Attempts,
		PollMS: 200, EffectMS: s.EffectMS, Limit: 4,
	}
}

// Run lets virtual time pass. It ends early when an invariant breaks.
func (s *Script) Run(d int64) { s.Until(d, d, func() bool { return false }) }

// Until lets time pass until a condition holds, looking at it every so often, or until its bound is over. It reports whether it holds. All times
// are in milliseconds.
func (s *Script) Until(bound, every int64, holds func() bool) bool {
	w := s.w
	end := w.now + bound*ms
	for !w.done {
		if holds() {
			return true
		}
		if w.now >= end {
			return false
		}
		reached := false
		w.at(min(w.now+max(every, 1)*ms, end), func() { reached = true })
		for !reached && w.step() {
			if w.steps%auditEvery == 0 {
				w.check.audit(false)
			}
		}
	}
	return false
}

// NowMS is the virtual time.
func (s *Script) NowMS() int64 { return s.w.now / ms }

// Violation is the first invariant that broke, nil for none.
func (s *Script) Violation() *Violation {
	s.w.check.audit(false)
	return s.w.check.violation
}

// Audit is Violation after whole states were compared, rosters too.
func (s *Script) Audit() *Violation {
	c := s.w.check
	c.audit(true)
	clear(c.hashes) // of whole states: what is compared from here on is not
	c.auditedAt = 0
	return c.violation
}

// Unresolved says what is not as it must be when all is well (L1 to L4, L9), "" for nothing. Nodes that are lost are left out.
func (s *Script) Unresolved() string { return s.w.unresolved() }

// bare is a world without a roster and nodes.
func bare(o Options) *World {
	w := &World{opt: o, hash: 14695981039346656037, two: o.Membership == TwoNode}
	if w.two {
		w.opt.Membership = Corosync // that it is, but for the votes
	}
	w.delays = sim.Seeded(o.Seed)
	w.chance = rand.New(rand.NewPCG(o.Seed, 2))
	w.plan = drawPlan(w, rand.New(rand.NewPCG(o.Seed, 3)))
	w.net = sim.NewNetwork(o.Nodes, w.delays)
	w.check = newChecker(w)
	if w.opt.Membership == Corosync {
		w.rings = w.newRings()
	}
	return w
}

func (w *World) committedEvent(index int, e domain.Event) {
	if w.watch != nil {
		w.watch.Committed(index, e, w.check.dom)
	}
}

func (w *World) rejected(by domain.Origin, e domain.Entry, err error) {
	if w.watch != nil {
		w.watch.Rejected(by, e, err)
	}
}

// file is the hash of the roster in this node's configuration file (R5).
func (n *node) file() string {
	if n.older {
		return "an older file"
	}
	return n.w.roster.Hash()
}
