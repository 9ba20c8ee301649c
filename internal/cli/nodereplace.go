package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) nodeReplaceCommand() *cobra.Command {
	var r client.Replace
	var yes bool
	cmd := &cobra.Command{
		Use:   "replace NAME",
		Short: "let another machine take the place of NAME",
		Long: `The machine that is known for NAME is given up: the cluster never accepts it under this name again. The next machine that comes as NAME and
is clean takes its place; name it with --machine to let no other one in. It is refused unless the old machine's last life is over: it has left,
was fenced, or was acknowledged. Where a new machine has come already and was refused, it is the one that is accepted.

The old machine must never run again with this cluster's key. It always wants the node's name typed, or --yes with --reason.

Exit code: 0 committed; 1 the old life may not be over, or another rule forbids it; 75 the machine is another one by now; 105 no such node;
106 no quorum.`,
		Args:              words(1, 1, "one NAME"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Node = args[0]
			if yes && r.Reason == "" {
				return usage("node replace --yes needs --reason")
			}
			if !yes && !isTerminal(a.in) {
				return usage("node replace needs --yes --reason where there is no terminal to ask")
			}
			c := a.client()
			defer c.Close()
			return a.replace(cmd.Context(), c, r, yes)
		},
	}
	cmd.Flags().StringVar(&r.New, "machine", "", "UUID of the new machine (/sys/class/dmi/id/product_uuid); no other one is accepted")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why; it stays in the log")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) replace(ctx context.Context, c *client.Client, r client.Replace, yes bool) error {
	p, err := a.askPlan(ctx, c, client.PlanQuery{Node: r.Node, Action: client.ActionOff})
	if err != nil {
		return err
	}
	r.Old = p.Machine.UUID // what was shown is what is given up
	if a.format != formatJSON {
		fmt.Fprintf(a.err, "You are about to give up the machine of %s, uuid %s.\n", r.Node, orDash(p.Machine.UUID))
		fmt.Fprintf(a.err, "It will never be accepted as %s again. If it still runs somewhere, it must not reach what is shared.\n", r.Node)
		fmt.Fprintf(a.err, "  state      %s, boot %s\n", p.State, orDash(short(p.Incarnation)))
		fmt.Fprintf(a.err, "  new        %s\n", orDash(r.New))
	}
	if r.Reason == "" {
		if r.Reason, err = a.ask("why? "); err != nil {
			return err
		}
	}
	if err := a.confirm(yes, "node replace", r.Node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	done, err := c.Replace(ctx, r)
	if err != nil {
		return err
	}
	a.show(done, func(w io.Writer) { fmt.Fprintf(w, "%s, committed at index %d\n", done.Text, done.Index) })
	return nil
}
