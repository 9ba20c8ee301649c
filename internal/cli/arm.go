package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) armCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "arm",
		Short: "let the cluster fence by itself from now on",
		Args:  words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.setArmed(cmd.Context(), client.Arm{Armed: true, Reason: reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays in the history")
	return cmd
}

// setArmed arms or disarms the whole cluster.
func (a *app) setArmed(ctx context.Context, arm client.Arm) error {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	c := a.client()
	defer c.Close()
	done, err := c.Arm(ctx, arm)
	if err != nil {
		return err
	}
	a.show(done, func(w io.Writer) {
		switch {
		case arm.Armed:
			fmt.Fprintf(w, "armed, committed at index %d: nodes that fail are fenced from now on\n", done.Index)
		case done.Pending:
			fmt.Fprintf(w, "not disarmed yet, committed at index %d\n", done.Index)
		default:
			fmt.Fprintf(w, "not armed, committed at index %d: nothing is fenced or released by itself\n", done.Index)
		}
		if done.Text != "" {
			fmt.Fprintln(w, done.Text)
		}
	})
	return nil
}
