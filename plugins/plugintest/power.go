package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/plugins/host"
)

// power are the cases about states, identity and actions.
func power() []check {
	return []check{
		{"status", "Status of a working target says on or off, twice the same", status},
		{"identity", "Status gives the identity of the system in the same answer, the same each time, and Probe agrees (R16 a)", identity},
		{"no such target", "a target that does not exist is neither on nor off", noSuchTarget},
		{"no such action", "an action that it does not know is refused and changes nothing", noSuchAction},
		{"fresh status", "Status sees at once what changed behind its back: it is never cached (R16)", fresh},
		{"off", "off has its effect; off of what is off succeeds and stays off; on brings it back", off},
		{"misbehaving device", "a device that fails, hangs, is in limbo or lies is reported as that, and never as off", misbehaving},
	}
}

func known(s fence.PowerState) bool { return s == fence.PowerOn || s == fence.PowerOff }

func status(ctx context.Context, s *subject) error {
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		a, err := s.status(ctx, h, "d", s.Target)
		if err != nil {
			return err
		}
		b, err := s.status(ctx, h, "d", s.Target)
		if err != nil {
			return err
		}
		if !known(a.State) || a.State != b.State {
			return fmt.Errorf("it says %s, then %s", a.State, b.State)
		}
		return nil
	})
}

func identity(ctx context.Context, s *subject) error {
	if !s.about.GivesIdentity {
		return skip("it says that its devices have no identity: each mapping needs a drill")
	}
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		a, err := s.status(ctx, h, "d", s.Target)
		if err != nil {
			return err
		}
		b, err := s.status(ctx, h, "d", s.Target)
		if err != nil {
			return err
		}
		if a.Identity.Empty() {
			return errors.New("it declares an identity and gives none")
		}
		if !same(a.Identity, b.Identity) {
			return fmt.Errorf("the identity changed from %v to %v", a.Identity, b.Identity)
		}
		ctx, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		p, err := h.Probe(ctx, "d", s.Target)
		if err != nil {
			return fmt.Errorf("cannot probe: %w", err)
		}
		if !p.Reachable || !same(p.Identity, a.Identity) {
			return fmt.Errorf("probe says reachable %t, %v; status says %v", p.Reachable, p.Identity, a.Identity)
		}
		return nil
	})
}

func same(a, b fence.Identity) bool { return slices.Equal(a.UUIDs, b.UUIDs) && a.Serial == b.Serial }

func noSuchTarget(ctx context.Context, s *subject) error {
	if s.Target == "" {
		return skip("the device has one target only")
	}
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		for _, target := range []string{"fenced-no-such-target", "../" + s.Target, s.Target + "\x00", "\x1b[2J\n", strings.Repeat("x", 60<<10)} {
			if r, err := s.status(ctx, h, "d", target); err == nil && known(r.State) {
				return fmt.Errorf("the target %.40q is %s", target, r.State)
			}
		}
		_, err := s.status(ctx, h, "d", s.Target) // and it still works
		return err
	})
}

func noSuchAction(ctx context.Context, s *subject) error {
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		before, err := s.status(ctx, h, "d", s.Target)
		if err != nil {
			return err
		}
		for _, action := range []string{"", "OFF", "reboot", "fenced-no-such-action"} {
			if slices.Contains(s.about.Actions, action) {
				continue
			}
			if err := s.do(ctx, h, "d", s.Target, action); err == nil {
				return fmt.Errorf("it accepts the action %q", action)
			}
		}
		after, err := s.status(ctx, h, "d", s.Target)
		if err == nil && before.State != after.State {
			err = fmt.Errorf("the state changed from %s to %s", before.State, after.State)
		}
		return err
	})
}

func fresh(ctx context.Context, s *subject) error {
	if s.SetState == nil {
		return skip("nobody can change the state behind its back here: give --set-state")
	}
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		was, err := s.status(ctx, h, "d", s.Target)
		if err != nil {
			return err
		}
		for _, state := range []string{"off", "on", "off", "on", string(was.State)} {
			if err := s.SetState(ctx, state); err != nil {
				return fmt.Errorf("cannot set the state: %w", err)
			}
			r, err := s.status(ctx, h, "d", s.Target)
			if err != nil {
				return err
			}
			if string(r.State) != state {
				return fmt.Errorf("the target was set to %s, the next Status says %s", state, r.State)
			}
		}
		return nil
	})
}

// until polls until the target has the state, for the plugin's longest effect time and one call.
func (s *subject) until(ctx context.Context, h *host.Host, state fence.PowerState) error {
	end := time.Now().Add(s.about.Effect + s.Timeout)
	for {
		r, err := s.status(ctx, h, "d", s.Target)
		if err == nil && r.State == state {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %v it is %s (%s), want %s", s.about.Effect+s.Timeout, r.State, orOK(err), state)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func off(ctx context.Context, s *subject) error {
	if !s.AllowPower {
		return skip("the target must not be switched: allow it with --power for a machine that may go off")
	}
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*(s.about.Effect+2*s.Timeout)) // power comes back even if the tester gives up
		defer cancel()
		was, err := s.status(ctx, h, "d", s.Target)
		if err != nil {
			return err
		}
		for _, state := range []fence.PowerState{fence.PowerOff, fence.PowerOff, fence.PowerOn, fence.PowerOn, was.State} {
			if !known(state) || !slices.Contains(s.about.Actions, string(state)) {
				continue
			}
			if err := s.do(ctx, h, "d", s.Target, string(state)); err != nil {
				return fmt.Errorf("%s: %w", state, err)
			}
			if err := s.until(ctx, h, state); err != nil {
				return err
			}
		}
		return nil
	})
}

func misbehaving(ctx context.Context, s *subject) error {
	if len(s.Knobs) == 0 {
		return skip("no device of this plugin can be made to misbehave: give Options.Knobs")
	}
	if err := s.noDevice(); err != nil {
		return err
	}
	names := make([]string, 0, len(s.Knobs))
	for n := range s.Knobs {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := s.misbehaves(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (s *subject) misbehaves(ctx context.Context, name string) error {
	h, err := s.host(host.Config{Grace: 200 * time.Millisecond}, map[string]map[string]string{"d": nil, "odd": s.Knobs[name]})
	if err != nil {
		return err
	}
	defer h.Close()
	before, err := s.status(ctx, h, "d", s.Target)
	if err != nil {
		return err
	}
	short := *s
	short.Timeout = min(s.Timeout, time.Second)
	err = nil
	if s.AllowPower {
		err = short.do(ctx, h, "odd", s.Target, "off")
	}
	r, readErr := short.status(ctx, h, "odd", s.Target)
	switch {
	case name == "lie":
		if s.AllowPower && before.State == fence.PowerOn && (err != nil || readErr != nil || r.State != fence.PowerOn) {
			return fmt.Errorf("off gives %v, the state after it is %s, %v; a device that did nothing is on", orOK(err), r.State, readErr)
		}
	case readErr == nil || host.ClassOf(readErr) != host.Class(name) || r.State != fence.PowerUnknown:
		return fmt.Errorf("status says %s, %v", r.State, orOK(readErr))
	case s.AllowPower && host.ClassOf(err) != host.Class(name):
		return fmt.Errorf("off gives %v", orOK(err))
	}
	_, err = s.status(ctx, h, "d", s.Target) // its neighbour works
	return err
}
