package member

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// What this node remembers locally. All of it is bounded by nodes, open claims and open proposals, never by history.

// scan is the newest residual scan: for which arrival, since when asked for, since when known.
type scan struct {
	outstanding bool
	askedAt     int64
	stint       uint64
	have        bool
	last        bool // it was asked for as the last thing before a clean word (S2.16)
	at          int64
	result      ResidualScanned
}

// scanFreshMS is how old the scan may be by which the start table judges, lastScanFreshMS the one on which this node says that it is clean (S2.16);
// scanLostMS when one that never answers is asked anew.
const (
	scanFreshMS     = 10_000
	lastScanFreshMS = 2000
	scanLostMS      = 60_000
)

// silence is since when the scans of a node that joins get no answer, and when it is scanned again.
type silence struct{ since, retryAt int64 }

// silenceRetryMS lies between two scans that got no answer; silencePatienceMS is how long no answer at all is not held against a node.
const (
	silenceRetryMS    = 1000
	silencePatienceMS = 15_000
)

// session is the durable record: one write at a time, so that an answer is never taken for another record's.
type session struct {
	durable     Session
	outstanding *Session
	askedAt     int64
	retryAt     int64 // a write that failed is not repeated before
	// found is what the first scan of this daemon found: what its predecessor left, before this daemon wrote anything.
	found *Session
	// held is what this daemon was when it was an admitted member last: stateful or stateless, "" for never. It counts from then on, and not the
	// record: that says stateful as soon as it means to be admitted again.
	held SessionState
}

// sessionRetryMS lies between two tries to write the session record; sessionLostMS ends the wait for an answer that never comes.
const (
	sessionRetryMS = 1000
	sessionLostMS  = 60_000
)

// heard is when a daemon was last heard.
type heard struct {
	by domain.Origin
	at int64
	// over is when it was last heard although its life had a verdict, 0 for never: what was proven of it is not true (R16).
	over int64
}

// heardKeepMS is how long a life that nobody hears is remembered.
const heardKeepMS = 10 * 60 * 1000

// hear notes presence. A life that has a verdict and is heard all the same is the worst news there is: alarm (R16).
func (m *Member) hear(by domain.Origin) {
	i := slices.IndexFunc(m.heard, func(h heard) bool { return h.by == by })
	if i < 0 {
		i = len(m.heard)
		m.heard = append(m.heard, heard{by: by})
	}
	m.heard[i].at = m.now
	if m.refutes(by.Incarnation) {
		m.heard[i].over = m.now
	}
	m.alarm(by)
	m.expel(by)
}

// refutes reports whether a life that is heard was proven over. A cut life may go on and be heard: that says nothing about its storage (R18).
func (m *Member) refutes(life fence.Incarnation) bool {
	return m.dom.IsOver(life) && !m.dom.IsCut(life)
}

func (m *Member) alarm(by domain.Origin) {
	if !m.refutes(by.Incarnation) {
		return
	}
	mark := fmt.Sprintf("alarm/%s", by.Incarnation)
	if m.now-m.since.get(mark, m.now-alarmEveryMS) < alarmEveryMS {
		return
	}
	m.since.set(mark, m.now)
	m.do(Notice{Kind: domain.EventRefused, Node: by.Node, Life: by.Incarnation, Text: "a life that has a verdict was heard (R16)"})
}

// alarmEveryMS lies between two alarms of one life, and is how long after it was heard the grant gate stays closed (R16).
const alarmEveryMS = 10_000

// risen names the nodes of which a life was heard lately that has a verdict.
func (m *Member) risen() []string {
	var names []string
	for i := range m.heard {
		h := &m.heard[i]
		if h.over == 0 || m.now-h.over >= alarmEveryMS {
			continue
		}
		if name := m.dom.Roster.Name(h.by.Node) + " (heard after its verdict)"; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// lastHeard is when a life was last heard by this node, -1 if never in memory.
func (m *Member) lastHeard(life fence.Incarnation) int64 {
	last := int64(-1)
	for _, h := range m.heard {
		if h.by.Incarnation == life {
			last = max(last, h.at)
		}
	}
	return last
}

// LastHeard is when any life of a node was last heard, in milliseconds of this node's clock, -1 if never in memory.
func (m *Member) LastHeard(id fence.NodeID) int64 { return m.lastHeardNode(id) }

// Brake returns how many victims that still answered were claimed within the window, and how many may be (R21).
func (m *Member) Brake() (count, limit int) { return len(m.dom.Answering), m.dom.BrakeLimit() }

// lastHeardNode is when any life of a node was last heard, -1 if never in memory. A machine that reads off says nothing at all.
func (m *Member) lastHeardNode(id fence.NodeID) int64 {
	last := int64(-1)
	for _, h := range m.heard {
		if h.by.Node == id {
			last = max(last, h.at)
		}
	}
	return last
}

// answers reports whether a victim is heard: lately since it became one, or within two pings of now. Whoever is really silent has been so
// for the failure timeout, which is longer; the rest is a possible false detection (R21), also for who claims without any delay.
func (m *Member) answers(v *domain.Victim) bool {
	at, t := m.lastHeard(v.Incarnation), m.dom.Roster.Timing
	if at < 0 {
		return false
	}
	return m.now-at <= 2*t.PingMS || (at > m.since.get(victimMark(v.Incarnation), m.now) && m.now-at <= t.FailureTimeoutMS)
}

// forget drops what no longer matters.
func (m *Member) forget() {
	kept := m.heard[:0]
	for _, h := range m.heard {
		if m.now-h.at < heardKeepMS {
			kept = append(kept, h)
		}
	}
	m.heard = kept
	m.since.prune(m.now)
}

// marks remember when something began, by this node's own clock, under a name. One that nobody asked about for markKeepMS is dropped, so
// there are never more than what is open and what was open lately.
type marks struct {
	m      map[string]mark
	pruned int64
}

type mark struct{ at, used int64 }

const (
	markKeepMS  = 10 * 60 * 1000
	markPruneMS = 10_000
)

func (s *marks) set(name string, at int64) {
	if s.m == nil {
		s.m = map[string]mark{}
	}
	s.m[name] = mark{at: at, used: at}
}

// get returns when name began, or or.
func (s *marks) get(name string, or int64) int64 {
	if k, ok := s.m[name]; ok {
		return k.at
	}
	return or
}

// begin returns when name began, which is now if it is new.
func (s *marks) begin(name string, now int64) int64 {
	if k, ok := s.m[name]; ok {
		s.m[name] = mark{at: k.at, used: now}
		return k.at
	}
	s.set(name, now)
	return now
}

func (s *marks) drop(name string) { delete(s.m, name) }

// dropAll drops every mark whose name begins so.
func (s *marks) dropAll(prefix string) {
	for name := range s.m { // order: each is judged by its name alone
		if strings.HasPrefix(name, prefix) {
			delete(s.m, name)
		}
	}
}

// restart lets everything begin now: this node does not know what passed (R20).
func (s *marks) restart(now int64) {
	for name := range s.m { // order: every mark gets the same value
		s.m[name] = mark{at: now, used: now}
	}
}

// prune keeps the memory bounded; deleting in map order decides nothing.
func (s *marks) prune(now int64) {
	if now-s.pruned < markPruneMS {
		return
	}
	s.pruned = now
	for name, k := range s.m {
		if now-k.used > markKeepMS {
			delete(s.m, name)
		}
	}
}

// claimName is asked for with each input, for every claim that is open.
func claimName(node fence.NodeID, claim uint64) string {
	return strconv.FormatUint(uint64(node), 10) + "/" + strconv.FormatUint(claim, 10)
}

func claimMark(node fence.NodeID, claim uint64) string {
	return "claim/" + claimName(node, claim)
}

// askedMark is when this node asked for a claim: its walk must be over before the others' timers are (R9).
func askedMark(node fence.NodeID, claim uint64) string {
	return "asked/" + claimName(node, claim)
}

func victimMark(life fence.Incarnation) string {
	return "victim/" + strconv.FormatUint(uint64(life.Node), 10) + "/" + life.Boot
}

// joinedMark is since when this node knows that a victim may be just coming, returnedMark since when a later life of it is there.
func joinedMark(life fence.Incarnation) string {
	return fmt.Sprintf("joined/%d/%s", life.Node, life.Boot)
}

func returnedMark(life fence.Incarnation) string {
	return fmt.Sprintf("returned/%d/%s", life.Node, life.Boot)
}
