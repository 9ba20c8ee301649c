package agreement

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// restart begins the way to a new session: whatever was under way in the last one is void, and everybody says Hello anew.
func (m *Machine) restart() {
	m.count++
	m.changedAt = m.now
	m.session = session{}
	clear(m.hellos)
	clear(m.early)
	m.without, m.round = nil, 0
	if len(m.group) > 0 {
		m.hello()
	}
}

// again asks everybody for a new session, because this node has something else to say than in the last. It changes nothing here before all
// deliver it: what is forgotten must be forgotten at one place in the order.
func (m *Machine) again() {
	if len(m.group) > 0 {
		m.count++
		m.hello()
	}
}

func (m *Machine) hello() {
	s := m.cfg.Self
	m.spoke = true
	m.send(Message{Hello: &Hello{
		Node: s.Node, Boot: s.Boot, Instance: s.Instance, Store: m.cfg.Store, Starts: m.cfg.Starts, Count: m.count, Version: m.cfg.Version,
		State: m.stateAhead(),
	}})
}

// Deliver takes a message, in the group's order. from is what corosync says of its sender.
func (m *Machine) Deliver(from Process, msg Message, now int64) {
	m.now = now
	h, said := m.hellos[from]
	m.touch(from)
	switch {
	case !slices.Contains(m.group, from):
		m.dropped++ // of a process that is gone
	case msg.Hello != nil:
		m.hear(from, *msg.Hello)
	case msg.Ping != nil:
		m.ping(from, *msg.Ping)
	case msg.Without != nil:
		if said && h.Count == msg.Without.Count {
			m.leaveOut(msg.Without.Processes)
		} else {
			m.dropped++
		}
	case m.id == "" || msg.Session != m.id:
		m.dropped++ // of another session (I4)
	default:
		m.inSession(from, msg)
	}
	m.progress()
}

// hear takes a Hello. One that is late is followed by its sender's newer one, because the group's order keeps each sender's order. It is a sign of
// life, told before anything can be committed beside it: a victim's next life must not be cut before it could say what it is, only because the view
// that shows it comes later than the quorum that it gives (pitfall 11, S2.5).
func (m *Machine) hear(from Process, h Hello) {
	if h.Node != from.Node {
		m.dropped++
		return
	}
	m.round++
	h = m.stateOf(from, h)
	m.known[from] = h
	m.hellos[from] = h
	m.without = slices.DeleteFunc(m.without, func(p Process) bool { return p == from })
	if h.Instance != m.cfg.Self.Instance {
		m.tell(membership.Heard{Member: h.member()})
	}
	m.gather()
}

// leaveOut goes on without processes that say nothing, at the same place in the order everywhere. Who has said by now what is waited for stays.
func (m *Machine) leaveOut(ps []Process) {
	for _, p := range ps {
		_, said := m.hellos[p]
		if !slices.Contains(m.group, p) || slices.Contains(m.without, p) || said && (m.id == "" || m.states[p]) {
			continue
		}
		m.round++
		delete(m.hellos, p)
		delete(m.early, p)
		m.without = append(m.without, p)
		if m.own(p) {
			m.again() // this process does say something: it comes back by a new session
		}
	}
	m.gather()
}

// own reports whether a process is this one, as far as it has said so.
func (m *Machine) own(p Process) bool {
	h, ok := m.known[p]
	return ok && h.Instance == m.cfg.Self.Instance
}

// counted are the processes of the group that a session needs: in the ring, and not left out. A ghost never says anything.
func (m *Machine) counted() []Process {
	var ps []Process
	for _, p := range m.group {
		if m.streams.In(p.Node) && !slices.Contains(m.without, p) {
			ps = append(ps, p)
		}
	}
	return ps
}

// Ghosts are the members of the group whose node is not in the ring although the ring has been the same for the failure timeout: corosync lost
// their departure (3.1.7 does, when a node's corosync ends while it joins), and no change will ever tell of it.
func (m *Machine) Ghosts() []fence.NodeID {
	var ids []fence.NodeID
	if m.streams.Ring() == (Ring{}) || m.now-m.changedAt < m.cfg.FailMS {
		return nil
	}
	for _, p := range m.group {
		if !m.streams.In(p.Node) {
			ids = append(ids, p.Node)
		}
	}
	return ids
}

// gather makes a session when everybody has said Hello. Its name is made of the ring, of all Hellos and of how many rounds it took, so that it is
// the same for all who delivered the same, and never comes again (S1.8, S3.7): without the rounds it would where somebody says Hello and is left
// out again.
func (m *Machine) gather() {
	var parts []Participant
	for _, p := range m.counted() {
		h, ok := m.hellos[p]
		if !ok {
			m.session = session{}
			return
		}
		parts = append(parts, Participant{Process: p, Hello: h})
	}
	if m.streams.Ring() == (Ring{}) || len(parts) == 0 {
		return
	}
	if m.id != "" && m.made == m.round {
		return
	}
	slices.SortFunc(parts, order)
	said := m.sayAhead(parts)
	id := digest(m.streams.Ring(), m.round, parts)
	if id == m.id {
		return
	}
	m.session = session{
		id: id, made: m.round, parts: newest(parts), states: map[Process]bool{}, promised: map[Process]bool{}, synced: map[Process]bool{}, acked: map[Process]uint64{},
	}
	me, in := m.self()
	m.outdated = in && me.Hello.Count < m.stated
	switch {
	case said:
		for _, p := range m.parts {
			m.states[p.Process] = true
		}
		m.decide()
	case in && !m.outdated:
		m.send(Message{State: m.pledge(m.state())})
	}
}

func order(a, b Participant) int {
	switch {
	case a.Process.Node != b.Process.Node:
		return int(int64(a.Process.Node) - int64(b.Process.Node))
	case a.Hello.Starts != b.Hello.Starts && a.Hello.Starts < b.Hello.Starts:
		return -1
	case a.Hello.Starts != b.Hello.Starts:
		return 1
	}
	return int(int64(a.Process.PID) - int64(b.Process.PID))
}

// newest keeps one process of each node: the run that was started last. A view has one daemon of a node.
func newest(sorted []Participant) []Participant {
	var out []Participant
	for i, p := range sorted {
		if i+1 == len(sorted) || sorted[i+1].Process.Node != p.Process.Node {
			out = append(out, p)
		}
	}
	return out
}

func digest(r Ring, round uint64, parts []Participant) Digest {
	said := struct {
		Ring  Ring
		Round uint64
		Parts []Participant
	}{r, round, parts}
	b, err := json.Marshal(said)
	if err != nil { // plain structs: cannot happen
		panic("agreement: a hello does not encode: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return Digest(hex.EncodeToString(sum[:12]))
}

// self is this daemon among the participants.
func (m *Machine) self() (Participant, bool) {
	for _, p := range m.parts {
		if p.Hello.Instance == m.cfg.Self.Instance && p.Hello.Node == m.cfg.Self.Node {
			return p, true
		}
	}
	return Participant{}, false
}

func (m *Machine) state() *State {
	s := &State{
		Domain: m.meta.Domain, Promised: m.meta.Promised, Synced: m.meta.Synced, Last: m.last(), Commit: m.meta.Commit, SnapAt: m.snapAt,
		Cuts: m.cuts, Sum: m.sum(), Votes: m.votes, Need: m.need, Stores: m.stores(),
		Seen: m.meta.Seen, Two: m.two,
	}
	if m.meta.Sole != nil {
		s.Sole = m.meta.Sole.Boot
	}
	if m.shadow != nil {
		p := m.shadow.Progress
		s.Have = &p
	}
	return s
}

// missing are the processes that the session waits for, and what for.
func (m *Machine) missing() (what string, ps []Process) {
	for _, p := range m.counted() {
		if _, ok := m.hellos[p]; !ok {
			ps = append(ps, p)
		}
	}
	if len(ps) > 0 || m.id == "" {
		return "their hello", ps
	}
	for _, p := range m.parts {
		if !m.states[p.Process] {
			ps = append(ps, p.Process)
		}
	}
	return "how far their logs go", ps
}

// impatient asks to go on without those who have said nothing for the failure timeout (S2.8): every wait ends.
func (m *Machine) impatient() {
	if m.plan != nil {
		m.tries = 0
		return
	}
	if m.now-m.changedAt < m.cfg.FailMS<<min(m.tries, 4) { // machines that are only slow find together in the end
		return
	}
	_, ps := m.missing()
	if len(ps) == 0 {
		return
	}
	m.changedAt = m.now
	m.tries++
	m.send(Message{Without: &Without{Count: m.count, Processes: ps}})
}

// nextInstance names the instance that a daemon is after so many of its connections to corosync have ended; runOf is the start of the daemon that an
// instance belongs to.
func nextInstance(run string, ended uint64) string { return fmt.Sprintf("%s+%d", run, ended) }

func runOf(instance string) string {
	run, _, _ := strings.Cut(instance, "+")
	return run
}

// Left is a process that left the group.
type Left struct {
	Process Process
	How     membership.How
}

type departure struct {
	instance string
	how      membership.How
}

// maxGone is how many departures are remembered until a view names them.
const maxGone = 256

func (m *Machine) leave(l Left) {
	h, ok := m.known[l.Process]
	if !ok {
		return
	}
	m.gone = append(m.gone, departure{h.Instance, l.How})
	m.gone = m.gone[max(0, len(m.gone)-maxGone):]
	m.silent(h)
	if l.How == membership.HowProcessGone {
		m.processGone(h)
	}
}
