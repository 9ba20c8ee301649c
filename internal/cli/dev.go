package cli

import (
	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) devCommand() *cobra.Command {
	if a.deps.Dev == nil {
		return nil
	}
	return &cobra.Command{
		Use:                "dev [ARGUMENTS]",
		Short:              "a playground: a whole cluster on this machine, with test devices, simulated",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return code(client.Code(a.deps.Dev(ctx, args, a.in, a.raw.out, a.raw.err)))
		},
	}
}
