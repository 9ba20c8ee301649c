package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/plugins/bmc/goipmi"
	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

const version = "0.1.0"

// The drivers.
const (
	driverGoIPMI   = goipmi.Name
	driverIPMITool = "ipmitool"
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
`

// plugin is the bmc plugin.
type plugin struct{}

// Describe says what it is.
func (plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:          "bmc",
		Version:       version,
		Summary:       "machines through their BMC: IPMI 2.0 over LAN, answers authenticated",
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
			{Name: "port", Type: sdk.Int, Default: "623", Mapping: true, Help: "its UDP port"},
			{Name: "username", Required: true, Help: "an account with the privilege below, at most 16 bytes"},
			{Name: "password", Required: true, Secret: true, Help: "its password, at most 20 bytes"},
			{
				Name: "cipher", Type: sdk.Enum, Values: []string{"3", "17"}, Default: "3",
				Help: "cipher suite: 3 (HMAC-SHA1, AES) or 17 (HMAC-SHA256, AES); never negotiated down",
			},
			{
				Name: "privilege", Type: sdk.Enum, Values: []string{"administrator", "operator"}, Default: "administrator",
				Help: "privilege of the session; operator suffices",
			},
			{
				Name: "driver", Type: sdk.Enum, Values: []string{driverGoIPMI, driverIPMITool}, Default: driverGoIPMI,
				Help: "ipmitool runs that program: slower, and no identity (R16 then wants a drill)",
			},
			{Name: "timeout", Type: sdk.Duration, Default: "5s", Help: "longest time of one operation; the caller's deadline holds as well"},
		},
	}
}

// Open checks what the schema cannot. It does not reach the BMC.
func (plugin) Open(_ context.Context, _ string, o sdk.Options) (sdk.Device, error) {
	suiteID, err := strconv.Atoi(o.String("cipher"))
	if err != nil {
		return nil, sdk.Refused(err)
	}
	suite, err := rmcp.SuiteByID(suiteID)
	if err != nil {
		return nil, sdk.Refused(err)
	}
	d := &device{
		host:     strings.Trim(o.String("address"), "[]"),
		port:     o.Int("port"),
		user:     o.String("username"),
		password: o.Secret("password"),
		suite:    suite,
		operator: o.String("privilege") == "operator",
		driver:   o.String("driver"),
		timeout:  o.Duration("timeout"),
	}
	return d, d.check()
}

func (d *device) check() error {
	switch {
	case d.host == "" || strings.ContainsAny(d.host, " /@") || (strings.Contains(d.host, ":") && net.ParseIP(strings.Split(d.host, "%")[0]) == nil):
		return sdk.Refused(fmt.Errorf("%q is no address of a BMC; the port is an option of its own", d.host))
	case d.port < 1 || d.port > 65535:
		return sdk.Refused(fmt.Errorf("%d is no UDP port", d.port))
	case len(d.user) > rmcp.MaxUser:
		return sdk.Refused(fmt.Errorf("the username is longer than the %d bytes of IPMI 2.0", rmcp.MaxUser))
	case d.password.Reveal() == "":
		return sdk.Refused(errors.New("an account without a password is open to everybody"))
	case len(d.password.Reveal()) > rmcp.MaxPassword:
		return sdk.Refused(fmt.Errorf("the password is longer than the %d bytes of IPMI 2.0", rmcp.MaxPassword))
	case d.timeout < 500*time.Millisecond || d.timeout > time.Minute:
		return sdk.Refused(fmt.Errorf("the timeout %v is not between 0.5 s and a minute", d.timeout))
	}
	return nil
}
