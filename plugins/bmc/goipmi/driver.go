package goipmi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bmc-toolbox/bmclib/v2/providers"
	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/command/chassis"
	"github.com/bougou/go-ipmi/pkg/types"
	"github.com/jacobweinstock/registrar"

	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// What bmclib's registry knows the provider by. Using(Protocol) would also return ipmitool where that is registered: use For(Name).
const (
	Name     = "go-ipmi"
	Protocol = "ipmi"
)

// Features are what the provider can do in bmclib's words; beside these it sends diagnostic interrupts (NMI).
var Features = registrar.Features{providers.FeaturePowerSet, providers.FeaturePowerState}

// Config says which BMC, as whom.
type Config struct {
	// Address is host:port, the host in brackets if it is an IPv6 address.
	Address        string
	User, Password string
	Suite          rmcp.Suite
	// Operator asks for a session of that privilege and no more; it suffices for all that fenced does. Otherwise administrator.
	Operator bool
}

// Driver is one session with one BMC, as a bmclib provider. A failed Driver is used up: make another.
type Driver struct {
	cfg Config

	mu    sync.Mutex // one session is one command at a time
	guard *rmcp.Guard
	c     *client.Client

	restore string
}

// New returns a driver that is not open yet.
func New(cfg Config) *Driver { return &Driver{cfg: cfg} }

// Name is what bmclib's metadata calls it.
func (d *Driver) Name() string { return Name }

// Open makes the session. It tries until ctx's deadline (see session.go), which it must have.
func (d *Driver) Open(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c != nil {
		return nil
	}
	return d.connect(ctx)
}

// Compatible is asked by bmclib's FilterForCompatible, which fenced does not use.
func (d *Driver) Compatible(context.Context) bool { return true }

// What a machine does by itself when the mains come back.
const (
	StaysOff  = "stays off"
	GoesOn    = "goes on"
	LastState = "as before"
)

// Restore is the power restore policy that the last PowerStateGet saw, one of the words above, "" where the BMC does not know.
func (d *Driver) Restore() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.restore
}

var restores = map[chassis.PowerRestorePolicy]string{
	chassis.PowerRestorePolicyAlwaysOff: StaysOff, chassis.PowerRestorePolicyPrevious: LastState, chassis.PowerRestorePolicyAlwaysOn: GoesOn,
}

// PowerStateGet returns "on" or "off", bit 0 of Get Chassis Status.
func (d *Driver) PowerStateGet(ctx context.Context) (string, error) {
	state := ""
	err := d.do(ctx, repeated, func(ctx context.Context, c *client.Client) error {
		r, err := c.GetChassisStatus(ctx)
		if err != nil {
			return err
		}
		state, d.restore = "off", restores[r.PowerRestorePolicy&3] // go-ipmi takes the reserved bit for one of it
		if r.PowerIsOn {
			state = "on"
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("cannot read power state: %w", err)
	}
	return state, nil
}

// PowerSet asks for "on" or "off" (down hard), also where the machine is there already (R16 b). A BMC that refuses just because of that
// is no error.
func (d *Driver) PowerSet(ctx context.Context, state string) (bool, error) {
	var err error
	switch state {
	case "off":
		err = d.control(ctx, repeated, chassis.ChassisControlPowerDown)
	case "on":
		err = d.control(ctx, once, chassis.ChassisControlPowerUp)
	default:
		return false, sdk.Unsupported(fmt.Errorf("no power state %q", state))
	}
	if err == nil {
		return true, nil
	}
	if code, ok := completion(err); ok && code == types.CodeNotSupported { // "not in the present state"
		if now, readErr := d.PowerStateGet(ctx); readErr == nil && now == state {
			return true, nil
		}
	}
	return false, fmt.Errorf("cannot power %s: %w", state, err)
}

// SendNMI asks for a diagnostic interrupt, once.
func (d *Driver) SendNMI(ctx context.Context) error {
	if err := d.control(ctx, once, chassis.ChassisControlDiagnosticInterrupt); err != nil {
		return fmt.Errorf("cannot send a diagnostic interrupt: %w", err)
	}
	return nil
}

func (d *Driver) control(ctx context.Context, r repeat, what chassis.ChassisControl) error {
	return d.do(ctx, r, func(ctx context.Context, c *client.Client) error {
		_, err := c.ChassisControl(ctx, what)
		return err
	})
}

// GUID returns the identity of the system as the BMC sends it: Get System GUID, else Get Device GUID; ok is false where the BMC has
// neither or says nothing by them (all 00 or all FF). A BMC that does not answer is an error, never "no identity".
func (d *Driver) GUID(ctx context.Context) (guid [16]byte, ok bool, err error) {
	ask := []func(context.Context, *client.Client) error{
		func(ctx context.Context, c *client.Client) error {
			r, err := c.GetSystemGUID(ctx)
			if err == nil {
				guid = r.GUID
			}
			return err
		},
		func(ctx context.Context, c *client.Client) error {
			r, err := c.GetDeviceGUID(ctx)
			if err == nil {
				guid = r.GUID
			}
			return err
		},
	}
	for _, f := range ask {
		err := d.do(ctx, repeated, f)
		if err == nil && Meaningful(guid) {
			return guid, true, nil
		}
		if _, answered := completion(err); err != nil && !answered {
			return [16]byte{}, false, fmt.Errorf("cannot read identity: %w", err)
		}
	}
	return [16]byte{}, false, nil
}

// Meaningful reports whether a GUID says anything; all 00 and all FF do not.
func Meaningful(g [16]byte) bool {
	for _, b := range g[1:] {
		if b != g[0] {
			return true
		}
	}
	return g[0] != 0x00 && g[0] != 0xff
}

// Close ends the session and frees its slot in the BMC: a driver that is dropped without it keeps one of few slots for a minute. It waits
// for an answer no longer than a moment, whatever ctx says. Closing what is not open is no error.
func (d *Driver) Close(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end(closeTime)
	return nil
}

var errClosed = errors.New("the session is closed")

// do runs f on the session; after any failure but a completion code the session is ended.
func (d *Driver) do(ctx context.Context, r repeat, f func(context.Context, *client.Client) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c == nil {
		return errClosed
	}
	ctx, cancel := d.deadline(ctx)
	defer cancel()
	d.pace(ctx, r)
	err := f(ctx, d.c)
	if err == nil {
		return nil
	}
	classified := classify(err, d.guard)
	if _, answered := completion(err); !answered {
		d.end(silentTime) // it did not answer: say goodbye and do not wait
	}
	return classified
}

// deadline keeps ctx's deadline and hands its cancellation to the guard: cancelling go-ipmi itself leaves its socket locked for a try.
func (d *Driver) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(noDeadline)
	}
	quiet, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	stop := context.AfterFunc(ctx, d.guard.Abort)
	return quiet, func() { stop(); cancel() }
}
