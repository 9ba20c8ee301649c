package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

const sample = `# QEMU with -uuid UUID -qmp unix:/run/vm/node-1.qmp,server=on,wait=off (QEMU 6.0 or later)
devices:
  vm-1:
    plugin: qmp
    socket: /run/vm/node-1.qmp
    # address: 10.0.9.1:4444     # instead, over TCP: nothing on that wire is authenticated or hidden
`

// plugin is the qmp plugin.
type plugin struct{}

// Describe says what it is. A reset takes effect at once or, where QEMU's main loop hangs, when it goes on: Effect bounds what we expect of that.
func (plugin) Describe() sdk.Description {
	return sdk.Description{
		Name: "qmp", Version: "0.1.0", Summary: "QEMU machines through their monitor (QMP)", Kind: sdk.Power, GivesIdentity: true,
		Actions: []sdk.Action{sdk.ActionOff, sdk.ActionOn, sdk.ActionDiag},
		Effect:  90 * time.Second, Settle: 100 * time.Millisecond, HoldUp: 0, Limit: 1, Sample: sample, // a monitor serves one connection at a time
		Options: []sdk.Option{
			{Name: "socket", Mapping: true, Help: "path of the monitor's unix socket"},
			{Name: "address", Mapping: true, Help: "host:port of the monitor, instead of a socket"},
			{
				Name: "shutdown", Type: sdk.Enum, Values: []string{"pause", "poweroff"}, Default: "pause",
				Help: "what a shutdown by the guest does after on: pause keeps QEMU, so that it can be switched on again; poweroff ends it",
			},
			{Name: "timeout", Type: sdk.Duration, Default: "5s", Help: "longest time of one operation; the caller's deadline holds as well"},
		},
	}
}

// Open checks what the schema cannot. It does not reach the machine.
func (plugin) Open(_ context.Context, _ string, o sdk.Options) (sdk.Device, error) {
	d := &device{network: "unix", address: o.String("socket"), shutdown: o.String("shutdown"), timeout: o.Duration("timeout")}
	tcp := o.String("address")
	switch {
	case (d.address == "") == (tcp == ""):
		return nil, sdk.Refused(errors.New("exactly one of socket and address says where the monitor is"))
	case tcp != "":
		d.network, d.address = "tcp", tcp
		if host, port, err := net.SplitHostPort(tcp); err != nil || host == "" || port == "" {
			return nil, sdk.Refused(fmt.Errorf("%q is no host:port", tcp))
		}
	case !filepath.IsAbs(d.address):
		return nil, sdk.Refused(fmt.Errorf("%q is no absolute path", d.address))
	}
	if d.timeout < 100*time.Millisecond || d.timeout > time.Minute {
		return nil, sdk.Refused(fmt.Errorf("the timeout %v is not between 0.1 s and a minute", d.timeout))
	}
	return d, nil
}
