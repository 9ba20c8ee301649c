package domain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// Health is what the newest probe of a device said, so that a node that nothing could fence is known before it must be fenced, and so that a login
// that was refused is refused once and not by every node (R28, S5.18). Nothing that ends a life depends on it: a fence asks the device itself.

// FeatureHealth is the feature level from which health is in the log (R11).
const FeatureHealth = 3

// DeviceHealth is the health of one target of one device.
type DeviceHealth struct {
	Device string `json:"device"`
	Target string `json:"target,omitempty"`
	// Mapping is the device's when it was probed: another one is another device, of which nothing is known.
	Mapping string `json:"mapping"`
	// Class is that of an attempt: ok, or why not.
	Class string `json:"class"`
	// Named: it identified itself as its node's machine.
	Named bool   `json:"named,omitempty"`
	Text  string `json:"text,omitempty"`
	Index uint64 `json:"index"`
	AtMS  int64  `json:"at_ms,omitempty"` // the prober's wall clock, for people
}

// Healthy is the class of a device that answered as what it must be; HealthAuth that of one that refused the login.
const (
	Healthy    = "ok"
	HealthAuth = "auth"
)

var healthClasses = []string{
	Healthy, HealthAuth, "refused", "timeout", "unreachable", "lied", "limbo", "mismatch", "plugin-died", "unsupported", "unknown",
}

// HealthEntry tells what a probe found.
type HealthEntry struct {
	Health DeviceHealth `json:"health"`
	// Login is the digest of what the prober logged in with, "" where it has none: what is remembered of it is in State.Logins.
	Login string `json:"login,omitempty"`
}

func (t *turn) health(e HealthEntry) error {
	if t.s.Feature < FeatureHealth {
		return fmt.Errorf("the health of devices needs feature level %d, the committed one is %d (R11)", FeatureHealth, t.s.Feature)
	}
	if err := t.quorate(); err != nil {
		return err
	}
	if _, err := t.present(); err != nil {
		return err
	}
	h := e.Health
	d, known := t.s.Roster.Device(h.Device)
	switch {
	case !t.s.Clean(t.by.Node):
		return fmt.Errorf("%s is no clean member", t.name(t.by.Node))
	case !known || d.Mapping != h.Mapping || !t.s.uses(fence.Step{Device: h.Device, Target: h.Target}):
		return errors.New("no level has this device as it was probed")
	case !slices.Contains(healthClasses, h.Class):
		return fmt.Errorf("%q is no class", h.Class)
	}
	if err := checkTexts(h.Text, e.Login); err != nil {
		return err
	}
	t.found(h)
	t.login(h.Device, e.Login, h.Class)
	return nil
}

// found notes the newest word on a target.
func (t *turn) found(h DeviceHealth) {
	h.Index = t.index
	i, had := t.s.healthAt(h.Device, h.Target)
	was := ""
	if had {
		was = t.s.Health[i].Class
		t.s.Health[i] = h
	} else {
		t.s.Health = slices.Insert(t.s.Health, i, h)
	}
	if was != h.Class {
		step := fence.Step{Device: h.Device, Target: h.Target}
		t.emit(Event{Kind: EventHealth, Actor: t.by.Node, On: h.Class == Healthy, Device: step.String(), Class: h.Class, Text: h.Text})
	}
}

// stepNamed finds the step that events call so; false where no level has it any more.
func (s *State) stepNamed(name string) (fence.Step, bool) {
	if s.names != nil {
		st, ok := s.names.called[name]
		return st, ok
	}
	for _, r := range s.Roster.Nodes {
		for _, l := range r.Levels {
			for _, st := range l.Steps {
				if st.Device != "" && st.String() == name {
					return st, true
				}
			}
		}
	}
	return fence.Step{}, false
}

// uses reports whether a level has this step.
func (s *State) uses(step fence.Step) bool {
	if s.names != nil {
		return s.names.steps[step]
	}
	for _, r := range s.Roster.Nodes {
		for _, l := range r.Levels {
			if slices.Contains(l.Steps, step) {
				return true
			}
		}
	}
	return false
}

// healthAt finds where the health of a target is, or would be: by device, then target.
func (s *State) healthAt(device, target string) (int, bool) {
	return slices.BinarySearchFunc(s.Health, DeviceHealth{Device: device, Target: target}, func(a, b DeviceHealth) int {
		if c := strings.Compare(a.Device, b.Device); c != 0 {
			return c
		}
		return strings.Compare(a.Target, b.Target)
	})
}

// HealthOf returns what is known of a step's device; false where nothing is.
func (s *State) HealthOf(step fence.Step) (DeviceHealth, bool) {
	if i, ok := s.healthAt(step.Device, step.Target); ok {
		return s.Health[i], true
	}
	return DeviceHealth{}, false
}

// forgetHealth drops what is known of devices that the roster has no more, or that reach something else now.
func (t *turn) forgetHealth() {
	t.s.Health = slices.DeleteFunc(slices.Clone(t.s.Health), func(h DeviceHealth) bool {
		d, ok := t.s.Roster.Device(h.Device)
		return !ok || d.Mapping != h.Mapping || !t.s.uses(fence.Step{Device: h.Device, Target: h.Target})
	})
	t.s.Logins = slices.DeleteFunc(slices.Clone(t.s.Logins), func(l RefusedLogin) bool {
		_, ok := t.s.Roster.Device(l.Device)
		return !ok
	})
}
