package agreement

// promisesAhead is by how many epochs every write promises more than this node has promised: the disk has the next promises before anybody asks for
// them, and a change of the ring waits for no write of them (ADR 0113). A start takes what the disk has for promised, and so skips some.
const promisesAhead = 8

// beforePledges is set by the linker, and only in a build that is to stand for a version before ADR 0113: test/e2e shows with it that both find together.
var beforePledges string

// writesAhead is what this build adds; 0 is a version that neither makes pledges nor knows them.
func writesAhead() uint64 {
	if beforePledges != "" {
		return 0
	}
	return promisesAhead
}

// pledge makes a session's State the promise of the next epoch, where the disk has it: nobody has to ask this node for it. Whether it becomes the epoch of a plan or
// not, it is promised from here on: whoever hears the State may count it, and this node may never learn of that (R6).
func (m *Machine) pledge(s *State) *State {
	if m.reserved > m.meta.Promised {
		m.meta.Promised++
		s.Pledge = m.meta.Promised
	}
	return s
}

// takePledges counts the States that were promises of the new plan's epoch.
func (m *Machine) takePledges() {
	for _, q := range m.parts {
		if m.ahead != 0 && m.plan.pledged(q) {
			m.promised[q.Process] = true
			m.saw(q.Process, 0, false)
		}
	}
}

// promise promises the plan's epoch, once: by a message where not every State did, because they came with Hellos, or one is of a daemon that does not know
// pledges or is an epoch behind; and by a write before it where the disk has not promised it yet.
func (m *Machine) promise() {
	if m.promises {
		return
	}
	m.promises = true
	m.meta.Promised = max(m.meta.Promised, m.plan.Epoch)
	switch {
	case m.reserved < m.plan.Epoch:
		m.write(Change{}, writePromise, 0)
	case !m.allPledged():
		m.send(Message{Promise: true})
	}
}

// allPledged reports whether every participant's State was its promise.
func (m *Machine) allPledged() bool {
	for _, q := range m.parts {
		if !m.plan.pledged(q) {
			return false
		}
	}
	return true
}

// stateAhead is the State that goes with a Hello, nil for none. Only who is in no session says it before: there nothing of it changes until it is heard.
// It promises nothing: where a ring ends, daemons may have heard the same Hellos and make other sessions of them, because one message between was lost for
// some. A promise that all of those count would make two logs of one epoch. The Promise that follows names its session (I4).
func (m *Machine) stateAhead() *State {
	if m.id != "" || m.ahead == 0 {
		return nil
	}
	m.stated = m.count
	return m.state()
}

// stateOf keeps the State that came with a Hello, and returns the Hello without it.
func (m *Machine) stateOf(from Process, h Hello) Hello {
	delete(m.early, from)
	if h.State != nil && m.ahead != 0 {
		s := *h.State
		s.Pledge = 0 // a Hello is of no session, and so promises nothing whatever it says
		m.early[from] = s
	}
	h.State = nil
	return h
}

// sayAhead gives participants the States that came with their Hellos, if those of all did: then the session's name is made of them too, and nobody is asked
// again. A State is used once: who was in a session since may have more to say. All forget them at the same place in the order.
func (m *Machine) sayAhead(ps []Participant) bool {
	early := m.early
	m.early = map[Process]State{}
	for _, p := range ps {
		if _, said := early[p.Process]; !said {
			return false
		}
	}
	for i := range ps {
		ps[i].State = early[ps[i].Process]
	}
	return true
}
