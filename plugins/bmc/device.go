package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/bmc-toolbox/bmclib/v2"
	"github.com/jacobweinstock/registrar"

	"github.com/fenced-project/fenced/plugins/bmc/goipmi"
	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// device is one BMC. It holds no connection: every operation makes a session of its own and closes it.
type device struct {
	host     string
	port     int
	user     string
	password sdk.Secret
	suite    rmcp.Suite
	operator bool
	driver   string
	timeout  time.Duration
}

// closing is kept of every deadline for closing the session: a slot that is not freed is missing in the next operation.
const closing = 250 * time.Millisecond

// Status reads power state and identity in one session (R16).
func (d *device) Status(ctx context.Context, target string) (sdk.Status, error) {
	st := sdk.Status{State: sdk.Unknown}
	err := d.session(ctx, target, func(ctx context.Context, s session) error {
		text, err := s.client.GetPowerState(ctx)
		if err != nil {
			return err
		}
		if st.UUIDs, err = s.uuids(ctx); err != nil {
			return err
		}
		if st.State = sdk.ParseState(text); st.State == sdk.Unknown {
			st.Detail = fmt.Sprintf("the BMC says %.40q", strings.TrimSpace(text))
		}
		return nil
	})
	if err != nil {
		return sdk.Status{State: sdk.Unknown}, err
	}
	return st, nil
}

// Do asks for an action and returns when the BMC has accepted it.
func (d *device) Do(ctx context.Context, target string, action sdk.Action) error {
	return d.session(ctx, target, func(ctx context.Context, s session) error {
		switch action {
		case sdk.ActionOff, sdk.ActionOn:
			ok, err := s.client.SetPowerState(ctx, string(action))
			if err == nil && !ok {
				err = sdk.Refused(errors.New("the BMC did not accept it"))
			}
			return err
		case sdk.ActionDiag:
			return s.client.SendNMI(ctx)
		}
		return sdk.Unsupported(fmt.Errorf("no action %q", action))
	})
}

// Probe says whether the BMC answers to these credentials, and who it is. A Status costs it no more and reads as fresh.
func (d *device) Probe(ctx context.Context, target string) (sdk.Probe, error) {
	st, err := d.Status(ctx, target)
	if err != nil {
		return sdk.Probe{}, err
	}
	return sdk.Probe{Reachable: true, UUIDs: st.UUIDs, Detail: "power is " + string(st.State)}, nil
}

// session is one open session, as bmclib sees it and, for what bmclib has no word for, as the driver does.
type session struct {
	client *bmclib.Client
	goipmi *goipmi.Driver // nil with another driver
}

// uuids are the spellings of the system's identity, none where the driver or the BMC gives none.
func (s session) uuids(ctx context.Context) ([]string, error) {
	if s.goipmi == nil {
		return nil, nil
	}
	guid, ok, err := s.goipmi.GUID(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return spellings(guid), nil
}

// session runs f in a session of its own, which is closed whatever happens.
func (d *device) session(ctx context.Context, target string, f func(context.Context, session) error) error {
	if target != "" {
		return sdk.Refused(fmt.Errorf("a BMC has one system and no target %q", target))
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	s, err := d.open(ctx)
	if err != nil {
		return classify(ctx, err)
	}
	defer func() { _ = s.client.Close(context.WithoutCancel(ctx)) }() // the drivers bound it; it decides nothing
	return classify(ctx, f(ctx, s))
}

// bounded leaves, of the caller's deadline and our timeout, what remains without closing.
func (d *device) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(d.timeout)
	if caller, ok := ctx.Deadline(); ok && caller.Before(end) {
		end = caller
	}
	return context.WithDeadline(ctx, end.Add(-min(closing, time.Until(end)/4)))
}

// open makes a bmclib client with exactly one driver in its registry, and a session with it.
func (d *device) open(ctx context.Context) (session, error) {
	reg := registrar.NewRegistry()
	var s session
	if d.driver == driverIPMITool {
		tool, err := d.ipmitool()
		if err != nil {
			return s, err
		}
		reg.Register(driverIPMITool, goipmi.Protocol, goipmi.Features, nil, tool)
	} else {
		s.goipmi = goipmi.New(goipmi.Config{
			Address:  net.JoinHostPort(d.host, strconv.Itoa(d.port)),
			User:     d.user,
			Password: d.password.Reveal(),
			Suite:    d.suite,
			Operator: d.operator,
		})
		reg.Register(goipmi.Name, goipmi.Protocol, goipmi.Features, nil, s.goipmi)
	}
	s.client = bmclib.NewClient(d.host, d.user, d.password.Reveal(), bmclib.WithRegistry(reg))
	return s, s.client.Open(ctx)
}

// classify takes the driver's own failure out of bmclib's wrapping. What has none is a timeout if the time is over, else unknown.
func classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var f *sdk.Failure
	if errors.As(err, &f) {
		return f
	}
	if ctx.Err() != nil {
		return sdk.Timeout(err)
	}
	return err
}
