package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/plugins/bmc/goipmi"
	"github.com/fenced-project/fenced/plugins/bmc/redfish"
	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

const version = "0.1.0"

// The drivers.
const (
	driverGoIPMI   = goipmi.Name
	driverIPMITool = "ipmitool"
	driverRedfish  = "redfish"
)

// How long one operation may take unless the configuration says so: a Redfish service takes seconds where IPMI takes milliseconds.
const (
	timeoutIPMI    = 5 * time.Second
	timeoutRedfish = 15 * time.Second
)

// maxEffect is how long after accepting "off" or "on" a BMC may still carry it out (R9).
const maxEffect = 90 * time.Second

const sample = `# The BMC of node-1; its one system is what the device switches.
devices:
  bmc-1:
    plugin: bmc
    address: 10.0.9.1
    username: fenced
    password_file: /etc/fenced/secrets/bmc-1
    # cipher: 17      # where the BMC can (HMAC-SHA256); 3 is what nearly all can
  # The same by Redfish; which certificate it must show has no default.
  # redfish-1:
  #   plugin: bmc
  #   driver: redfish
  #   tls: fingerprint 5E:88:48:98:DA:28:04:71:51:D0:E5:6F:8D:C6:29:27:73:60:3D:0D:6A:AB:BD:D6:2A:11:EF:72:1D:15:42:D8
  #   address: 10.0.9.1
  #   username: fenced
  #   password_file: /etc/fenced/secrets/bmc-1
`

// plugin is the bmc plugin.
type plugin struct{}

// Describe says what it is.
func (plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:          "bmc",
		Version:       version,
		Summary:       "machines through their BMC: IPMI 2.0 over LAN, answers authenticated, and Redfish",
		Kind:          sdk.Power,
		GivesIdentity: true,
		Actions:       []sdk.Action{sdk.ActionOff, sdk.ActionOn, sdk.ActionDiag},
		Effect:        maxEffect,
		Settle:        100 * time.Millisecond, // R16: a BMC's state is settled after 0.1 s
		HoldUp:        0,                      // R17: a BMC cuts behind the supply's capacitors
		Limit:         1,                      // BMCs have few sessions and little patience
		Sample:        sample,
		Options: []sdk.Option{
			{Name: "address", Required: true, Mapping: true, Help: "name or IP address of the BMC"},
			{Name: "port", Type: sdk.Int, Mapping: true, Help: "its UDP port, 623 unless given; with redfish its TCP port, 443 unless given"},
			{Name: "username", Required: true, Help: "an account with the privilege below; IPMI takes at most 16 bytes"},
			{Name: "password", Required: true, Secret: true, Help: "its password; IPMI takes at most 20 bytes"},
			{
				Name: "cipher", Type: sdk.Enum, Values: []string{"3", "17"}, Default: "3",
				Help: "of IPMI: suite 3 (HMAC-SHA1, AES) or 17 (HMAC-SHA256, AES); never negotiated down",
			},
			{
				Name: "privilege", Type: sdk.Enum, Values: []string{"administrator", "operator"}, Default: "administrator",
				Help: "privilege of an IPMI session; operator suffices",
			},
			{
				Name: "driver", Type: sdk.Enum, Values: []string{driverGoIPMI, driverIPMITool, driverRedfish}, Default: driverGoIPMI, Mapping: true,
				Help: "ipmitool runs that program: slower, and no identity (R16 then wants a drill); redfish speaks HTTPS",
			},
			{Name: "tls", Help: "with redfish, and then required: verify, fingerprint SHA256, or insecure"},
			{Name: "ca_file", Help: "with tls verify: PEM file of the certificates to verify with, instead of the system's"},
			{Name: "system", Mapping: true, Help: "with redfish, which system of several: the last part of its path; a target says it as well"},
			{Name: "rate", Type: sdk.Int, Default: "20", Help: "sessions that this BMC is asked for in a second, by all devices with its address and port; 0: any number"},
			{Name: "sessions", Type: sdk.Int, Default: "2", Help: "sessions with this BMC at once, by all devices with its address and port; 0: any number"},
			{Name: "timeout", Type: sdk.Duration, Help: "longest time of one operation, 5s unless given, 15s with redfish; the caller's deadline holds as well"},
		},
	}
}

// Open checks what the schema cannot. It does not reach the BMC.
func (plugin) Open(_ context.Context, _ string, o sdk.Options) (sdk.Device, error) {
	d := &device{
		host:     strings.Trim(o.String("address"), "[]"),
		port:     o.Int("port"),
		user:     o.String("username"),
		password: o.Secret("password"),
		operator: o.String("privilege") == "operator",
		driver:   o.String("driver"),
		system:   o.String("system"),
		timeout:  o.Duration("timeout"),
		rate:     o.Int("rate"),
		sessions: o.Int("sessions"),
	}
	special := d.ipmi
	if d.driver == driverRedfish {
		special = d.redfish
	}
	if err := special(o); err != nil {
		return nil, sdk.Refused(err)
	}
	if err := d.check(); err != nil {
		return nil, sdk.Refused(err)
	}
	d.pace = paceOf(net.JoinHostPort(d.host, strconv.Itoa(d.port)))
	if d.driver == driverRedfish {
		return systems{d}, nil
	}
	return d, nil
}

// ipmi takes the options that only IPMI has, and refuses Redfish's: an option that does nothing is a mistake about something.
func (d *device) ipmi(o sdk.Options) error {
	for _, name := range []string{"tls", "ca_file", "system"} {
		if o.Given(name) {
			return fmt.Errorf("option %s is of Redfish: write `driver: redfish` or leave it out", name)
		}
	}
	if !o.Given("port") {
		d.port = 623
	}
	if !o.Given("timeout") {
		d.timeout = timeoutIPMI
	}
	id, err := strconv.Atoi(o.String("cipher"))
	if err != nil {
		return err
	}
	if d.suite, err = rmcp.SuiteByID(id); err != nil {
		return err
	}
	switch {
	case len(d.user) > rmcp.MaxUser:
		return fmt.Errorf("the username is longer than the %d bytes of IPMI 2.0", rmcp.MaxUser)
	case len(d.password.Reveal()) > rmcp.MaxPassword:
		return fmt.Errorf("the password is longer than the %d bytes of IPMI 2.0", rmcp.MaxPassword)
	}
	return nil
}

// redfish takes the options that only Redfish has. Which certificate to believe has no default, because there is no right one (R16 a).
func (d *device) redfish(o sdk.Options) error {
	for _, s := range (plugin{}).Describe().Options {
		if (s.Name == "cipher" || s.Name == "privilege") && o.String(s.Name) != s.Default {
			return fmt.Errorf("option %s is of IPMI: leave it out", s.Name)
		}
	}
	if !o.Given("port") {
		d.port = 443
	}
	if !o.Given("timeout") {
		d.timeout = timeoutRedfish
	}
	var ca []byte
	var err error
	if o.Given("ca_file") {
		if ca, err = readBundle(o.String("ca_file")); err != nil {
			return fmt.Errorf("cannot read ca_file: %w", err)
		}
	}
	d.trust, err = redfish.ParseTrust(o.String("tls"), ca)
	return err
}

// readBundle reads a plain file of a sensible size: opening a pipe would block.
func readBundle(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case !filepath.IsAbs(file):
		return nil, fmt.Errorf("%q is not an absolute path", file)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > 1<<20:
		return nil, fmt.Errorf("%s is not a plain file of at most a megabyte", file)
	}
	return os.ReadFile(file)
}

func (d *device) check() error {
	switch {
	case d.host == "" || strings.ContainsAny(d.host, " /@?#%\\") && net.ParseIP(strings.Split(d.host, "%")[0]) == nil ||
		(strings.Contains(d.host, ":") && net.ParseIP(strings.Split(d.host, "%")[0]) == nil):
		return fmt.Errorf("%q is no address of a BMC; the port is an option of its own", d.host)
	case d.port < 1 || d.port > 65535:
		return fmt.Errorf("%d is no port", d.port)
	case d.rate < 0 || d.rate > 10000:
		return fmt.Errorf("the rate %d is not between 0 and 10000 sessions a second", d.rate)
	case d.sessions < 0 || d.sessions > 100:
		return fmt.Errorf("%d sessions at once are not between 0 and 100", d.sessions)
	case d.password.Reveal() == "":
		return errors.New("an account without a password is open to everybody")
	case d.timeout < 500*time.Millisecond || d.timeout > time.Minute:
		return fmt.Errorf("the timeout %v is not between 0.5 s and a minute", d.timeout)
	}
	return nil
}

// systems is a BMC that may have several systems: with Redfish.
type systems struct{ *device }

// List names them.
func (s systems) List(ctx context.Context) ([]sdk.Target, error) {
	var ids []string
	err := s.session(ctx, "", func(_ context.Context, open session) error {
		var err error
		ids, err = open.redfish.Systems()
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]sdk.Target, 0, len(ids))
	for _, id := range ids {
		out = append(out, sdk.Target{ID: id})
	}
	return out, nil
}
