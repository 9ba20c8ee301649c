package cli

import (
	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) disarmCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "disarm",
		Short: "stop all fencing and all releases until `fenced arm`",
		Args:  words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if reason == "" {
				return usage("disarm needs --reason: a cluster that does not fence must say why")
			}
			return a.setArmed(cmd.Context(), client.Arm{Reason: reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays in the history")
	return cmd
}
