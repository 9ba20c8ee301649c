package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bmc-toolbox/bmclib/v2"
	"github.com/jacobweinstock/registrar"

	"github.com/fenced-project/fenced/plugins/bmc/goipmi"
	"github.com/fenced-project/fenced/plugins/bmc/redfish"
	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// device is one BMC. It holds no connection: every operation makes a session of its own and closes it.
type device struct {
	system   string // which of several, with Redfish; a target says it as well
	trust    redfish.Trust
	pace     *pace
	rate     int            // sessions a second, 0 without limit
	sessions int            // at once, 0 without limit
	late     sync.WaitGroup // goodbyes to a slow BMC that nobody waits for
	host     string
	port     int
	user     string
	password sdk.Secret
	suite    rmcp.Suite
	operator bool
	driver   string
	timeout  time.Duration
}

// closing is kept of every deadline for closing the session: a slot that is not freed is missing in the next operation. HTTPS takes longer.
const (
	closing      = 250 * time.Millisecond
	closingHTTPS = time.Second
)

// Status reads power state and identity in one session (R16). Beside them, for people: what a machine that is held off would do when the mains
// come back, and whether anybody could have answered.
func (d *device) Status(ctx context.Context, target string) (sdk.Status, error) {
	st := sdk.Status{State: sdk.Unknown}
	err := d.session(ctx, target, func(ctx context.Context, s session) error {
		text, err := s.client.GetPowerState(ctx)
		if err != nil {
			return err
		}
		if st.UUIDs, st.Serial, err = s.identity(ctx); err != nil {
			return err
		}
		var notes []string
		if st.State = sdk.ParseState(text); st.State == sdk.Unknown {
			notes = append(notes, fmt.Sprintf("the BMC says %.40q", strings.TrimSpace(text)))
		}
		if restore := s.restore(); restore != "" {
			notes = append(notes, "after a mains failure: "+restore)
		}
		if d.driver == driverRedfish && d.trust.Insecure() {
			notes = append(notes, "its certificate is not looked at (tls: insecure)")
		}
		st.Detail = strings.Join(notes, "; ")
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
	detail := "power is " + string(st.State)
	if st.Detail != "" {
		detail += "; " + st.Detail
	}
	return sdk.Probe{Reachable: true, UUIDs: st.UUIDs, Serial: st.Serial, Detail: detail}, nil
}

// session is one open session, as bmclib sees it and, for what bmclib has no word for, as the driver does.
type session struct {
	client  *bmclib.Client
	goipmi  *goipmi.Driver  // nil with another driver
	redfish *redfish.Driver // the same
}

// identity are the spellings of the system's UUID and its serial number, none where the driver or the BMC gives none. Redfish's stand in the
// document that the power state was read from.
func (s session) identity(ctx context.Context) (uuids []string, serial string, err error) {
	switch {
	case s.goipmi != nil:
		guid, ok, err := s.goipmi.GUID(ctx)
		if err != nil || !ok {
			return nil, "", err
		}
		return spellings(guid), "", nil
	case s.redfish != nil:
		system := s.redfish.System()
		return spellingsOf(system.UUID), system.Serial, nil
	}
	return nil, "", nil
}

// restore is the BMC's power restore policy in words, as IPMI's or the vendor's, "" where it says none.
func (s session) restore() string {
	switch {
	case s.goipmi != nil:
		return s.goipmi.Restore()
	case s.redfish != nil:
		switch policy := s.redfish.System().Restore; policy {
		case "AlwaysOff":
			return goipmi.StaysOff
		case "AlwaysOn":
			return goipmi.GoesOn
		case "LastState":
			return goipmi.LastState
		}
	}
	return ""
}

// session runs f in a session of its own, which is closed whatever happens.
func (d *device) session(ctx context.Context, target string, f func(context.Context, session) error) error {
	system, err := d.systemOf(target)
	if err != nil {
		return err
	}
	ctx, cancel, end := d.bounded(ctx)
	defer cancel()
	leave, err := d.pace.enter(ctx, d.sessions)
	if err != nil {
		return err
	}
	defer leave() // after Close
	if err := d.pace.wait(ctx, d.rate); err != nil {
		return err
	}
	s, err := d.open(ctx, system, end)
	if err != nil {
		return classify(ctx, err)
	}
	defer func() { _ = s.client.Close(context.WithoutCancel(ctx)) }() // the drivers bound it; it decides nothing
	return classify(ctx, f(ctx, s))
}

// systemOf is the system that a target means.
func (d *device) systemOf(target string) (string, error) {
	switch {
	case target != "" && d.driver != driverRedfish:
		return "", sdk.Refused(fmt.Errorf("a BMC has one system and no target %q", target))
	case target != "" && d.system != "" && target != d.system:
		return "", sdk.Refused(fmt.Errorf("the device is system %q, and the target says %.80q", d.system, target))
	case target != "":
		return target, nil
	}
	return d.system, nil
}

// bounded leaves, of the caller's deadline and our timeout, what remains without closing, which ends at end.
func (d *device) bounded(ctx context.Context) (bounded context.Context, cancel context.CancelFunc, end time.Time) {
	end = time.Now().Add(d.timeout)
	if caller, ok := ctx.Deadline(); ok && caller.Before(end) {
		end = caller
	}
	keep := closing
	if d.driver == driverRedfish {
		keep = closingHTTPS
	}
	bounded, cancel = context.WithDeadline(ctx, end.Add(-min(keep, time.Until(end)/4)))
	return bounded, cancel, end
}

// open makes a bmclib client with exactly one driver in its registry, and a session with it.
func (d *device) open(ctx context.Context, system string, end time.Time) (session, error) {
	reg := registrar.NewRegistry()
	var s session
	switch d.driver {
	case driverIPMITool:
		tool, err := d.ipmitool()
		if err != nil {
			return s, err
		}
		reg.Register(driverIPMITool, goipmi.Protocol, goipmi.Features, nil, tool)
	case driverRedfish:
		s.redfish = redfish.New(ctx, redfish.Config{
			Host: d.host, Port: d.port, User: d.user, Password: d.password.Reveal(), System: system, Trust: d.trust, Until: end, Late: &d.late,
		})
		reg.Register(redfish.Name, redfish.Protocol, redfish.Features, nil, s.redfish)
	default:
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
