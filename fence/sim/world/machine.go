package world

import (
	"fmt"
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/embedded"
)

// node is one configured node: its machine, its disk, and the daemon that runs on it, if one does.
type node struct {
	w    *World
	i    int
	id   fence.NodeID
	name string
	mach machine

	forced []member.LocalRecord // what it noted of forced power (R31)
	aims   int64                // until when what it commanded as one of two may take effect
	st     *store
	p      *proc
	bmc    *device
	app    *client

	stores   int // how many stores it has had
	instance int
	session  member.Session // on its disk
	torn     bool           // that record is unreadable
	armed    bool           // the marker for all boots
	old      *store         // a copy from yesterday

	diskFrom, diskUntil int64 // a stalled disk
	lagUntil            int64 // the log is applied late
	mgmtUntil           int64 // its management network is gone
	ppm                 int64 // how fast its clock runs
	restarts            int   // of its daemon by its unit, in this boot
	lost                bool  // for ever: nobody repairs it
	apart               bool  // cut off for ever
	// What a script says about it: its scan cannot be read, ending its own machine does not work, its configuration file is an older one, and how far
	// its wall clock is off.
	blind, endless, older bool
	level                 int // the feature level of its build, 0 for the present one
	wallMS                int64
	// Its corosync does nothing, its quorum service speaks late, its group takes nothing, until then.
	frozenUntil, apartUntil, chokedUntil int64
	without                              bool // its corosync stays stopped until a script starts it
	pids                                 uint32
	slowly                               int64 // how much longer its proposals are on their way
	down                                 bool  // it left, and its daemon stays down until somebody starts it
	cutShort                             bool  // its program was granted what is shared when its newest daemon ended
}

// machine is hardware with physics.
type machine struct {
	n        *node
	uuid     string
	virtual  bool
	mains    bool
	outlet   [2]bool // of the PDUs, where it has them
	chassis  bool    // its power button's state
	running  bool    // a kernel runs
	hung     bool    // and does nothing any more
	paused   bool    // a guest that its hypervisor stopped
	pausedAt int64
	skipped  int64 // time that its clock did not count
	epoch    int   // counts everything that ends or begins a life, so that what was under way is dropped
	life     int
	boot     string
	bootAt   int64
	residue  bool // kernel state that a daemon's end does not clear, and a reset does
	policy   int  // what it does when power returns: 0 stays off, 1 as before, 2 comes up
	cut      cut
	dog      dog
	// closed are its ports at the two switches, each a way to the disk where the disk is behind them (World.paths).
	closed [2]bool
}

// cut is what the cluster has switched off of a machine and nobody has switched since: the chassis by its BMC, the outlets.
type cut struct {
	chassis bool
	outlet  [2]bool
	victim  string // the boot that the newest of it was meant for
}

func (m *machine) power() bool { return m.mains && (m.outlet[0] || m.outlet[1]) }

// alive reports whether its kernel answers the network.
func (m *machine) alive() bool { return m.running && !m.hung && !m.paused }

// ticks reports whether programs run on it.
func (m *machine) ticks() bool { return m.alive() }

// reaches reports whether a write gets to the disk: by any way that is open.
func (m *machine) reaches() bool {
	for i := range m.n.w.paths {
		if !m.closed[i] {
			return true
		}
	}
	return m.n.w.paths == 0
}

// powerUp switches the chassis on; a kernel runs after the firmware's time.
func (m *machine) powerUp() {
	if !m.power() {
		return
	}
	m.chassis, m.cut.chassis = true, false
	if m.running {
		return
	}
	m.epoch++
	m.bootLater()
}

func (m *machine) bootLater() {
	epoch, w := m.epoch, m.n.w
	w.after(span(w.chance, w.plan.bootMin, w.plan.bootMax), func() {
		if m.epoch == epoch && m.chassis && !m.running && !m.n.lost {
			m.up()
		}
	})
}

// up begins a life.
func (m *machine) up() {
	m.epoch++
	m.life++
	m.running, m.hung, m.paused, m.residue, m.skipped = true, false, false, false, 0
	m.bootAt = m.n.w.now
	m.boot = bootID(m.n, m.life)
	n := m.n
	n.restarts, n.torn, n.down = 0, false, false
	n.w.say("%s boots as %s", n.name, m.boot)
	n.w.check.boot(n)
	if n.w.watch != nil {
		n.w.watch.Booted(n.name, m.boot)
	}
	if r := n.w.rings; r != nil {
		epoch := m.epoch
		n.w.after(span(n.w.chance, 0, 4*second), func() {
			if m.epoch == epoch && !n.without {
				r.up(n)
			}
		})
	}
	n.startLater(span(n.w.chance, 200*ms, 3*second))
}

// die ends the life at once.
func (m *machine) die(why string) {
	if m.running {
		m.n.w.say("%s: %s ends (%s)", m.n.name, m.boot, why)
	}
	m.epoch++
	m.running, m.hung, m.paused, m.residue = false, false, false, false
	m.dog.off()
	m.n.kill("machine off")
	if r := m.n.w.rings; r != nil {
		r.down(m.n, false)
	}
	m.n.app.ended()
}

// powerOff is what a BMC's off does.
func (m *machine) powerOff(why string) {
	m.chassis, m.cut.chassis = false, false
	m.die(why)
}

// reset ends the life and begins another.
func (m *machine) reset(why string) {
	if !m.running {
		return
	}
	m.die(why)
	if m.chassis && m.power() {
		m.bootLater()
	}
}

// feed is called when mains or outlets change.
func (m *machine) feed(before bool, why string) {
	w := m.n.w
	switch now := m.power(); {
	case before && !now:
		w.after(span(w.chance, 10*ms, w.plan.holdUp), func() {
			if !m.power() {
				w.check.heldUp(m)
				was := m.chassis
				m.powerOff(why)
				m.chassis = was && m.policy == 1 // remembered for the return of the power
			}
		})
	case !before && now:
		if m.running {
			return // the supply held up
		}
		if m.policy == 2 || m.policy == 1 && m.chassis {
			m.powerUp()
		} else {
			m.chassis = false
		}
	}
}

// setOutlet switches one outlet of a PDU.
func (m *machine) setOutlet(i int, on bool, why string) {
	before := m.power()
	m.outlet[i], m.cut.outlet[i] = on, false
	m.feed(before, why)
}

func (m *machine) setMains(on bool) {
	before := m.power()
	m.mains = on
	m.feed(before, "mains")
}

// local is the node's CLOCK_BOOTTIME in milliseconds. It never goes back within a life.
func (n *node) local() int64 {
	d := n.w.now - n.mach.bootAt - n.mach.skipped
	return 20_000 + (d+d/1_000_000*n.ppm)/ms
}

// when is the instant at which the local clock shows a time, if nothing stops it.
func (n *node) when(localMS int64) int64 {
	d := (localMS - 20_000) * ms
	return n.mach.bootAt + n.mach.skipped + d - d/1_000_000*n.ppm + ms
}

// diskDelay is how long a durable write takes now.
func (n *node) diskDelay() int64 {
	d := span(n.w.delays, 300, 4*ms)
	if n.w.now < n.diskUntil {
		d += n.diskUntil - n.w.now
	}
	return d
}

// durableAge is the age of the last durable write, in milliseconds.
func (n *node) durableAge() int64 {
	if n.w.now < n.diskUntil {
		return (n.w.now - n.diskFrom) / ms
	}
	return 1
}

// pause stops a guest, or the whole machine's clock with it, until resume.
func (m *machine) pause(d int64, counts bool) {
	if !m.alive() {
		return
	}
	w, epoch := m.n.w, m.epoch
	m.paused, m.pausedAt = true, w.now
	m.starve()
	w.after(d, func() {
		if m.epoch != epoch || !m.paused {
			return
		}
		m.paused = false
		if !counts {
			m.skipped += w.now - m.pausedAt
		}
		w.say("%s goes on after %d ms", m.n.name, d/ms)
		m.goesOn()
		if p := m.n.p; p != nil && !p.stopped {
			p.wake()
		}
	})
}

func bootID(n *node, life int) string { return fmt.Sprintf("%s.b%d", n.name, life) }

func uuidOf(i int) string { return fmt.Sprintf("4c4c4544-0042-4510-8052-%012d", i+1) }

// found makes the cluster as its founding left it: every store in the domain, a roster, armed.
func (w *World) found() {
	r := rand.New(rand.NewPCG(w.opt.Seed, 5))
	for i := range w.roster.Nodes {
		n := &node{w: w, i: i, id: w.roster.Nodes[i].ID, name: w.roster.Nodes[i].Name, ppm: r.Int64N(200) - 100}
		n.mach = machine{n: n, uuid: uuidOf(i), virtual: w.plan.virtual, mains: true, outlet: [2]bool{true, true}, policy: r.IntN(3)}
		n.app = &client{n: n, deaf: r.IntN(3) == 0, critical: r.IntN(3) == 0}
		n.bmc = &device{w: w, node: n, behind: n}
		w.nodes = append(w.nodes, n)
	}
	for i := range w.pdus {
		w.switches[i] = &device{w: w, port: i + 1}
		w.pdus[i] = &device{w: w, pdu: i + 1}
	}
	w.log = embedded.New(len(w.nodes), embedded.Config{
		Timing: w.roster.Timing, Quorum: w.roster.Quorum(), OutcomeMS: w.plan.outcome, DropProposal: w.plan.dropProposal,
		BelieveCopies: w.opt.broken == brokenRollback, Choose: w.opt.Choose,
	}, (*around)(w), w.net)
	if w.rings != nil {
		for _, n := range w.nodes {
			n.stores = 1
			n.st = &store{Store: embedded.Store{ID: n.newStore(), Member: true}}
		}
		before, behind := w.foundingEntries()
		w.foundCoro(append(before, behind...))
		return
	}
	log := w.foundingLog()
	for _, n := range w.nodes {
		n.stores = 1
		n.st = &store{Store: embedded.Store{ID: n.newStore(), Member: true, Term: 1, Log: log[:len(log):len(log)], Floor: make([]embedded.Floor, len(w.nodes))}}
	}
	w.log.Found(log)
}

// newStore gives a store its random id.
func (n *node) newStore() int { return n.i*1000 + n.stores }
