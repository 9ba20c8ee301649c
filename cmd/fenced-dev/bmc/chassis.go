package bmc

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Counts are the commands that arrived in authenticated sessions, done or not, how often the switch was really moved, and how often somebody began to
// log in, whatever came of it: a datagram that is repeated is one login, and one command. Unheard are the datagrams that came to IPMI while it hung.
type Counts struct {
	Logins     int `json:"logins"`
	Unheard    int `json:"unheard"`
	Off        int `json:"off"`
	On         int `json:"on"`
	Status     int `json:"status"`
	AppliedOff int `json:"applied_off"`
	AppliedOn  int `json:"applied_on"`
}

// Why a command is not done, or a state not said.
var (
	ErrBusy    = errors.New("busy")
	ErrRefused = errors.New("refused")
)

// Chassis is one machine as a BMC switches it: it decides what a command does under the knobs, whatever the protocol that it came by. End it
// with Close.
type Chassis struct {
	power Switch
	log   *slog.Logger

	mu     sync.Mutex // held while the switch moves: a BMC does one thing at a time
	knobs  Knobs
	counts Counts
	limbo  bool  // off was accepted and is not done
	claim  *bool // what a liar says
	last   *bool // where this device moved the switch to
	timers map[*time.Timer]bool
	closed bool
}

// NewChassis returns the machine behind that switch.
func NewChassis(power Switch, k Knobs, log *slog.Logger) *Chassis {
	return &Chassis{power: power, log: log, knobs: k, timers: map[*time.Timer]bool{}}
}

// Set is a command that asks for power on or off.
func (c *Chassis) Set(ctx context.Context, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on {
		c.counts.On++
	} else {
		c.counts.Off++
	}
	k := c.knobs
	switch {
	case k.Refuse:
		return ErrRefused
	case c.limbo:
		return ErrBusy
	case k.Ignore:
		return nil
	case k.Lie && !on:
		c.claim = &on
		return nil
	case k.Limbo && !on:
		c.limbo = true
		if k.LimboFor > 0 {
			c.later(k.LimboFor, func() { c.limbo = false; _ = c.apply(context.Background(), false) })
		}
		return nil
	case k.Late > 0:
		c.later(k.Late, func() { _ = c.apply(context.Background(), on) })
		return nil
	}
	c.claim = nil
	return c.apply(ctx, on)
}

// On is what the device says when it is asked for the state.
func (c *Chassis) On(ctx context.Context) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Status++
	if c.limbo {
		return false, ErrBusy
	}
	if c.claim != nil {
		return *c.claim, nil
	}
	return c.power.On(ctx)
}

// apply moves the switch; c.mu is held. A switch that is there already is not moved: a command that IPMI repeats because its answer was slow cuts
// the power once, and is counted so. Somebody else may have moved it meanwhile, so it is looked at before that is said.
func (c *Chassis) apply(ctx context.Context, on bool) error {
	if c.last != nil && *c.last == on {
		if is, err := c.power.On(ctx); err == nil && is == on {
			return nil
		}
	}
	c.last = nil
	if err := c.power.Set(ctx, on); err != nil {
		c.log.Error("switch failed", "power", word(on), "err", err)
		return err
	}
	c.last = &on
	if on {
		c.counts.AppliedOn++
	} else {
		c.counts.AppliedOff++
	}
	c.log.Info("switched", "power", word(on))
	return nil
}

// later runs f with c.mu held after d, unless the device was closed; c.mu is held.
func (c *Chassis) later(d time.Duration, f func()) {
	if c.closed {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if delete(c.timers, t); !c.closed {
			f()
		}
	})
	c.timers[t] = true
}

// SetKnobs changes how it misbehaves from now on.
func (c *Chassis) SetKnobs(k Knobs) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.knobs = k
	if !k.Lie {
		c.claim = nil
	}
	if !k.Limbo {
		c.limbo = false
	}
}

// count adds one to a count.
func (c *Chassis) count(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

// Knobs says how it misbehaves.
func (c *Chassis) Knobs() Knobs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.knobs
}

// Counts says what it was asked for.
func (c *Chassis) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

// Real is where the switch stands, asked for and not counted.
func (c *Chassis) Real(ctx context.Context) (bool, error) { return c.power.On(ctx) }

// Close ends what was to happen later.
func (c *Chassis) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for t := range c.timers {
		t.Stop()
	}
	clear(c.timers)
}
