package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// device is one QEMU. It holds no connection: a monitor serves one at a time, and others want it too.
type device struct {
	network, address string
	shutdown         string
	timeout          time.Duration
}

// The states of QEMU that matter (qapi/run-state.json). Only "shutdown" is off: QEMU refuses to continue from it without a reset. A machine that
// is paused goes on with its old life at the next `cont`, and one that was migrated away lives elsewhere.
const (
	running   = "running"
	shutdown  = "shutdown"
	prelaunch = "prelaunch"
)

// elsewhere are states in which this QEMU does not hold the machine's life, or not all of it.
var elsewhere = map[string]bool{"inmigrate": true, "postmigrate": true, "finish-migrate": true, "colo": true, "save-vm": true, "restore-vm": true}

type runState struct {
	Status  string `json:"status"`
	Running bool   `json:"running"`
}

// Status reads state and identity in one connection.
func (d *device) Status(ctx context.Context, target string) (sdk.Status, error) {
	st := sdk.Status{State: sdk.Unknown}
	err := d.with(ctx, target, func(m *monitor) (err error) {
		st, err = m.status()
		return err
	})
	return st, err
}

// status asks for state and identity. With an error the state is unknown.
func (m *monitor) status() (sdk.Status, error) {
	st := sdk.Status{State: sdk.Unknown}
	var s runState
	if err := m.ask("query-status", nil, &s); err != nil {
		return st, err
	}
	var id struct{ UUID string }
	if err := m.ask("query-uuid", nil, &id); err != nil {
		return st, err
	}
	if strings.Trim(id.UUID, "0-") != "" { // all zero: none was given
		st.UUIDs = []string{id.UUID}
	}
	switch {
	case s.Status == shutdown && !s.Running:
		st.State = sdk.Off
	case s.Status == running && s.Running:
		st.State = sdk.On
	default:
		st.Detail = fmt.Sprintf("QEMU says %.40q", s.Status)
	}
	return st, nil
}

// Do asks for an action. Its success proves nothing: fenced reads Status afterwards.
func (d *device) Do(ctx context.Context, target string, action sdk.Action) error {
	return d.with(ctx, target, func(m *monitor) error {
		if action == sdk.ActionDiag {
			return m.do("inject-nmi", nil)
		}
		var s runState
		if err := m.ask("query-status", nil, &s); err != nil {
			return err
		}
		if elsewhere[s.Status] {
			return sdk.Limbo(fmt.Errorf("QEMU says %q: the machine's life is not, or not only, here", s.Status))
		}
		if action == sdk.ActionOff {
			return off(m, s)
		}
		return d.on(m, s)
	})
}

// off ends the guest's life and leaves QEMU where it can only begin a new one. A machine that stands still must not go on for it, not for an
// instant: it is reset where it stands first, and only what comes after the reset runs, for the moment until it is shut down.
func off(m *monitor, s runState) error {
	if !s.Running && s.Status != shutdown {
		if err := m.do("set-action", map[string]any{"reboot": "reset"}); err != nil {
			return err
		}
		if err := m.reset(); err != nil {
			return err
		}
	}
	if err := m.do("set-action", map[string]any{"reboot": "shutdown", "shutdown": "pause"}); err != nil {
		return err
	}
	if !s.Running && s.Status != shutdown {
		if err := m.do("cont", nil); err != nil {
			return err
		}
	}
	return m.do("system_reset", nil)
}

// on starts a machine that is shut down.
func (d *device) on(m *monitor, s runState) error {
	switch s.Status {
	case running:
		return nil
	case prelaunch:
		return m.do("cont", nil)
	case shutdown:
		if err := m.do("set-action", map[string]any{"reboot": "reset", "shutdown": d.shutdown}); err != nil {
			return err
		}
		if err := m.reset(); err != nil {
			return err
		}
		return m.do("cont", nil)
	}
	return sdk.Limbo(fmt.Errorf("QEMU says %q: to go on from there would continue an old life", s.Status))
}

// with runs f on a connection of its own, which is closed whatever happens.
func (d *device) with(ctx context.Context, target string, f func(*monitor) error) error {
	if target != "" {
		return sdk.Refused(fmt.Errorf("a monitor has one machine and no target %.100q", target))
	}
	end := time.Now().Add(d.timeout)
	if caller, ok := ctx.Deadline(); ok && caller.Before(end) {
		end = caller
	}
	ctx, cancel := context.WithDeadline(ctx, end.Add(-margin))
	defer cancel()
	m, err := connect(ctx, d.network, d.address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, m.close) // a caller that gives up before its deadline
	defer stop()
	defer m.close()
	return f(m)
}
