package bmc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/hal/mock"
	"github.com/bougou/go-ipmi/pkg/handlers"
	"github.com/bougou/go-ipmi/pkg/server"
	"github.com/bougou/go-ipmi/pkg/types"
)

// Config is what a BMC is made of.
type Config struct {
	// Listen is the UDP address, host:port; port 0 chooses one.
	Listen string
	// User and Password are its one account, an administrator. At most 16 and 20 bytes (IPMI 2.0).
	User, Password string
	// GUID are the 16 bytes it answers to Get System GUID and Get Device GUID, as they go over the wire (see Wire).
	GUID [16]byte
	// Restore is its power restore policy: 0 the machine stays off, 1 as before, 2 it goes on, 3 unknown.
	Restore uint8
	// Power is the switch of the machine behind it.
	Power Switch
	Knobs Knobs
	// Suites are the cipher suites it accepts; none means 3 and 17.
	Suites []int
	Log    *slog.Logger
}

// BMC is a running device. End it with Close.
type BMC struct {
	chassis *Chassis
	conn    *wire
	cancel  context.CancelFunc
	done    chan struct{}
	users   *bmc.UserStore
	// password is the account's; with the knob auth it has another one.
	password string
}

// Start begins to serve.
func Start(cfg Config) (*BMC, error) {
	if len(cfg.Password) > bmc.MaxPasswordLen || len(cfg.User) > bmc.MaxUserNameLen {
		return nil, fmt.Errorf("cannot start bmc: a user has at most %d bytes, a password %d", bmc.MaxUserNameLen, bmc.MaxPasswordLen)
	}
	c := NewChassis(cfg.Power, cfg.Knobs, cfg.Log)
	b := bmc.New(bmc.DeviceInfo{IPMIVersion: 0x20}, cfg.GUID, mock.New(), bmc.WithV15Disabled())
	for _, s := range cfg.Suites {
		if !bmc.SupportedCipherSuite(types.CipherSuiteID(s)) {
			return nil, fmt.Errorf("cannot start bmc: no cipher suite %d", s)
		}
	}
	if len(cfg.Suites) > 0 {
		ids := make([]types.CipherSuiteID, len(cfg.Suites))
		for i, s := range cfg.Suites {
			ids[i] = types.CipherSuiteID(s)
		}
		b.SetCipherSuites(ids)
	}
	u, err := b.Users.Add(account, cfg.User)
	if err != nil {
		return nil, fmt.Errorf("cannot start bmc: user: %w", err)
	}
	u.Enabled = true
	u.ChannelAccess[1] = bmc.UserChannelAccess{MaxPrivilege: bmc.PrivilegeLevelAdministrator, Enabled: true}
	addr, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot start bmc: %w", err)
	}
	pc, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot start bmc: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &BMC{chassis: c, conn: &wire{UDPConn: pc, chassis: c, closing: ctx}, cancel: cancel, done: make(chan struct{}), users: b.Users, password: cfg.Password}
	d.SetKnobs(cfg.Knobs)
	s := server.NewServer(b, d.conn, server.WithHandlerRegistry(registry(c, cfg)))
	go func() {
		defer close(d.done)
		_ = s.Serve(ctx) // ends by Close only
	}()
	return d, nil
}

// Addr is the UDP address it listens on.
func (d *BMC) Addr() *net.UDPAddr { return d.conn.LocalAddr().(*net.UDPAddr) }

// account is the id of its one account.
const account = 2

// SetKnobs changes how it misbehaves from now on. Clearing limbo and lie makes it read truly again; what is late stays late.
func (d *BMC) SetKnobs(k Knobs) {
	p := append([]byte(d.password), 0)[:max(len(d.password), 1)]
	if k.Auth {
		p[0] ^= 1
	}
	_ = d.users.Update(account, func(u *bmc.User) error { // it is there from the start
		u.SetPassword(p)
		return nil
	})
	d.chassis.SetKnobs(k)
}

// Knobs says how it misbehaves.
func (d *BMC) Knobs() Knobs { return d.chassis.Knobs() }

// Counts says what it was asked for.
func (d *BMC) Counts() Counts { return d.chassis.Counts() }

// Close ends it. Call it once.
func (d *BMC) Close() {
	d.chassis.Close()
	d.cancel()
	_ = d.conn.Close()
	<-d.done
}

// registry is go-ipmi's own handlers but for power and identity.
func registry(c *Chassis, cfg Config) *handlers.Registry {
	r := handlers.NewRegistry()
	handlers.RegisterAllHandlers(r)
	identity := func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		g := cfg.GUID
		if c.Knobs().WrongIdentity {
			for i := range g {
				g[i] ^= 0x5a
			}
		}
		return g[:], types.CodeOK, nil
	}
	r.RegisterFunc(types.CommandGetSystemGUID, identity)
	r.RegisterFunc(types.CommandGetDeviceGUID, identity)
	r.RegisterFunc(types.CommandGetChassisStatus, func(ctx context.Context, _ *handlers.HandlerContext, _ []byte) ([]byte, types.CompletionCode, error) {
		on, err := c.On(ctx)
		if err != nil {
			return nil, code(err), nil
		}
		state := byte(0)
		if on {
			state = 1
		}
		return []byte{state | cfg.Restore&3<<5, 0, 0, 0}, types.CodeOK, nil
	})
	var power once
	r.RegisterFunc(types.CommandChassisControl, func(ctx context.Context, h *handlers.HandlerContext, data []byte) ([]byte, types.CompletionCode, error) {
		if len(data) < 1 {
			return nil, types.CodeRequestDataTruncated, nil
		}
		if data[0]&0x0f > 1 {
			return nil, types.CodeParameterOutOfRange, nil
		}
		return nil, power.do(h.Session, func() types.CompletionCode { return code(c.Set(ctx, data[0]&0x0f == 1)) }), nil
	})
	return r
}

func code(err error) types.CompletionCode {
	switch {
	case err == nil:
		return types.CodeOK
	case errors.Is(err, ErrBusy):
		return types.CodeNodeBusy
	case errors.Is(err, ErrRefused):
		return types.CodeNotSupported // "not supported in present state"
	}
	return types.CodeUnspecifiedError
}
