package world

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/sim/embedded"
)

// faultKind is one item of the fault menu (RELIABILITY.md).
type faultKind int

// The kinds. Those of the first group come at instants that the seed drew; the others happen where something is done, or follow from it.
const (
	faultCut        faultKind = iota // halves, or one node alone
	faultOneWay                      // one direction of one link
	faultBridge                      // one link both ways
	faultLoss                        // pings get lost
	faultSlow                        // messages are slow and overtake each other
	faultManagement                  // a node does not reach any device
	faultKill                        // a daemon is killed, also between two effects
	faultStop                        // SIGSTOP
	faultHang                        // the deciding loop alone stands still
	faultPause                       // a guest is paused
	faultCrash                       // a machine loses its life and boots again
	faultPanic                       // a machine hangs for ever, switched on
	faultMains                       // the mains of a machine, and so its BMC
	faultRack                        // the mains of several at once
	faultDisk                        // a disk stalls
	faultWipe                        // a store is lost with its machine's disk
	faultRollback                    // a store is restored from a copy
	faultLag                         // a node applies the log late
	faultElection                    // another leader for no reason
	faultCompact                     // a snapshot, and the log before it forgotten
	faultDevice                      // a BMC misbehaves
	faultPDU                         // a PDU misbehaves
	faultSwap                        // two BMCs change their addresses
	faultRequest                     // an operator asks for off, on or reboot
	faultAck                         // an operator acknowledges, rightly or not
	faultLeave                       // a node leaves and comes back
	faultArm                         // the cluster is disarmed for a while
	faultClient                      // a program ends, in good order or not, and comes back
	faultButton                      // somebody presses a power button
	faultScan                        // a probe cannot be read
	faultSession                     // the session record cannot be written, or is torn
	faultSelfFence                   // ending its own machine does not work
	faultRestore                     // power comes back after an off
	faultOutlet                      // an outlet comes back after an off
	faultProposal                    // a proposal is lost or doubled on its way
	faultSnapshot                    // a follower gets a snapshot
	faultHandover                    // a leader outside the set hands over
	faultCorosync                    // a corosync ends, and starts again before anybody noticed or later
	faultFreeze                      // a corosync stands still, and finds out all at once what it missed
	faultApart                       // the quorum service of a node speaks seconds after the group's
	faultChoke                       // corosync takes no messages of a node
	faultGhost                       // a member of the group stays that is not there
	faultMerge                       // rings with daemons become one, and nobody says so
	faultHole                        // of what was said last in a ring, something in the middle is lost
	faultWatchdog                    // machines have watchdogs; one loses its holder, or cannot be opened for a while
	faultBitten                      // a watchdog resets its machine
	faultWork                        // somebody works on a node, or on all, and pauses it
	faultRestart                     // a daemon restarts as planned, under what its kernel holds
	faultKinds
)

var faultNames = [faultKinds]string{
	"cut", "one-way", "bridge", "loss", "slow", "management", "kill", "stop", "hang", "pause", "crash", "panic", "mains", "rack", "disk", "wipe",
	"rollback", "lag", "election", "compact", "device", "pdu", "swap", "request", "ack", "leave", "arm", "client", "button", "scan", "session", "self-fence",
	"restore", "outlet", "proposal", "snapshot", "handover", "corosync", "freeze", "streams", "choke", "ghost", "merge", "hole", "watchdog", "bitten",
	"work", "restart",
}

func (k faultKind) String() string { return faultNames[k] }

// Kinds are the names of all fault kinds.
func Kinds() []string { return faultNames[:] }

// KindsOf are those that a membership has.
func KindsOf(m string) []string {
	var names []string
	for k := range faultKinds {
		if k.of(m) {
			names = append(names, k.String())
		}
	}
	return names
}

// of reports whether a membership has this kind.
func (k faultKind) of(m string) bool {
	switch k {
	case faultLoss, faultElection, faultProposal, faultHandover:
		return m == ""
	}
	return k < faultCorosync || k >= faultWatchdog || m == Corosync || m == TwoNode
}

// timed reports whether a kind comes by itself.
func (k faultKind) timed() bool {
	return k < faultScan || faultCorosync <= k && k <= faultChoke || k == faultWatchdog || k == faultWork || k == faultRestart
}

// plan is what the seed drew for a whole run: which faults exist, how often, and how the cluster is set up (swarm).
type plan struct {
	every            [faultKinds]int64 // mean distance; 0: this kind does not exist in this run. Of kinds that are not timed: chance is 1 in 4
	calm             int64             // when the second phase begins
	tick, busyTick   int64
	outcome          int64 // ms until a proposal's fate is unknown
	bootMin, bootMax int64
	effect           int64 // the longest effect time of devices
	holdUp           int64 // the longest hold-up of supplies
	cache            int64
	write            int64 // between two writes of a client
	writeDeadline    int64
	dropProposal     float64
	virtual          bool
	levels           []int // of each node: 0 BMC, 1 BMC then PDUs, 2 PDUs, 3 BMC and PDUs together
	rng              [faultKinds]*rand.Rand
}

func drawPlan(w *World, r *rand.Rand) plan {
	total := int64(w.opt.Minutes) * minute
	p := plan{
		calm: total * span(r, 50, 75) / 100, outcome: span(r, 2000, 15_000), bootMin: span(r, 1, 20) * second,
		effect: span(r, 2, 20) * second, holdUp: span(r, 50, 3000) * ms, cache: 90 * ms, write: span(r, 300, 1500) * ms, virtual: r.IntN(4) == 0,
	}
	p.bootMax = p.bootMin + span(r, 1, 20)*second
	if w.opt.Nodes == 2 { // where both lives are victims of guests nobody may prove anything, and only other votes in corosync end that
		p.virtual = false
	}
	rate := math.Exp(r.Float64()*2.5) * 20 // mean seconds between two faults of a kind, for a run: from gentle to wild
	for k := range faultKinds {
		p.rng[k] = rand.New(rand.NewPCG(w.opt.Seed, 100+uint64(k)))
		from := r
		if k >= faultCorosync { // a seed of before these kinds is the same run
			from = p.rng[k]
		}
		if from.IntN(5) < 2 {
			p.every[k] = int64(rate * (0.5 + 2*from.Float64()) * float64(second))
		}
		if slices.Contains(w.opt.Without, k.String()) || !k.of(w.opt.Membership) {
			p.every[k] = 0
		}
	}
	if p.every[faultProposal] > 0 {
		p.dropProposal = 0.02 + 0.2*r.Float64()
	}
	for range w.opt.Nodes {
		p.levels = append(p.levels, r.IntN(4))
	}
	return p
}

// faulty reports whether a fault happens where something is done just now.
func (w *World) faulty(k faultKind) bool {
	if w.plan.every[k] == 0 || w.live || w.plan.rng[k].IntN(4) != 0 {
		return false
	}
	w.count[k]++
	return true
}

// drawRoster draws timings and levels.
func (w *World) drawRoster(r *rand.Rand) fence.Roster {
	pings := []int64{500, 1000, 1000, 1000}
	t := fence.Timing{PingMS: pings[r.IntN(len(pings))]}
	t.FailureTimeoutMS = t.PingMS * span(r, 4, 7)
	t.LeaseMS = t.FailureTimeoutMS + span(r, 0, 5000)
	t.PostJoinDelayMS = t.FailureTimeoutMS + span(r, 1000, 20_000)
	t.PostFailDelayMS = []int64{0, 0, 0, 3000}[r.IntN(4)]
	t.StaggerMS = span(r, 100, 1000)
	w.setTiming(t)
	w.plan.busyTick = span(r, 50, 250) * ms
	f := fence.Roster{
		Version: 1, Cluster: "sim", Timing: t,
		Policy: fence.Policy{MaxConcurrent: int(span(r, 1, 64)), BrakeWindowMS: 600_000, OnResidual: fence.ResidualSelfFence, EvenSplit: "freeze", HistoryKeep: 10, IdleStateless: r.IntN(2) == 0},
	}
	if w.opt.Nodes == 2 && rand.New(rand.NewPCG(w.opt.Seed, 10)).IntN(2) == 0 {
		f.Policy.EvenSplit = lowestID
	}
	effect, hold := w.plan.effect/ms, w.plan.holdUp/ms
	attempt, attempts := span(r, 2000, 6000), int(span(r, 1, 3))
	for i := range w.opt.Nodes {
		bmc := fmt.Sprintf("bmc-%d", i+1)
		outlets := []fence.Step{{Device: "pdu-1", Target: fmt.Sprint(i + 1)}, {Device: "pdu-2", Target: fmt.Sprint(i + 1)}}
		var levels []fence.Level
		switch w.plan.levels[i] {
		case 0:
			levels = []fence.Level{{Steps: []fence.Step{{Device: bmc}}}}
		case 1:
			levels = []fence.Level{{Steps: []fence.Step{{Device: bmc}}}, {Steps: outlets}}
		case 2:
			levels = []fence.Level{{Steps: outlets}}
		default:
			levels = []fence.Level{{Steps: append([]fence.Step{{Device: bmc}}, outlets...)}, {Steps: outlets}}
		}
		if r.IntN(8) == 0 {
			levels = append([]fence.Level{{}}, levels...) // somebody forgot to name its devices: it proves nothing (pitfall 3)
		}
		f.Nodes = append(f.Nodes, fence.RosterNode{
			ID: fence.NodeID(i + 1), Name: fmt.Sprintf("n%d", i+1), Votes: 1, Action: fence.ActionReboot, Levels: levels,
			Machine: &fence.Machine{UUID: uuidOf(i), Virtual: w.plan.virtual},
		})
		f.Devices = append(f.Devices, fence.Device{
			Name: bmc, Plugin: "bmc", Kind: fence.KindPower, Mapping: "map-" + bmc, SettleMS: 100, AttemptMS: attempt, Attempts: attempts, PollMS: 200, EffectMS: effect, Limit: 1,
		})
	}
	for _, name := range []string{"pdu-1", "pdu-2"} {
		f.Devices = append(f.Devices, fence.Device{
			Name: name, Plugin: "pdu", Kind: fence.KindPower, Mapping: "map-" + name, SettleMS: 1000, HoldUpMS: hold, AttemptMS: attempt, Attempts: attempts,
			PollMS: 300, EffectMS: effect, Limit: int(span(r, 1, 5)),
		})
	}
	slices.SortFunc(f.Devices, func(a, b fence.Device) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return f
}

// setTiming derives what the daemon's shell derives from the roster's timings.
func (w *World) setTiming(t fence.Timing) {
	w.plan.writeDeadline = 2 * t.FailureTimeoutMS * ms
	w.plan.tick = min(second, t.FailureTimeoutMS*ms/5)
}

// foundingLog is what bootstrap and the first administrator wrote: everybody's store, the roster, armed, and the drills of the PDUs.
func (w *World) foundingLog() []*embedded.Entry {
	c := &embedded.Conf{}
	for _, n := range w.nodes {
		n.stores = 1
		c.Store, c.Voter = append(c.Store, n.newStore()), append(c.Voter, true)
	}
	founding := domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "founding"}, Instance: "founder"}
	founder := &embedded.Run{Incarnation: founding.Incarnation, Instance: founding.Instance, Tag: &runID{Origin: founding}}
	log := []*embedded.Entry{{Term: 1, Kind: embedded.KindConf, Conf: c}}
	for i, n := range w.nodes {
		log = append(log, &embedded.Entry{Term: 1, Kind: embedded.KindStore, Node: i, Store: n.newStore()})
	}
	add := func(e domain.Entry) {
		b, err := domain.Encode(e)
		if err != nil {
			panic("sim: the founding does not encode: " + err.Error())
		}
		log = append(log, &embedded.Entry{Term: 1, Kind: embedded.KindData, By: founder, Data: b})
	}
	before, behind := w.foundingEntries()
	for _, e := range before {
		add(e)
	}
	log = append(log, &embedded.Entry{Term: 1, Kind: embedded.KindView, View: &embedded.View{Members: []*embedded.Run{founder}, Quorate: true}})
	for _, e := range behind {
		add(e)
	}
	return log
}

// foundingEntries are what the first administrator wrote, before the first view and behind it.
func (w *World) foundingEntries() (before, behind []domain.Entry) {
	before = []domain.Entry{{Roster: &domain.Roster{Roster: w.roster, By: "founder"}}, {Arm: &domain.Arm{Armed: true, By: "founder", Reason: "founding"}}}
	for _, n := range w.roster.Nodes { // a domain that is older than drills took a member's word for what was proven
		for _, l := range n.Levels {
			for _, st := range l.Steps {
				if strings.HasPrefix(st.Device, "pdu") {
					behind = append(behind, domain.Entry{Mapping: &domain.Mapping{Node: n.ID, Mapping: l.Proof(st, w.roster.Devices)}})
				}
			}
		}
	}
	return before, behind
}
