package cli_test

import (
	"context"
	"path/filepath"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

// fakeHolder is what a holder says whose socket is in a directory of this name.
func fakeHolder(_ context.Context, socket string) (client.WatchdogHolder, error) {
	s := client.WatchdogHolder{API: client.API, Phase: "open", Pid: 7, Daemon: 42, LeftMS: 4200, HardwareMS: 10_000, EveryMS: 1000, GapMS: 1003, Feeds: 17, LockedKiB: 4004, Realtime: true}
	d := client.WatchdogDevice{Path: "/dev/watchdog0", Kind: "itco_wdt", Open: true, TimeoutMS: 10_000, NoWayOut: true}
	switch filepath.Base(filepath.Dir(socket)) {
	case "away":
		return s, client.Errorf(client.CodeUnreachable, "fenced-watchdog does not answer")
	case "expired":
		s.Phase = "expired"
	case "softdog":
		d.Kind, d.NoWayOut = "softdog", false
	case "owned":
		s = client.WatchdogHolder{Phase: "closed"}
		d = client.WatchdogDevice{Path: "/dev/watchdog0", Code: "owned", Why: "/dev/watchdog0 is held by systemd's RuntimeWatchdogSec= (pid 1): only one process can have it open"}
	}
	s.Devices = client.List[client.WatchdogDevice]{d}
	return s, nil
}

// fakeTest is a watchdog that does nothing, at once.
func fakeTest(_ context.Context, c *config.Config) (client.WatchdogHolder, error) {
	if c.SelfName == "node-2" {
		return client.WatchdogHolder{}, client.Errorf(client.CodeUnsafe, "daemon a holds the lease")
	}
	return client.WatchdogHolder{API: client.API, Phase: "testing", HardwareMS: -5000}, nil
}
