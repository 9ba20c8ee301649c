package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/internal/watchdog"
)

// watchdogStatus is `fenced watchdog status`.
func watchdogStatus(ctx context.Context, socket string) (client.WatchdogHolder, error) {
	s, err := watchdog.Status(ctx, socket)
	return holderDocument(s), holderError(err)
}

// watchdogTest is `fenced watchdog test`: the machine is reset by it, if its watchdog works.
func watchdogTest(ctx context.Context, c *config.Config) (client.WatchdogHolder, error) {
	w := watchdog.New(c.WatchdogSocket, "fenced watchdog test", watchdogSettings(c), c.Watchdog.TimeoutMS)
	defer w.Close()
	s, err := w.Test(ctx)
	return holderDocument(s), holderError(err)
}

func watchdogSettings(c *config.Config) watchdog.Settings {
	w := c.Watchdog
	return watchdog.Settings{Devices: w.Devices, TimeoutMS: w.TimeoutMS, PretimeoutMS: w.PretimeoutMS, TakeOver: w.TakeOver}
}

// holderError gives what the holder or the way to it refused its exit code and the next step.
func holderError(err error) error {
	var refused *watchdog.Refused
	var e *client.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, watchdog.ErrUnreachable):
		e = client.Errorf(client.CodeUnreachable, "%v", err)
		e.Next = "systemctl status fenced-watchdog"
	case !errors.As(err, &refused):
		return err
	case refused.Code == watchdog.CodeBusy:
		e = client.Errorf(client.CodeUnsafe, "%v", err)
		e.Next = "systemctl stop fenced"
	case refused.Code == watchdog.CodeDenied:
		e = client.Errorf(client.CodeNotPermitted, "%v", err)
	case refused.Code == watchdog.CodeMissing, refused.Code == watchdog.CodeOwned, refused.Code == watchdog.CodeUsage:
		e = client.Errorf(client.CodeConfig, "%v", err)
	default:
		e = client.Errorf(client.CodeError, "%v", err)
	}
	return e
}

func holderDocument(s watchdog.State) client.WatchdogHolder {
	d := client.WatchdogHolder{
		API: client.API, Simulated: s.Simulated, Phase: s.Phase, Pid: s.Pid, Daemon: s.OwnerPid, HardwareMS: s.HardwareMS, EveryMS: s.EveryMS, GapMS: s.GapMS,
		Feeds: s.Feeds, LockedKiB: s.LockedKiB, Realtime: s.Realtime, Warnings: s.Warnings,
	}
	if s.Phase == watchdog.PhaseOpen {
		d.LeftMS = max(0, s.UntilMS-s.NowMS)
	}
	for _, v := range s.Devices {
		d.Devices = append(d.Devices, client.WatchdogDevice{
			Path: v.Path, Kind: v.Kind, Identity: v.Identity, Open: v.Open, Running: v.Running, NoWayOut: v.NoWayOut, TimeoutMS: v.TimeoutMS,
			PretimeoutMS: v.PretimeoutMS, LastReset: v.LastReset, Owner: v.Owner, Code: v.Code, Why: v.Why,
		})
	}
	return d
}

// checkWatchdog is asked before anything is started: where the configuration demands a watchdog and none can be used, nothing is (78, S4.9).
// The text says who has it, where that can be seen. Looking opens nothing.
func checkWatchdog(ctx context.Context, c *config.Config, instance string) error {
	if c.Watchdog.Mode != config.WatchdogRequired {
		return nil
	}
	w := watchdog.New(c.WatchdogSocket, instance, watchdogSettings(c), longestLeaseMS)
	defer w.Close()
	s, err := helloPatiently(ctx, w.Hello)
	if err != nil {
		return client.Errorf(client.CodeConfig, "watchdog.mode is required, and there is none: %v", err)
	}
	for _, d := range s.Devices {
		if d.Code == "" || d.Open {
			return nil
		}
	}
	return client.Errorf(client.CodeConfig, "watchdog.mode is required, and there is none: %s", s.Why())
}

// A holder that is there and slow is asked again, and so is one that has not noticed yet that the daemon before this one ended: that is no
// configuration to mend, and systemd starts nothing again after 78. helloTries bounds it, to 15 s where each word takes its whole deadline.
const (
	helloTries = 5
	helloPause = 200 * time.Millisecond
)

func helloPatiently(ctx context.Context, hello func(context.Context) (watchdog.State, error)) (s watchdog.State, err error) {
	for range helloTries {
		if s, err = hello(ctx); !passes(err) {
			return s, err
		}
		select {
		case <-time.After(helloPause):
		case <-ctx.Done():
			return s, err
		}
	}
	return s, err
}

// passes reports whether what a holder answered may be over in a moment.
func passes(err error) bool {
	var refused *watchdog.Refused
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &refused) && refused.Code == watchdog.CodeBusy)
}

// watchdogOf is the daemon's way to the holder; nil where the configuration wants no watchdog. The interface is nil too then.
func watchdogOf(c *config.Config, instance string) fenced.Watchdog {
	if c.Watchdog.Mode == config.WatchdogOff {
		return nil
	}
	return watchdog.New(c.WatchdogSocket, instance, watchdogSettings(c), longestLeaseMS)
}

// longestLeaseMS bounds a lease to the holder; the roster's, which may change while this daemon runs, is below it.
const longestLeaseMS = 60 * 60 * 1000
