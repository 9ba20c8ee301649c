package member

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// A fence does not repeat a login that was refused to anybody who has the same secret: rounds go on until somebody succeeds, and each would
// bring the account nearer to being locked (R28). It is no refusal for good, because a BMC may refuse for other reasons and a life is at stake: the
// login is tried again after a pause that grows with each refusal; at once with another secret or other options; and once more when an operator
// asks for that node by name. Levels with other devices are tried meanwhile: an account that is locked ends the working path that L1 needs.
// Kept for R28: S5.18, L1.

// The pauses: the first leaves room between two logins even where three within a minute lock an account; no pause is longer than the last.
const (
	loginPauseMS    = 30_000
	loginPauseMaxMS = 15 * 60_000
)

// login names what is refused: a device, and the digest of what it was asked with.
type login struct{ device, digest string }

// loginPause is one refused login as this node times it, by its own clock since it knew of the refusal, afresh after a restart.
type loginPause struct {
	tries int
	at    int64
	index uint64 // of the log's word, 0 where it has none
	upTo  uint64 // an operator's request at or before this index was tried
}

// over is when the login may be tried again.
func (p *loginPause) over() int64 {
	return p.at + int64(min(loginPauseMaxMS, loginPauseMS<<min(max(p.tries-1, 0), 10)))
}

func (m *Member) loginPause(device, digest string) *loginPause {
	return m.logins[login{device, digest}]
}

// pauseOf is the pause of a login, begun if there is none.
func (m *Member) pauseOf(device, digest string) *loginPause {
	p := m.loginPause(device, digest)
	if p == nil {
		if m.logins == nil {
			m.logins = map[login]*loginPause{}
		}
		p = &loginPause{}
		m.logins[login{device, digest}] = p
	}
	return p
}

// timeLogins follows what the log says of refused logins. What only this node knows is forgotten when its pause is over.
func (m *Member) timeLogins() {
	if len(m.dom.Logins) == 0 && len(m.logins) == 0 {
		return
	}
	for _, l := range m.dom.Logins {
		p := m.pauseOf(l.Device, l.Login)
		if p.index != l.Index {
			p.index, p.upTo, p.tries, p.at = l.Index, max(p.upTo, l.Index), l.Tries, m.now
		}
	}
	for l, p := range m.logins { // order: each is judged by itself
		_, told := m.dom.RefusedLogin(l.device, l.digest)
		if p.index == 0 && m.now >= p.over() || p.index != 0 && !told { // told no more: it works again, or the device is gone
			delete(m.logins, l)
		}
	}
}

// noteLogins remembers what a walk of this node was refused: its claim may be void by now, and the log never hear of it.
func (m *Member) noteLogins(r *run) {
	var seen []string
	for _, a := range r.result.Attempts {
		if a.Class != operation.ClassAuth || a.Device == "" || slices.Contains(seen, a.Device) {
			continue
		}
		seen = append(seen, a.Device)
		p := m.pauseOf(a.Device, r.logins[a.Device])
		p.tries, p.at, p.upTo = p.tries+1, m.now, m.dom.Index
	}
}

// pausedLogins are the devices of these levels that a walk must not log in to now, where an operator last asked at this index of the log.
func (m *Member) pausedLogins(levels []fence.Level, askedAt uint64) []string {
	if len(m.logins) == 0 {
		return nil
	}
	var out []string
	for _, l := range levels {
		for _, s := range l.Steps {
			if s.Device == "" || slices.Contains(out, s.Device) {
				continue
			}
			if p := m.loginPause(s.Device, m.cfg.Logins[s.Device]); p != nil && askedAt <= p.upTo && m.now < p.over() {
				out = append(out, s.Device)
			}
		}
	}
	return out
}
