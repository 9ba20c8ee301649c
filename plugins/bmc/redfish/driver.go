package redfish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	provider "github.com/bmc-toolbox/bmclib/v2/providers/redfish"
	"github.com/go-logr/logr"
	"github.com/stmcginnis/gofish/redfish"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// What bmclib's registry knows the provider by, and what it can do in bmclib's words: as bmclib's own.
const (
	Name     = provider.ProviderName
	Protocol = provider.ProviderProtocol
)

// Features are those of bmclib's provider. fenced uses power state and power set.
var Features = provider.Features

// Config says which BMC, as whom, and which of its systems.
type Config struct {
	// Host is a name or an IP address without brackets, Port its TCP port.
	Host           string
	Port           int
	User, Password string
	// System is a system's id or path; "" is the only one there is.
	System string
	Trust  Trust
	// Until is when Close returns at the latest.
	Until time.Time
	// Late counts what still waits for a slow BMC's answer to a login or logout after its operation, for at most lateTime.
	Late *sync.WaitGroup
}

func (c Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// base is the address in a URL, where the zone of an IPv6 address is escaped.
func (c Config) base() string { return "https://" + strings.Replace(c.address(), "%", "%25", 1) }

// Driver is one session with one BMC, as a bmclib provider. A failed Driver is used up: make another.
type Driver struct {
	guard *guard
	conn  *provider.Conn
}

// New returns a driver that is not open yet. ctx bounds everything but Close, and must have a deadline.
func New(ctx context.Context, cfg Config) *Driver {
	g := newGuard(ctx, cfg)
	return &Driver{guard: g, conn: provider.New(cfg.base(), cfg.User, cfg.Password, logr.Discard(), provider.WithHttpClient(g.client()),
		provider.WithPort(""), provider.WithEtagMatchDisabled(true))} // the port stands in the base
}

// Name is what bmclib's metadata calls it.
func (d *Driver) Name() string { return Name }

// Open makes the session.
func (d *Driver) Open(ctx context.Context) error {
	if err := d.conn.Open(ctx); err != nil {
		defer d.Close(ctx) //nolint:errcheck // it has no error
		return fmt.Errorf("cannot open a session: %w", d.guard.told(err))
	}
	return nil
}

// Compatible is asked by bmclib's FilterForCompatible, which fenced does not use.
func (d *Driver) Compatible(context.Context) bool { return true }

// PowerStateGet returns the PowerState as the system's document has it, On or Off or anything else that a vendor says. A system between the
// two is an error of class limbo; one that is absent is an error too: an empty slot is not a machine that is off.
func (d *Driver) PowerStateGet(ctx context.Context) (string, error) {
	d.guard.fresh()
	state, err := d.conn.PowerStateGet(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot read power state: %w", d.guard.told(err))
	}
	system, _ := d.guard.seen()
	if err := system.judge(state); err != nil {
		return "", fmt.Errorf("cannot read power state: %w", err)
	}
	return state, nil
}

// judge says why a power state that bmclib's provider read in this document is none.
func (s System) judge(state string) error {
	if state != s.PowerState {
		return fmt.Errorf("the document says %.40q and %.40q", s.PowerState, state)
	}
	switch {
	case s.Presence == "Absent":
		return sdk.Refused(fmt.Errorf("the BMC says that system %s is absent", idOf(s.Path)))
	case state == "PoweringOff", state == "PoweringOn", state == "Paused":
		return sdk.Limbo(fmt.Errorf("the BMC says %s", state))
	}
	return nil
}

// PowerSet asks for "on" or "off" (down hard), also where the machine is there already (R16 b): bmclib's provider would send nothing then. A
// BMC that refuses just because of that is no error.
func (d *Driver) PowerSet(ctx context.Context, state string) (bool, error) {
	kind := map[string]redfish.ResetType{"off": redfish.ForceOffResetType, "on": redfish.OnResetType}[state]
	if kind == "" {
		return false, sdk.Unsupported(fmt.Errorf("no power state %q", state))
	}
	d.guard.fresh()
	_, err := d.conn.PowerSet(ctx, state)
	if err != nil {
		err = d.refused(kind, err)
	} else if _, sent := d.guard.seen(); sent == 0 {
		err = d.command(kind)
	}
	if err == nil {
		return true, nil
	}
	if c := sdk.ClassOf(err); c == sdk.ClassLimbo || c == sdk.ClassRefused { // "in that state already" is a 400 or a 409
		var r refusal
		if errors.As(err, &r) && (r.status == http.StatusBadRequest || r.status == http.StatusConflict) {
			if now, readErr := d.PowerStateGet(ctx); readErr == nil && string(sdk.ParseState(now)) == state {
				return true, nil
			}
		}
	}
	return false, fmt.Errorf("cannot power %s: %w", state, err)
}

// SendNMI asks for a diagnostic interrupt, once.
func (d *Driver) SendNMI(ctx context.Context) error {
	d.guard.fresh()
	if err := d.conn.SendNMI(ctx); err != nil {
		return fmt.Errorf("cannot send a diagnostic interrupt: %w", d.refused(redfish.NmiResetType, err))
	}
	return nil
}

// refused is why bmclib's provider did not send a command, or how it was refused.
func (d *Driver) refused(kind redfish.ResetType, err error) error {
	told := d.guard.told(err)
	if system, _ := d.guard.seen(); sdk.ClassOf(told) == sdk.ClassUnknown && system.Path != "" && !system.accepts(string(kind)) {
		return sdk.Unsupported(fmt.Errorf("system %s accepts no %s", idOf(system.Path), kind))
	}
	return told
}

// command posts a reset that bmclib's provider held back, in the same session, to the system whose document it has just read.
func (d *Driver) command(kind redfish.ResetType) error {
	system, _ := d.guard.seen()
	switch {
	case system.ResetTarget == "":
		return sdk.Unsupported(fmt.Errorf("the power of system %s cannot be switched", idOf(system.Path)))
	case !system.accepts(string(kind)):
		return sdk.Unsupported(fmt.Errorf("system %s accepts no %s", idOf(system.Path), kind))
	}
	body, err := json.Marshal(map[string]string{"ResetType": string(kind)})
	if err != nil {
		return err
	}
	_, err = d.ask(http.MethodPost, system.ResetTarget, body)
	return err
}

// ask makes one request of our own in the session.
func (d *Driver) ask(method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(d.guard.end, method, d.guard.cfg.base()+path, bytes.NewReader(body))
	if err != nil {
		return nil, sdk.Refused(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Auth-Token", d.guard.token())
	d.guard.fresh()
	resp, err := d.guard.client().Do(req)
	if err != nil {
		return nil, d.guard.told(err)
	}
	defer resp.Body.Close()
	if err := d.guard.failed(); err != nil {
		return nil, err
	}
	return io.ReadAll(resp.Body)
}

// Systems lists the ids of the systems, whatever Config.System says.
func (d *Driver) Systems() ([]string, error) {
	next := d.guard.list()
	var ids []string
	for next != "" && len(ids) < maxMembers {
		doc, err := d.ask(http.MethodGet, next, nil)
		if err != nil {
			return nil, fmt.Errorf("cannot list systems: %w", err)
		}
		var members []string
		if members, next, err = parseCollection(doc); err != nil {
			return nil, sdk.Refused(err)
		}
		for _, m := range members {
			ids = append(ids, idOf(m))
		}
	}
	return ids, nil
}

// System is what the document said from which the power state was last read.
func (d *Driver) System() System {
	s, _ := d.guard.seen()
	return s
}

// Close gives the session back: one that is dropped keeps one of few slots for many minutes. It waits as long as Config.Until (bmclib replaces
// a context that is over by one of its own); where the BMC is slower than that, the goodbye goes on without it.
func (d *Driver) Close(context.Context) error {
	done := make(chan struct{})
	patience := time.NewTimer(time.Until(d.guard.cfg.Until))
	defer patience.Stop()
	d.guard.cfg.Late.Go(func() {
		defer close(done)
		d.guard.close(func() { _ = d.conn.Close(context.Background()) }) // what it could not close the guard does
	})
	select {
	case <-done:
	case <-patience.C:
	}
	return nil
}
