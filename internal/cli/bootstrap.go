package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) bootstrapCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "bootstrap [CLUSTER]",
		Short: "make a new cluster: once, on one node",
		Long: `Makes the domain of a new cluster from this node's configuration. The other nodes join it. Never do this for a cluster that exists:
two domains of one cluster do not know each other, and each may believe that it is alone.

The cluster's name is the confirmation: give it, type it when asked, or say --yes.`,
		Args: words(0, 1, "at most the name of the CLUSTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			name, err := a.clusterName(cmd.Context(), c, args, yes)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), actTimeout)
			defer cancel()
			b, err := c.Bootstrap(ctx, client.Bootstrap{Cluster: name})
			if err != nil {
				return err
			}
			a.show(b, func(w io.Writer) { fmt.Fprintf(w, "cluster %s: domain %s\n", b.Cluster, b.Domain) })
			a.say("next: start fenced on the other nodes, then fenced status")
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) clusterName(ctx context.Context, c *client.Client, args []string, yes bool) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	s, err := c.Status(ctx)
	if err != nil {
		return "", err
	}
	return s.Cluster, a.confirm(yes, "bootstrap", s.Cluster)
}
