package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) drillCommand() *cobra.Command {
	var reason string
	var level int
	var yes, noWait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "drill NODE",
		Short: "really cut and restore the power of a healthy NODE, to prove that it works and what it switches",
		Long: `NODE leaves the cluster cleanly first: a drill is refused while anything there uses what is shared. Then a member cuts its power by the devices
of one level, as a real fence would, listens that it is silent, switches it on again and waits until it is back as a new boot. Each part is
measured. For devices that give no identity (agent, pdu) it proves what they switch; until then they are not used by themselves and prove nothing.

Nobody is released and nothing is recovered, whatever comes of it. If NODE's power was not cut, its daemon has stopped all the same: start it.

Exit code: 0 it works and is proven; 1 it failed, and why; 106 no quorum; 107 it would hurt now; 112 the outcome is unknown; 124 not over in
time (it goes on).`,
		Args:              words(1, 1, "one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if level < 1 {
				return usage("--level counts from 1")
			}
			if timeout <= 0 {
				return usage("--timeout must be longer than nothing")
			}
			return a.drill(cmd.Context(), client.Drill{Node: args[0], Level: level, Reason: reason}, yes, noWait, timeout)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays in the history")
	cmd.Flags().IntVar(&level, "level", 1, "the level to drill")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return when the drill is committed, and print the operation's number")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Minute, "how long to wait; the drill goes on after it")
	return cmd
}

func (a *app) drill(ctx context.Context, d client.Drill, yes, noWait bool, timeout time.Duration) error {
	c := a.client()
	defer c.Close()
	p, err := a.askPlan(ctx, c, client.PlanQuery{Node: d.Node, Action: client.ActionReboot})
	if err != nil {
		return err
	}
	if d.Level > len(p.Levels) {
		return client.Errorf(client.CodeNoSuch, "%s has %d levels, not %d", d.Node, len(p.Levels), d.Level)
	}
	a.say("drill %s, level %d: %s", d.Node, d.Level, joined(p.Levels[d.Level-1].Steps, " + "))
	a.say("  %s leaves the cluster, its power is really cut, and it boots again. What runs there and is not shared dies with it.", d.Node)
	if err := a.confirm(yes, "drill", d.Node); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errLimit)
	defer cancel()
	d.ID = strings.ToLower(rand.Text())
	limit, done := context.WithTimeout(ctx, actTimeout)
	acc, err := c.Drill(limit, d)
	done()
	if err != nil {
		return err
	}
	return a.await(ctx, c, acc, noWait)
}

// drillWords are what came of a node's newest drill, on one line.
func drillWords(d client.LastDrill) string {
	word := "failed"
	if d.Passed {
		word = "passed"
	}
	return fmt.Sprintf("level %d %s at %s: %s (op %d)", d.Level, word, stamp(d.At), orDash(d.Text), d.Operation)
}

// drillLines say what a drill came to: each part and how long it took.
func drillLines(w io.Writer, h client.HistoryLine) {
	for _, p := range h.Phases {
		fmt.Fprintf(w, "  %-8s %s\n", p.Name, took(p.MS))
	}
}
