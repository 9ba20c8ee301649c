package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

func (a *app) watchdogCommand() *cobra.Command {
	if a.deps.WatchdogStatus == nil || a.deps.WatchdogTest == nil {
		return nil
	}
	return group("watchdog", "look at this node's watchdog, and try it", a.watchdogStatusCommand(), a.watchdogTestCommand())
}

func (a *app) watchdogStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "what fenced-watchdog on this node holds, and for whom",
		Long: `Asks fenced-watchdog, not the daemon: it answers while that is down. What the other nodes know of this node's watchdog is in
´fenced status NODE´. Exit 0: it is fed for a lease, or closed because nothing needs it; 90: something is wrong with it.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
			defer cancel()
			s, err := a.deps.WatchdogStatus(ctx, holderSocket(config.Find(cmd.Flags())))
			if err != nil {
				return err
			}
			a.show(s, func(w io.Writer) { holderText(w, s) })
			if !watchdogWell(s) {
				return silent(client.CodeAttention)
			}
			return nil
		},
	}
	cmd.Long = strings.ReplaceAll(cmd.Long, "´", "`")
	config.AddFlags(cmd.Flags())
	return cmd
}

func holderSocket(o config.Options) string {
	return filepath.Join(cmp.Or(o.RunDir, config.DefaultRunDir), "watchdog.sock")
}

// watchdogWell reports whether nothing of it needs anybody.
func watchdogWell(s client.WatchdogHolder) bool {
	if s.Phase != "open" && s.Phase != "closed" {
		return false
	}
	for _, d := range s.Devices {
		if d.Code != "" || s.Phase == "open" && d.Kind == "softdog" {
			return false
		}
	}
	return true
}

var watchdogPhases = map[string]string{
	"closed":  "closed: nothing on this node needs it",
	"open":    "open, fed for a lease",
	"expired": "EXPIRED: the lease ended, this machine is about to be reset",
	"custody": "released, but a device cannot be stopped: it is fed without a lease",
	"orphan":  "ORPHANED: an earlier fenced-watchdog of this boot died with it open; this machine is about to be reset",
	"testing": "TESTING: it is not fed, this machine is about to be reset",
}

func holderText(w io.Writer, s client.WatchdogHolder) {
	fmt.Fprintf(w, "watchdog   %s", cmp.Or(watchdogPhases[s.Phase], s.Phase))
	if s.Simulated {
		fmt.Fprint(w, "   (simulated)")
	}
	fmt.Fprintln(w)
	if s.Phase == "open" {
		fmt.Fprintf(w, "  lease    %s left, renewed by pid %s\n", milliseconds(s.LeftMS), orDash(nonzero(s.Daemon)))
	}
	if s.HardwareMS > 0 {
		fmt.Fprintf(w, "  feeding  every %s, %d times, longest gap %s; reset after %s without\n", milliseconds(s.EveryMS), s.Feeds, milliseconds(s.GapMS), milliseconds(s.HardwareMS))
	}
	for _, d := range s.Devices {
		fmt.Fprintf(w, "  device   %s   %s\n", d.Path, strings.Join(aboutDevice(d), ", "))
	}
	realtime := "ordinary scheduling"
	if s.Realtime {
		realtime = "real time"
	}
	fmt.Fprintf(w, "  process  pid %d, %d KiB locked, %s\n", s.Pid, s.LockedKiB, realtime)
	for _, text := range s.Warnings {
		fmt.Fprintf(w, "  warning  %s\n", text)
	}
}

func aboutDevice(d client.WatchdogDevice) []string {
	out := []string{orDash(d.Kind)}
	add := func(text string, set bool) {
		if set {
			out = append(out, text)
		}
	}
	add("open", d.Open)
	add("timeout "+milliseconds(d.TimeoutMS), d.TimeoutMS > 0)
	add("pretimeout "+milliseconds(d.PretimeoutMS), d.PretimeoutMS > 0)
	add("nowayout", d.NoWayOut)
	add("it reset this machine before this boot", d.LastReset)
	add("does not cover a hung kernel", d.Kind == "softdog")
	add(d.Why, d.Why != "")
	return out
}

func milliseconds(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

func nonzero(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func (a *app) watchdogTestCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "test",
		Short: "RESET THIS MACHINE by its watchdog, to see whether that works",
		Long: `Opens the devices of the configuration and does not feed them: a watchdog that works resets this machine within its timeout, without a
shutdown and without syncing anything. If the machine still runs afterwards, the watchdog protects nobody, and this says so with exit 1.

It is refused while a daemon here uses the watchdog: stop fenced first, which leaves the cluster. It wants this node's name typed, or --yes.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := config.Find(cmd.Flags())
			o.NoSecrets, o.Local = true, true
			c, problems := config.Load(o)
			if problems.Fatal() {
				return problems
			}
			return a.watchdogTest(cmd.Context(), c, yes)
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// watchdogGrace is how much longer than its timeout a watchdog may take, for its test.
const watchdogGrace = 5 * time.Second

func (a *app) watchdogTest(ctx context.Context, c *config.Config, yes bool) error {
	a.say("This RESETS %s within %s: no shutdown, nothing is synced.", c.SelfName, milliseconds(c.Watchdog.TimeoutMS))
	if err := a.confirm(yes, "watchdog test", c.SelfName); err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	s, err := a.deps.WatchdogTest(ask, c)
	if err != nil {
		return err
	}
	wait := time.Duration(s.HardwareMS)*time.Millisecond + watchdogGrace
	a.say("the watchdog runs and nobody feeds it: this machine is reset within %s", milliseconds(s.HardwareMS))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return client.Errorf(client.CodeUnknown, "not waited for: it goes on, and this machine is reset")
	}
	return client.Errorf(client.CodeError, "after %s this machine still runs: its watchdog does NOT reset it, and protects nobody", wait)
}
