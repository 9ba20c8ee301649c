package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) applyCommand() *cobra.Command {
	var reason string
	var dry bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "make the configuration file of this node's daemon the roster of the cluster",
		Long: `The daemon reads its configuration file again, checks it whole, and proposes its nodes, levels, devices, timings and policies as the
next version of the roster. Nothing changes unless all of it is right (exit code 78 with every mistake at once).`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), actTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			r, err := c.Apply(ctx, client.Apply{Reason: reason, DryRun: dry})
			if err != nil {
				return err
			}
			a.show(r, func(w io.Writer) { appliedText(w, r) })
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays in the history")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what would change")
	return cmd
}

func appliedText(w io.Writer, r client.Applied) {
	for _, c := range r.Changes {
		fmt.Fprintf(w, "  %s\n", c)
	}
	switch {
	case len(r.Changes) == 0:
		fmt.Fprintf(w, "roster %d (%s): the file says nothing new\n", r.Version, r.Hash)
	case r.DryRun:
		fmt.Fprintf(w, "roster %d (%s) would have %s; nothing was applied\n", r.Version, r.Hash, plural(len(r.Changes), "change", "changes"))
	default:
		fmt.Fprintf(w, "roster %d (%s) is committed with %s\n", r.Version, r.Hash, plural(len(r.Changes), "change", "changes"))
	}
}
