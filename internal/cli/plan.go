package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) planCommand() *cobra.Command {
	var action string
	var read bool
	cmd := &cobra.Command{
		Use:   "plan NODE",
		Short: "what would happen if NODE were fenced now; touches nothing",
		Long: `Shows who would act, on which levels, how long it should take, who would be told and what forbids it. Nothing is switched.
With --read the devices are logged in to and asked for their power state, and nothing else.

Exit code: 0 nothing forbids it, else the code with which the request would be refused.`,
		Args:              words(1, 1, "one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch action {
			case client.ActionOff, client.ActionReboot, client.ActionOn, client.ActionUnfence:
			default:
				return usage("--action must be off, reboot, on or unfence, not %q", action)
			}
			c := a.client()
			defer c.Close()
			p, err := a.askPlan(cmd.Context(), c, client.PlanQuery{Node: args[0], Action: action, Read: read})
			if err != nil {
				return err
			}
			a.show(p, func(w io.Writer) { planText(w, p) })
			return code(blockedBy(p, false))
		},
	}
	cmd.Flags().StringVar(&action, "action", client.ActionReboot, "off, reboot, on or unfence")
	cmd.Flags().BoolVar(&read, "read", false, "ask the devices for their power state too")
	return cmd
}

func (a *app) askPlan(ctx context.Context, c *client.Client, q client.PlanQuery) (client.Plan, error) {
	limit := queryTimeout
	if q.Read {
		limit = readTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.Plan(ctx, q)
}

// blockedBy is the code of the first thing that forbids the action; force lifts what only wants to be forced.
func blockedBy(p client.Plan, force bool) client.Code {
	for _, b := range p.BlockedBy {
		if !force || b.Code != client.CodeUnsafe {
			return b.Code
		}
	}
	return client.CodeOK
}

func planText(w io.Writer, p client.Plan) {
	fact := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{label}, args...)...)
	}
	fmt.Fprintf(w, "%s %s   (%s now)\n", p.Action, p.Victim, orDash(p.State))
	if p.Simulated {
		fact("simulated", "a fake system: nothing here can reset a machine")
	}
	fact("life", "boot %s", orDash(p.Incarnation))
	fact("machine", "uuid %s, serial %s", orDash(p.Machine.UUID), orDash(p.Machine.Serial))
	fact("actor", "%s", orDash(p.Actor))
	for _, l := range p.Levels {
		fact(fmt.Sprintf("level %d", l.N), "%s", joined(l.Steps, " + "))
	}
	if p.ExpectedMS > 0 {
		fact("expected", "%s until the verdict, if level 1 works", took(p.ExpectedMS))
	}
	after := "quorate"
	if !p.QuorumAfter.Quorate {
		after = "NO QUORUM"
	}
	fact("after", "%s, %d of %d needed votes", after, p.QuorumAfter.Have, p.QuorumAfter.Need)
	fact("down too", "%s", joined(p.Down, ", "))
	fact("told", "%s", joined(p.Releases, ", "))
	for _, r := range p.Reads {
		line := fmt.Sprintf("%s (level %d): %s, identity %s, %s in %s", r.Device, r.Level, r.State, orDash(r.Identity), r.Class, took(r.MS))
		if r.Text != "" {
			line += ": " + r.Text
		}
		fact("read", "%s", line)
	}
	for _, b := range p.BlockedBy {
		text := b.Text
		if b.Code == client.CodeUnsafe && !strings.Contains(text, "--force") {
			text += " (--force would allow it)"
		}
		fact("forbidden", "%s (exit code %d)", text, b.Code)
	}
}
