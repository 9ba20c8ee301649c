package member

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// Config is what this node knows of itself before it hears anything.
type Config struct {
	Self       domain.Origin
	Machine    fence.Machine
	RosterHash string // of its own file (R5)
	// Shared is what its own file says that it uses of what is shared, sorted; never changed once given (R18).
	Shared []string
	// Logins are digests of what this node logs in to each device with; never changed once given.
	Logins  map[string]string
	Version string
	// BootedMS is when this machine booted, by the clock that Step gets; CLOCK_BOOTTIME itself begins there.
	BootedMS int64
	// OnWithdraw is what becomes of this life when a cluster file system withdraws: OnWithdrawSelfFence, or only attention. Withdrawals is how many
	// lives of this machine in a row ended themselves for that.
	OnWithdraw  string
	Withdrawals int
	// Watchdog says whether this node has one to open (R14); SidesQuorate whether its own side may be quorate when the others are too (R15).
	Watchdog     WatchdogMode
	SidesQuorate bool
	// RingMS is how much later than one side of a split the other may notice it; 0 is what TwoNode says, and ten seconds where that is less.
	RingMS int64
	// Cores are the core processes that this node's own file names; never changed once given (S4.6).
	Cores []Core
	// Losses is how many lives of this machine in a row ended themselves for a process that died (R24).
	Losses int
	// SelfFences is how many lives of this machine in a row ended themselves before this one (R24).
	SelfFences int
}

// Member is this node's mind. Only one goroutine may use it.
type Member struct {
	cfg Config
	dom *domain.State
	now int64 // milliseconds of CLOCK_BOOTTIME, from the newest input
	out []Effect

	number     uint64 // of the newest proposal
	proposals  []proposal
	quorum     bool // the provider has contact to a quorate view
	heard      []heard
	scan       scan
	session    session
	running    []*run
	since      marks
	graces     []grace        // who owes its announcement
	delays     []grace        // victims that are not claimed yet
	missing    []fence.NodeID // who was unknown or a victim at the last look
	lapsed     int64          // since when there is no quorum, 0 while there is
	releases   []release
	clients    []*client
	ask        asking // before a grant
	soonSince  int64  // since when a grant waits for what is over in a moment, 0 for not
	idling     idling
	cmp        comparing
	tainted    string // why this life cannot say again that it holds nothing: a client may have left something
	leaseSent  int64  // send time of the newest acknowledged ping
	leaseFrom  int64  // only a ping sent at or after this time renews anything
	here       bool   // this daemon was in the view at the last input
	doubted    bool   // the time of a watchdog proves nothing here (R15)
	rewiring   bool   // between the two words of a DevicesChange
	fell       bool
	fellWhy    string
	doomSince  int64          // since when this life is known to be over or a victim, 0 for not
	gapUntil   int64          // nothing is proposed before, because this node was stopped (R20)
	held       []fence.NodeID // victims that the brake holds, for status
	elsewhere  []elsewhere    // nodes that were heard in another domain and never since in a view of this one
	locals     []*LocalPower  // forced power of this node (R31)
	serial     uint64         // of the newest local walk
	notes      uint64         // number of the newest note of them
	windowsAt  int64          // when the brake's windows were looked at
	silence    silence
	leaving    *leaving    // nil while this node means to stay
	restarting *restarting // nil while its daemon does not restart
	drill      *drilling   // nil while no drill is open
	probe      probing
	logins     map[login]*loginPause // that are not to be repeated for a while (R28)
	dog        watchdog
	trouble    trouble
	cores      []*core
	losses     losses
	// aloneSince is since when this stateful life has no lease and no open watchdog, 0 for not.
	aloneSince int64
	parting    parting
	two        int64 // corosync has two_node: how long it may take until both know of a split; 0 for not
	worded     bool  // and this node goes on alone by a word for which there is no proof
}

// New returns the mind of a node that has heard nothing.
func New(cfg Config) *Member {
	if cfg.RingMS == 0 {
		cfg.RingMS = operation.RingMS
	}
	return &Member{cfg: cfg, dom: domain.New(), cores: newCores(cfg.Cores)}
}

// Self is this daemon, as the others know it now.
func (m *Member) Self() domain.Origin { return m.cfg.Self }

// Domain is the committed state as this node knows it. Read only; valid until the next Step.
func (m *Member) Domain() *domain.State { return m.dom }

// Held lists the victims that wait for an operator because of the brake (R21).
func (m *Member) Held() []fence.NodeID { return m.held }

// Quorate reports whether this node is in a quorate view and in contact with it, as far as it knows.
func (m *Member) Quorate() bool {
	return m.quorum && m.dom.Quorate() && m.present()
}

// Step takes one input at time now (milliseconds of this node's CLOCK_BOOTTIME, never going back) and returns what is to be done.
func (m *Member) Step(now int64, in Input) []Effect {
	before := m.now
	m.now = max(m.now, now)
	m.out = nil
	m.ask.passed = false
	m.gap(before)
	m.take(in)
	m.arrive()
	m.think()
	return m.out
}

func (m *Member) do(e Effect) { m.out = append(m.out, e) }

// take takes what the membership provider says.
func (m *Member) take(in Input) {
	switch in := in.(type) {
	case Tick, Suspect:
	case ViewInstalled:
		m.contact(in.Quorate)
		m.applied(in.Index, 0, m.dom.ApplyView(in.Index, in.Members, in.Quorate))
	case EntryCommitted:
		m.committed(in)
	case Recovered:
		m.recovered(in)
	case SnapshotInstalled:
		m.snapshot(in.State)
	case ProposalDone:
		m.proposalDone(in)
	case QuorumLost:
		m.quorum = false
	case QuorumHeld:
		m.contact(true)
	case NewInstance:
		m.cfg.Self.Instance = in.Instance // and not in the view any more
	case Heard:
		m.hear(in.By)
	case TwoNode:
		m.cfg.SidesQuorate, m.two, m.worded = true, max(m.cfg.RingMS, in.RingMS), in.Word
	case SidesQuorate:
		m.doubted = true
	case Parted:
		m.parted(in)
	case HeardElsewhere:
		m.hearElsewhere(in.By)
	case LeaseRenewed:
		m.leaseSent = max(m.leaseSent, in.SentMS)
	default:
		m.takeLocal(in)
	}
}

// takeLocal takes what this node says: its devices, disk, kernel, clients and operators.
func (m *Member) takeLocal(in Input) {
	switch in := in.(type) {
	case ReadResult:
		if LocalWalk(in.Claim) {
			m.localFinished(in)
			return
		}
		m.finished(in)
	case LocalRequested:
		m.localRequested(in)
	case LocalWritten:
		m.localWritten(in)
	case LocalFound:
		m.localFound(in)
	case CallsReturned:
		m.callsReturned(in)
	case ResidualScanned:
		m.scanned(in)
	case SessionWritten:
		m.sessionWritten(in)
	case WatchdogSeen:
		m.watchdogSeen(in)
	case KernelSeen:
		m.kernelSeen(in)
	case CoreSeen:
		m.coreSeen(in)
	case ClientRegistered:
		m.registered(in)
	case ClientGone:
		m.clientGone(in)
	case Requested:
		m.requested(in)
	case LeaveRequested:
		m.leaveRequested(in)
	case RestartRequested:
		m.restartRequested(in)
	case Probed:
		m.probed(in)
	case DevicesChange:
		if m.rewiring = !in.Done; m.rewiring {
			m.abandon("the devices of this node change")
		}
	case ConfigChanged:
		m.cfg.Shared = in.Shared
		m.cfg.RosterHash, m.cfg.Logins = in.RosterHash, in.Logins
	}
}

// callsReturned notes that nothing of a walk is in flight any more.
func (m *Member) callsReturned(in CallsReturned) {
	if l := m.localOf(in.Claim); l != nil {
		l.quiet = true
	}
	if r := m.run(in.Node, in.Claim); r != nil {
		r.quiet = true
	}
}

// think compares what the domain says with what this node has done, and does what is missing.
func (m *Member) think() {
	m.expireProposals()
	m.forget()
	m.alone()
	m.timeLogins()
	if m.witness() {
		m.releases = nil // nobody here waits for one
		m.attend()
		m.compare()
		m.serve()
		return
	}
	defer m.probes()                             // when it is known what else is going on
	if m.compare(); m.cmp.why != "" && !m.fell { // what its state tells it to do, to others or to itself, is not to be believed
		m.held = nil
		m.leave()
		m.restarts()
		m.forced()
		m.serve()
		m.watch() // it goes on being fed: an operator is to look (a victim's lease ends all the same)
		return
	}
	m.doomed()
	m.withdrawn()
	m.awaitCores()
	m.calmLosses()
	m.watch()
	m.home()
	m.held = nil
	if m.fell { // a life that must end does nothing any more, even where ending it was in vain (R22, R24)
		m.abandon("this node ends its own life")
		m.restarts()
		m.fallenLeave()
		m.confess()
		m.serve()
		return
	}
	m.drills()
	m.leave()
	m.restarts()
	m.start()
	m.keepSession()
	m.operations()
	m.duel()
	m.restore()
	m.forced()
	m.release()
	m.serve()
	m.idle()
	m.times()
	if !m.Quorate() {
		m.lapse() // whoever is waited for could not announce itself: the delays begin anew with quorum (pitfall 11)
		return
	}
	m.returns()
	m.quiesce()
	if m.closing() {
		return // the gate is closed: no new duty, no new suspicion
	}
	if m.dom.Eligible(m.cfg.Self.Node) && !m.rewiring {
		m.raiseFeature()
		m.claims()
	}
	if !m.rewiring {
		m.claimOwn()
	}
	if m.dom.Clean(m.cfg.Self.Node) {
		m.overdue()
		m.windows()
	}
}
