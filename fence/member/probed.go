package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// probed judges what a probe found, and tells the log where that is news.
func (m *Member) probed(in Probed) {
	p := &m.probe
	o := p.open
	if o == nil || o.number != in.Number {
		return
	}
	p.open = nil
	if (p.cancelled || in.Ended) && in.Class != domain.HealthAuth {
		delete(p.asked, o.step) // it says nothing; ask again when there is time
		p.last = m.now
		return
	}
	d, ok := m.dom.Roster.Device(o.step.Device)
	if !ok || d.Mapping != o.device.Mapping {
		return // another device by now
	}
	h := domain.DeviceHealth{Device: o.step.Device, Target: o.step.Target, Mapping: d.Mapping, Class: in.Class, Text: bound(in.Text), AtMS: in.AtMS}
	m.judgeProbe(o, in, &h)
	if h.Class == domain.HealthAuth {
		if p.refused == nil {
			p.refused = map[login]string{}
		}
		p.refused[login{h.Device, o.login}] = d.Mapping
	}
	m.tellHealth(domain.HealthEntry{Health: h, Login: o.login})
}

// judgeProbe looks at an answer as a fence would before it switches: right machine, clear state.
func (m *Member) judgeProbe(o *probe, in Probed, h *domain.DeviceHealth) {
	n := m.dom.Node(o.node)
	switch {
	case h.Class != domain.Healthy || n == nil:
	case n.Machine.Known() && !in.Identity.Empty() && !in.Identity.Matches(n.Machine):
		h.Class, h.Text = "mismatch", "it identifies itself as another machine than "+m.dom.Roster.Name(o.node)+"'s"
	case in.State != fence.PowerOn && in.State != fence.PowerOff:
		h.Class, h.Text = "limbo", "it reads neither on nor off"
	default:
		h.Named = n.Machine.Known() && !in.Identity.Empty()
	}
}

// tellHealth proposes what is news. A refused login is proposed until the log has it: the others must not repeat it (R28).
func (m *Member) tellHealth(e domain.HealthEntry) {
	if m.healthNews(e) {
		m.probe.untold = append(m.probe.untold, e)
		m.tellProbes()
	}
}

// healthNews reports whether the log does not say this yet, of the device or of the login.
func (m *Member) healthNews(e domain.HealthEntry) bool {
	h := e.Health
	was, known := m.dom.HealthOf(fence.Step{Device: h.Device, Target: h.Target})
	return !known || was.Class != h.Class || was.Named != h.Named || m.dom.LoginNews(h.Device, e.Login, h.Class)
}

// tellProbes proposes what the log does not have yet, the oldest first; it is level-triggered, so a lost proposal is made again.
func (m *Member) tellProbes() {
	for len(m.probe.untold) > 0 {
		e := m.probe.untold[0]
		h := e.Health
		d, ok := m.dom.Roster.Device(h.Device)
		if !ok || d.Mapping != h.Mapping || !m.healthNews(e) || len(m.probe.untold) > maxUntold {
			m.probe.untold = m.probe.untold[1:]
			continue
		}
		if m.Quorate() && m.dom.Clean(m.cfg.Self.Node) {
			m.propose(fmt.Sprintf("health/%s/%s/%s/%s", h.Device, h.Target, h.Class, e.Login), domain.Entry{Health: &e})
		}
		return
	}
}

// maxUntold bounds what waits to be told; the oldest goes, and is probed again.
const maxUntold = 256
