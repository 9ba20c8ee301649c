package member

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// cluster is a small world for tests of decisions: real members, a real domain each, one perfect log, devices with power, virtual time.
// It is no simulator (that is fence/sim's business): faults are placed by hand.
type cluster struct {
	t     *testing.T
	now   int64
	log   []record
	nodes []*node
	// knobs of the device of a node
	dead map[fence.NodeID]bool // the BMC does not answer
	lies map[fence.NodeID]bool // accepts and does nothing
	offs map[fence.NodeID]int
	// swapped: the BMC of a node reports this machine
	swapped map[fence.NodeID]string
	virtual map[fence.NodeID]bool
	noLease map[fence.NodeID]bool // its pings are not acknowledged
	// nameless: the device of a node gives no identity; wired: which node it really switches; pings: everybody hears everybody who is connected
	nameless map[fence.NodeID]bool
	wired    map[fence.NodeID]fence.NodeID
	// onProbe answers a probe (nil: it never ends); without it every device is well. probed counts them by device and by who asked.
	onProbe func(by fence.NodeID, p Probe) *Probed
	probed  map[string]map[fence.NodeID]int
	// refuses says whether a device refuses an operation's login; logins are the digests of a node, nil for equal ones.
	refuses func(by fence.NodeID, device string) bool
	logins  map[fence.NodeID]map[string]string
	pings   bool
	silent  map[fence.NodeID]bool // its pings do not arrive
	// fabric gives each node a first level that closes its port at a switch, its only way to san; closed are those ports.
	fabric bool
	closed map[fence.NodeID]bool
	// own, where it is set, makes these ports such that their nodes open only themselves.
	own    *registrar
	noBoot map[fence.NodeID]bool // its power comes back and it does not start
	frozen map[fence.NodeID]bool // its loop hangs
	dogs   map[fence.NodeID]*kennel
	// inFlight: when a walk on this node ends, a call of it has not returned
	inFlight map[fence.NodeID]bool
	// onOff and onRelease watch for what must never happen; strict lets entries commit only while a majority is there.
	onOff     func(fence.NodeID)
	onClaim   func() // when a walk begins
	onRelease func(by, life fence.Incarnation)
	strict    bool
	// onPropose sees what a node proposes; true loses it without a word, as a provider does whose outcome never comes
	onPropose func(by fence.NodeID, p Propose) bool
	view      []domain.Origin
	policy    fence.Policy // of the roster that is committed
	clients   uint64       // the newest client
	lose      bool         // a knob for onPropose
	fatal     func(string, ...any)
}

type record struct {
	view    []domain.Origin
	quorate bool
	by      domain.Origin
	number  uint64
	data    []byte
}

type node struct {
	id       fence.NodeID
	boot     int
	instance int
	up       bool // the daemon runs
	power    bool
	cut      bool // sees no log
	away     bool // was told that it lost its quorum
	lag      bool // sees no log, though its pings are answered
	m        *Member
	applied  int
	disk     Session
	residue  bool
	print    string // what of state was found
	unsure   bool
	mute     bool // its scans are not answered
	stuck    bool // its disk does not answer
	departed bool // it left and ended by itself
	bootedAt int64
	queue    []Input
	ops      []*op
	events   []domain.Event
	released []fence.Incarnation
	streams  map[uint64]*stream
	lease    int64 // the newest acknowledged ping
	// appliedAt is when this daemon applied each index
	appliedAt map[uint64]int64
	fell      bool
	answers   []Answer
	notices   []Notice
}

type op struct {
	spec  operation.Spec
	o     *operation.Operation
	calls []pending
	done  bool
}

type pending struct {
	at int64
	in operation.Input
}

func uuid(id fence.NodeID) string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", id)
}

func testRoster(n int) fence.Roster {
	r := fence.Roster{
		Version: 1, Cluster: "test",
		Timing: fence.Timing{FailureTimeoutMS: 2000, PingMS: 200, PostJoinDelayMS: 6000, LeaseMS: 5000, StaggerMS: 200},
		Policy: fence.Policy{MaxConcurrent: 64, BrakeWindowMS: 600_000, OnResidual: fence.ResidualSelfFence, EvenSplit: "freeze", HistoryKeep: 10},
	}
	for i := 1; i <= n; i++ {
		bmc := fmt.Sprintf("bmc-%d", i)
		r.Nodes = append(r.Nodes, fence.RosterNode{
			ID: fence.NodeID(i), Name: fmt.Sprintf("node-%d", i), Votes: 1, Action: fence.ActionReboot,
			Levels: []fence.Level{{Steps: []fence.Step{{Device: bmc}}}},
		})
		r.Devices = append(r.Devices, fence.Device{
			Name: bmc, Plugin: "bmc", Kind: fence.KindPower, Mapping: bmc, SettleMS: 100, AttemptMS: 2000, Attempts: 2, PollMS: 100, EffectMS: 10_000, Limit: 1,
		})
	}
	return r
}

// newCluster has n nodes up, admitted and, if armed, armed.
func newCluster(t *testing.T, n int, armed bool) *cluster {
	return startCluster(&cluster{t: t}, n, armed)
}

func startCluster(c *cluster, n int, armed bool) *cluster {
	t := c.t
	*c = cluster{t: t, fabric: c.fabric, own: c.own, closed: map[fence.NodeID]bool{}, now: 1000, dead: map[fence.NodeID]bool{}, lies: map[fence.NodeID]bool{}, offs: map[fence.NodeID]int{}, swapped: map[fence.NodeID]string{}}
	for i := 1; i <= n; i++ {
		c.nodes = append(c.nodes, &node{id: fence.NodeID(i)})
	}
	c.policy, c.fatal = testRoster(n).Policy, t.Fatalf
	for _, x := range c.nodes {
		c.boot(x.id)
	}
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Roster: &domain.Roster{Roster: c.roster(), By: "test"}})})
	c.install()
	c.run(1000)
	if armed {
		c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "test"}})})
		c.run(500)
	}
	for _, x := range c.nodes {
		if !c.dom(1).Clean(x.id) {
			t.Fatalf("node %d is not clean at the start: %+v", x.id, c.dom(1).Node(x.id))
		}
	}
	return c
}

// roster is what the files of all nodes say.
func (c *cluster) roster() fence.Roster {
	r := testRoster(len(c.nodes))
	r.Policy = c.policy
	if c.fabric {
		withFabric(&r)
		for i := range r.Devices {
			r.Devices[i].OnTarget = c.own != nil && r.Devices[i].Kind == fence.KindStorage
		}
	}
	return r
}

func encode(t *testing.T, e domain.Entry) []byte {
	b, err := domain.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *cluster) n(id fence.NodeID) *node           { return c.nodes[id-1] }
func (c *cluster) dom(id fence.NodeID) *domain.State { return c.n(id).m.Domain() }
func (x *node) self() domain.Origin {
	return domain.Origin{Incarnation: fence.Incarnation{Node: x.id, Boot: fmt.Sprintf("boot-%d-%d", x.id, x.boot)}, Instance: fmt.Sprintf("inst-%d-%d", x.id, x.instance)}
}

// boot powers a node on and starts its daemon: a new life.
func (c *cluster) boot(id fence.NodeID) {
	x := c.n(id)
	x.boot++
	x.power, x.residue, x.fell, x.bootedAt = true, false, false, c.now
	c.start(id)
}

// start starts a daemon in the present life.
func (c *cluster) start(id fence.NodeID) {
	x := c.n(id)
	x.instance++
	x.up, x.applied, x.queue, x.ops, x.cut, x.lag = true, 0, nil, nil, false, false
	r := c.roster()
	x.away = false
	x.lease, x.appliedAt, x.streams = 0, map[uint64]int64{}, nil
	x.m = New(Config{Self: x.self(), Machine: fence.Machine{UUID: uuid(id), Virtual: c.virtual[id]}, RosterHash: r.Hash(), Version: "test", BootedMS: x.bootedAt, Watchdog: c.dogMode(id), Logins: c.logins[id], Shared: r.Nodes[id-1].Shared})
}

// kill ends a daemon; powerOff ends the machine with it.
func (c *cluster) kill(id fence.NodeID) { c.n(id).up = false }

func (c *cluster) powerOff(id fence.NodeID) {
	x := c.n(id)
	x.up, x.power, x.disk.Boot = false, false, "" // a record of another boot is never read
}

func (c *cluster) append(r record) { c.log = append(c.log, r) }

// connected are all daemons that run and see each other.
func (c *cluster) connected() []domain.Origin {
	var members []domain.Origin
	for _, x := range c.nodes {
		if x.up && !x.cut {
			members = append(members, x.self())
		}
	}
	return members
}

// install puts the view of all daemons that run and are connected in the log.
func (c *cluster) install() {
	members := c.connected()
	c.append(record{view: members, quorate: len(members) > len(c.nodes)/2})
	c.view = members
}

func (c *cluster) give(x *node, in Input) {
	if l, ok := in.(LeaseRenewed); ok {
		x.lease = max(x.lease, l.SentMS)
	}
	effects := x.m.Step(c.now, in)
	c.streams(x, effects)
	for _, e := range effects {
		c.perform(x, e)
	}
}

func (c *cluster) perform(x *node, e Effect) {
	switch e := e.(type) {
	case Propose:
		if c.onPropose != nil && c.onPropose(x.id, e) {
			return
		}
		if !x.cut && len(c.view) > len(c.nodes)/2 && (!c.strict || len(c.connected()) > len(c.nodes)/2) {
			c.append(record{by: x.self(), number: e.Number, data: encode(c.t, e.Entry)})
		}
	case Answer:
		x.answers = append(x.answers, e)
	case Scan:
		s := Session{State: SessionNone, EverArmed: x.disk.EverArmed}
		if x.disk.Boot == x.self().Boot {
			s = x.disk
		}
		if !x.mute {
			x.queue = append(x.queue, ResidualScanned{Session: s, State: x.residue, Unsure: x.unsure, Resettable: true, Why: "dlm lockspace x", Print: x.print})
		}
	case Depart:
		x.up, x.departed = false, true
	case WriteSession:
		if x.stuck {
			return
		}
		x.disk = e.Session
		x.queue = append(x.queue, SessionWritten{})
	case WriteLocal:
		if !x.stuck {
			x.queue = append(x.queue, LocalWritten{Number: e.Number})
		}
	case StartOperation:
		if c.onClaim != nil {
			c.onClaim()
			c.onClaim = nil
		}
		o := &op{spec: e.Spec, o: operation.New(e.Spec, c.now)}
		x.ops = append(x.ops, o)
		c.operate(x, o, operation.Started{})
	case CancelOperation:
		for _, o := range x.ops {
			if o.spec.Claim == e.Claim && o.spec.Victim.Incarnation == e.Life {
				c.operate(x, o, operation.Cancelled{Why: e.Why})
			}
		}
	case Probe:
		c.probe(x, e)
	case CancelProbe:
		x.queue = append(x.queue, Probed{Number: e.Number, Class: "timeout", Text: e.Why})
	case SelfFence:
		x.fell = true
	case Feed:
		c.feeds(x, e)
	case Unfeed:
		c.dogs[x.id].closes++
		c.dogs[x.id].open = false
	case Transition:
		x.events = append(x.events, e.Events...)
	case Notice:
		x.notices = append(x.notices, e)
		c.t.Logf("%d node %d: %s %s", c.now, x.id, e.Kind, e.Text)
	case Release:
		x.released = append(x.released, e.Life)
		if c.onRelease != nil {
			c.onRelease(x.self().Incarnation, e.Life)
		}
	}
}

// operate steps an operation; its devices answer after 10 ms.
func (c *cluster) operate(x *node, o *op, in operation.Input) {
	if o.done {
		return
	}
	for _, call := range o.o.Step(c.now, in) {
		switch call := call.(type) {
		case operation.Status:
			r := c.answer(call.ID, call.Device, "", call.DeadlineMS)
			if c.refuses != nil && c.refuses(x.id, call.Device) {
				r = operation.CallResult{ID: call.ID, Class: operation.ClassAuth, Text: "wrong password", StartedMS: c.now, FinishedMS: c.now + 10}
			}
			c.ask(o, r)
		case operation.Do:
			c.ask(o, c.own.registers(call, c.answer(call.ID, call.Device, c.own.effect(x.id, call), call.DeadlineMS)))
		case operation.WaitUntil:
			o.calls = append(o.calls, pending{call.AtMS, operation.Timer{ID: call.ID}})
		case operation.Finished:
			o.done = true
			x.queue = append(x.queue, ReadResult{Node: o.spec.Victim.Node, Claim: o.spec.Claim, Quiet: !c.inFlight[o.spec.Victim.Node], Result: call.Result})
		}
	}
}

// ask lets an answer arrive when it is there: at once from a device that works, at the deadline from one that does not.
func (c *cluster) ask(o *op, r operation.CallResult) {
	o.calls = append(o.calls, pending{r.FinishedMS, r})
}

func (c *cluster) answer(id uint64, device string, action fence.Action, deadline int64) operation.CallResult {
	var target fence.NodeID
	if _, err := fmt.Sscanf(device, "fc-%d", &target); err == nil {
		return c.port(id, target, action)
	}
	if _, err := fmt.Sscanf(device, "bmc-%d", &target); err != nil {
		c.t.Fatal(err)
	}
	r := operation.CallResult{ID: id, Class: operation.ClassOK, StartedMS: c.now, FinishedMS: c.now + 10}
	if c.dead[target] {
		r.Class, r.FinishedMS = operation.ClassTimeout, deadline
		return r
	}
	x := c.n(target)
	if other, ok := c.wired[target]; ok {
		return c.elsewhere(r, other, action)
	}
	switch {
	case action == fence.ActionOff && !c.lies[target]:
		c.offs[target]++
		if c.onOff != nil {
			c.onOff(target)
		}
		c.powerOff(target)
	case action == fence.ActionOn && !x.power && !c.noBoot[target]:
		c.boot(target)
	}
	r.State = fence.PowerOff
	if x.power {
		r.State = fence.PowerOn
	}
	if c.nameless[target] {
		return r
	}
	machine := uuid(target)
	if s := c.swapped[target]; s != "" {
		machine = s
	}
	r.Identity = fence.Identity{UUIDs: []string{machine}}
	return r
}

// probe answers a probe.
func (c *cluster) probe(x *node, e Probe) {
	if c.probed == nil {
		c.probed = map[string]map[fence.NodeID]int{}
	}
	if c.probed[e.Device] == nil {
		c.probed[e.Device] = map[fence.NodeID]int{}
	}
	c.probed[e.Device][x.id]++
	if c.onProbe != nil {
		if in := c.onProbe(x.id, e); in != nil {
			in.Number = e.Number
			x.queue = append(x.queue, *in)
		}
		return
	}
	x.queue = append(x.queue, *c.wellProbed(e))
}

func (c *cluster) wellProbed(e Probe) *Probed {
	var target fence.NodeID
	if _, err := fmt.Sscanf(e.Device, "fc-%d", &target); err == nil {
		return &Probed{Number: e.Number, Class: domain.Healthy, State: fence.PowerOn}
	}
	if _, err := fmt.Sscanf(e.Device, "bmc-%d", &target); err != nil {
		c.t.Fatal(err)
	}
	return &Probed{Number: e.Number, Class: domain.Healthy, State: fence.PowerOn, Identity: fence.Identity{UUIDs: []string{uuid(target)}}}
}

// elsewhere is the answer of an outlet that feeds something else: nothing at all (0), or another node.
func (c *cluster) elsewhere(r operation.CallResult, other fence.NodeID, action fence.Action) operation.CallResult {
	r.State = fence.PowerOn
	if action == fence.ActionOff {
		c.offs[other]++
		if other != 0 {
			c.powerOff(other)
		}
	}
	if action == fence.ActionOn {
		c.offs[other] = 0
	}
	if c.offs[other] > 0 {
		r.State = fence.PowerOff
	}
	return r
}

// hears lets every daemon hear every other that runs and is connected.
func (c *cluster) hears() {
	for _, x := range c.nodes {
		for _, o := range c.nodes {
			if x != o && x.up && o.up && !x.cut && !o.cut && !c.silent[o.id] {
				c.give(x, Heard{By: o.self()})
			}
		}
	}
}

// run lets ms milliseconds pass, delivering everything in order.
func (c *cluster) run(ms int64) {
	for end := c.now + ms; c.now < end; c.now += 10 {
		if c.pings && c.now%100 == 0 {
			c.hears()
		}
		for _, x := range c.nodes {
			if !x.up || c.frozen[x.id] {
				continue
			}
			c.deliver(x)
			if c.now%50 == 0 {
				c.give(x, Tick{})
			}
			if c.now%200 == 0 && !x.cut && !c.noLease[x.id] && slices.Contains(c.view, x.self()) && len(c.view) > len(c.nodes)/2 {
				c.give(x, LeaseRenewed{SentMS: c.now - 10})
			}
			for _, o := range x.ops {
				for len(o.calls) > 0 && !o.done {
					i := slices.IndexFunc(o.calls, func(p pending) bool { return p.at <= c.now })
					if i < 0 {
						break
					}
					p := o.calls[i]
					o.calls = slices.Delete(o.calls, i, i+1)
					c.operate(x, o, p.in)
				}
			}
		}
	}
}

func (c *cluster) deliver(x *node) {
	for !x.cut && !x.lag && x.applied < len(c.log) && x.up {
		r := c.log[x.applied]
		x.applied++
		index := uint64(x.applied)
		x.appliedAt[index] = c.now
		if r.data == nil {
			c.give(x, ViewInstalled{Index: index, Members: r.view, Quorate: r.quorate})
			continue
		}
		c.give(x, EntryCommitted{Index: index, By: r.by, Number: r.number, Data: r.data})
		if r.by == x.self() && r.number > 0 {
			c.give(x, ProposalDone{Number: r.number, Delivered: true})
		}
	}
	for len(x.queue) > 0 && x.up {
		in := x.queue[0]
		x.queue = x.queue[1:]
		c.give(x, in)
	}
}

// agree demands that all running connected nodes have the same state (I3).
func (c *cluster) agree() {
	c.t.Helper()
	want := ""
	for _, x := range c.nodes {
		if !x.up || x.cut {
			continue
		}
		if h := x.m.Domain().Hash(); want == "" {
			want = h
		} else if h != want {
			c.t.Fatalf("node %d has another state (I3)", x.id)
		}
	}
}

func (c *cluster) count(id fence.NodeID, kind domain.EventKind, about fence.NodeID) int {
	n := 0
	for _, e := range c.n(id).events {
		if e.Kind == kind && e.Node == about {
			n++
		}
	}
	return n
}
