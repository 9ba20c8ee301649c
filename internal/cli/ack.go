package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) ackCommand() *cobra.Command {
	var boot, reason string
	var yes bool
	cmd := &cobra.Command{
		Use:   "ack NODE",
		Short: "vouch by hand that NODE's present life is over",
		Long: `Tells the cluster that you have made sure, by your own eyes or hands, that this life of NODE is over: switched off, unplugged, gone.
Everybody else then recovers what NODE had. If NODE still runs, file systems are corrupted. Your name and reason stay in the history.

It always wants the node's name typed, or --yes with --reason.`,
		Args:              words(1, 1, "one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if yes && reason == "" {
				return usage("ack --yes needs --reason")
			}
			if !yes && !isTerminal(a.in) {
				return usage("ack needs --yes --reason where there is no terminal to ask")
			}
			c := a.client()
			defer c.Close()
			return a.ack(cmd.Context(), c, args[0], boot, reason, yes)
		},
	}
	cmd.Flags().StringVar(&boot, "boot", "", "boot id of the life that is meant (default: the one of the open operation, else the newest known)")
	cmd.Flags().StringVar(&reason, "reason", "", "how you made sure")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) ack(ctx context.Context, c *client.Client, node, boot, reason string, yes bool) error {
	ask, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	s, err := c.Status(ask)
	if err != nil {
		return err
	}
	n, err := nodeOf(s, node)
	if err != nil {
		return err
	}
	if boot == "" {
		boot = lifeToAck(s, n)
	}
	if boot == "" {
		return client.Errorf(client.CodeNoSuch, "no life of %s is known that could be acknowledged", node)
	}
	a.danger(ctx, c, n, boot)
	if reason == "" {
		if reason, err = a.ask("how did you make sure? "); err != nil {
			return err
		}
	}
	if err := a.confirm(yes, "ack", node); err != nil {
		return err
	}
	act, cancelAct := context.WithTimeout(ctx, actTimeout)
	defer cancelAct()
	done, err := c.Ack(act, client.Ack{Node: node, Boot: boot, Reason: reason})
	if err != nil {
		return err
	}
	a.show(done, func(w io.Writer) {
		fmt.Fprintf(w, "%s: acknowledged by hand, boot %s, committed at index %d\n", node, boot, done.Index)
	})
	return nil
}

// lifeToAck is the life of the open operation; without one the newest that is known.
func lifeToAck(s client.Status, n client.Node) string {
	for _, o := range operationsOf(s, n.Name) {
		if o.Incarnation != "" {
			return o.Incarnation
		}
	}
	return n.BootID
}

// danger says in plain words what an acknowledgement may do, with all that is known against it. Reading the power is an offer: an
// acknowledgement is for the hour in which the devices do not answer.
func (a *app) danger(ctx context.Context, c *client.Client, n client.Node, boot string) {
	if a.format == formatJSON {
		return
	}
	fmt.Fprintf(a.err, "You are about to vouch that %s (boot %s) is dead and cannot come back.\n", n.Name, boot)
	fmt.Fprintln(a.err, "If it still runs, it and the others will write to the same disks: FILE SYSTEMS WILL BE CORRUPTED.")
	fmt.Fprintf(a.err, "  state      %s since %s\n", n.State, age(a.deps.Now(), n.Since))
	if n.BootID != "" && n.BootID != boot {
		fmt.Fprintf(a.err, "  newest     boot %s, which is not meant: make sure that no second copy of the machine runs the earlier one\n", n.BootID)
	}
	if n.Last != nil {
		fmt.Fprintf(a.err, "  last proof %s, for an earlier or this life (op %d)\n", lastProof(n), n.Last.Operation)
	}
	limit, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p, err := c.Plan(limit, client.PlanQuery{Node: n.Name, Action: client.ActionOff, Read: true})
	switch {
	case err != nil:
		fmt.Fprintf(a.err, "  power      cannot be read: %v\n", err)
	case len(p.Reads) == 0:
		fmt.Fprintln(a.err, "  power      unknown: no device could be read")
	}
	for _, r := range p.Reads {
		fmt.Fprintf(a.err, "  power      %s reads %s (%s)\n", r.Device, r.State, r.Class)
	}
}
