package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fenced-project/fenced/internal/config"
)

// find is where the configuration is, and whom it may ask.
func (a *app) find(flags *pflag.FlagSet) config.Options {
	o := config.Find(flags)
	o.Corosync = a.deps.Corosync
	return o
}

func (a *app) runCommand() *cobra.Command {
	if a.deps.Run == nil {
		return nil
	}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "the daemon, in the foreground",
		Long: `Runs until SIGTERM or SIGINT. A configuration with any mistake starts nothing (exit code 78).
With another --system-root than / everything is simulated and no machine can be reset.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			o := a.find(cmd.Flags())
			o.Strict = true
			return a.deps.Run(ctx, o, a.raw.out, a.raw.err)
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}
