package domain

import (
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// A login that a device refused is refused to everybody who has the same secret, and each further one brings the account nearer to being locked
// (R28). So the log remembers what was refused where, by probes and by fences; who may try again, and when, is each member's to decide
// (fence/member/logins.go). Nothing that ends a life depends on it.

// RefusedLogin is one login that a device refused and, with it, has not accepted since.
type RefusedLogin struct {
	Device string `json:"device"`
	// Login is the digest of device, options and secrets (internal/config): another one is another login. "" is of who has none.
	Login string `json:"login,omitempty"`
	// Tries is how many entries told of it since it last worked, at most maxTries.
	Tries int `json:"tries"`
	// Index is that of the newest of them.
	Index uint64 `json:"index"`
}

// Bounds: each node has one login for a device, and old ones are forgotten beyond that; further tries make no pause longer.
const (
	minLogins = 8
	maxTries  = 16
)

// login takes what a device said to a login: refused once more, or accepted. Any other class says nothing about it.
func (t *turn) login(device, login, class string) {
	switch class {
	case Healthy:
		// The account is the device's: none of its targets refuses it any more. What was refused with another secret is refused all the same.
		if t.s.LoginRefused(device) {
			t.s.Health = slices.DeleteFunc(t.s.Health, func(o DeviceHealth) bool { return o.Device == device && o.Class == HealthAuth })
		}
		if i, had := t.s.loginAt(device, login); had {
			t.s.Logins = slices.Delete(t.s.Logins, i, i+1)
		}
	case HealthAuth:
		i, had := t.s.loginAt(device, login)
		if !had {
			t.s.Logins = slices.Insert(t.s.Logins, i, RefusedLogin{Device: device, Login: login})
		}
		t.s.Logins[i].Index, t.s.Logins[i].Tries = t.index, min(t.s.Logins[i].Tries+1, maxTries)
		t.oldestLogin(device)
	}
}

// oldestLogin forgets the login of a device that was refused the longest ago, where there are more than nodes.
func (t *turn) oldestLogin(device string) {
	oldest, count := -1, 0
	for i, l := range t.s.Logins {
		if l.Device != device {
			continue
		}
		count++
		if oldest < 0 || l.Index < t.s.Logins[oldest].Index {
			oldest = i
		}
	}
	if count > max(minLogins, len(t.s.Nodes)) {
		t.s.Logins = slices.Delete(t.s.Logins, oldest, oldest+1)
	}
}

// logins takes from the attempts of operations which devices refused the login, and which one takes it again: what a fence was refused is not
// repeated by the probes and the fences of all others (R28). It looks at what this entry came to, whatever its kind.
func (t *turn) logins() {
	if t.s.Feature < FeatureHealth {
		return
	}
	newest := map[string]Attempt{}
	var order []string
	for _, e := range t.events {
		for _, a := range e.Attempts {
			if _, ok := newest[a.Device]; !ok {
				order = append(order, a.Device)
			}
			newest[a.Device] = a
		}
	}
	for _, name := range order {
		step, ok := t.s.stepNamed(name)
		a := newest[name]
		if !ok {
			continue
		}
		if a.Class == HealthAuth {
			d, _ := t.s.Roster.Device(step.Device)
			t.found(DeviceHealth{Device: step.Device, Target: step.Target, Mapping: d.Mapping, Class: HealthAuth, Text: a.Text})
		}
		t.login(step.Device, a.Login, a.Class)
	}
}

// LoginRefused reports whether a device refused a login, at whichever of its targets, and has accepted none since.
func (s *State) LoginRefused(device string) bool {
	i, _ := s.healthAt(device, "")
	for ; i < len(s.Health) && s.Health[i].Device == device; i++ {
		if s.Health[i].Class == HealthAuth {
			return true
		}
	}
	return false
}

// Repeats reports whether this login would repeat one that a device refused, and it has accepted none since: no probe makes it, and a fence only as
// fence/member/logins.go lets it (R28). Another secret is another login.
func (s *State) Repeats(device, login string) bool {
	_, refused := s.RefusedLogin(device, login)
	return refused && s.LoginRefused(device)
}

// LoginNews reports whether the log does not say yet what became of a login; classes other than ok and auth say nothing about it.
func (s *State) LoginNews(device, login, class string) bool {
	_, refused := s.RefusedLogin(device, login)
	switch class {
	case HealthAuth:
		return !s.Repeats(device, login)
	case Healthy:
		return refused || s.LoginRefused(device)
	}
	return false
}

// RefusedLogin returns what is remembered of a login; false where it was not refused.
func (s *State) RefusedLogin(device, login string) (RefusedLogin, bool) {
	if i, ok := s.loginAt(device, login); ok {
		return s.Logins[i], true
	}
	return RefusedLogin{}, false
}

// loginAt finds where a refused login is, or would be: by device, then digest.
func (s *State) loginAt(device, login string) (int, bool) {
	return slices.BinarySearchFunc(s.Logins, RefusedLogin{Device: device, Login: login}, func(a, b RefusedLogin) int {
		if c := strings.Compare(a.Device, b.Device); c != 0 {
			return c
		}
		return strings.Compare(a.Login, b.Login)
	})
}

// askedNow notes that a person asked for what follows by name: logins that were refused before are tried once more (level 3).
func (t *turn) askedNow(cause fence.Cause, at *uint64) {
	if cause == fence.CauseOperator && t.s.Feature >= FeatureHealth {
		*at = t.index
	}
}
