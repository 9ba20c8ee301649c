package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/config"
)

// explained is `fenced config explain -o json`: what the timings add up to for a node that is cut off at 0.
type explained struct {
	API          string `json:"api"`
	Mode         string `json:"watchdog_mode"`
	FailureMS    int64  `json:"failure_timeout_ms"`
	LeaseMS      int64  `json:"lease_ms"`
	HardwareMS   int64  `json:"hw_ms"`
	ResetMS      int64  `json:"reset_by_ms"`
	AssumeDeadMS int64  `json:"assume_dead_after_ms"`
	Sum          string `json:"sum"`
	// TwoNode is there for two nodes over a corosync that answers, where either is quorate alone.
	TwoNode *turns `json:"two_node,omitempty"`
}

func (a *app) configExplainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "what the timings add up to, with a worked example",
		Long:  "Reads the files as the daemon does and tells what happens when to a node that loses all contact, by its own clock and by those of the others.",
		Args:  words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := a.find(cmd.Flags())
			o.NoSecrets, o.AnyNode = true, true
			c, problems := config.Load(o)
			if c == nil { // what is about this machine alone is answered while corosync does not
				o.Local, o.Corosync = true, nil
				c, problems = config.Load(o)
			}
			for _, p := range problems {
				fmt.Fprintln(a.err, p.String())
			}
			if c == nil {
				return silent(client.CodeConfig)
			}
			e := explainTimings(c)
			a.show(e, func(w io.Writer) { explainedText(w, e) })
			return nil
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

func explainTimings(c *config.Config) explained {
	t := c.Roster.Timing
	e := explained{API: client.API, Mode: string(c.Watchdog.Mode), FailureMS: t.FailureTimeoutMS, LeaseMS: t.LeaseMS}
	if c.Watchdog.Mode != config.WatchdogOff {
		w := fence.Watchdog{LeaseMS: t.LeaseMS, HardwareMS: c.Watchdog.TimeoutMS}
		e.HardwareMS, e.ResetMS = w.HardwareMS, t.LeaseMS+w.HardwareMS
		e.AssumeDeadMS, e.Sum = max(fence.AssumeDeadAfterMS(w), t.AssumeDeadMS), fence.SumText(w)
	}
	e.TwoNode = turnsOf(c.TwoNode)
	return e
}

func explainedText(w io.Writer, e explained) {
	aloneText(w, e)
	turnsText(w, e.TwoNode)
}

// aloneText is what happens to a node that is cut off.
func aloneText(w io.Writer, e explained) {
	fmt.Fprintf(w, "A node that loses all contact at 0 s:\n")
	line := func(ms int64, text string) { fmt.Fprintf(w, "  %-7s %s\n", milliseconds(ms), text) }
	line(e.FailureMS, "the others suspect it; a view without it makes it a victim, and they acknowledge nothing more of it")
	line(e.LeaseMS, "its own lease is over: it releases and grants nothing, its programs hear that they are frozen")
	if e.Mode == string(config.WatchdogOff) {
		fmt.Fprintln(w, "  never   a watchdog resets it: watchdog.mode is off")
		return
	}
	line(e.LeaseMS, "fenced-watchdog feeds its watchdog for the last time")
	line(e.ResetMS, "the watchdog has reset it")
	fmt.Fprintln(w, "The others, each from its own apply of the victim entry, which is never before the last acknowledgement:")
	line(e.AssumeDeadMS, "`wait: watchdog` is over and counts as proof, where R15 allows it")
	fmt.Fprintf(w, "  %s\n", e.Sum)
	if spare := e.AssumeDeadMS - e.ResetMS; spare > 0 {
		fmt.Fprintf(w, "  margin %s between the reset and the proof\n", milliseconds(spare))
	}
}
