package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) disarmCommand() *cobra.Command {
	var arm client.Arm
	var forTime time.Duration
	cmd := &cobra.Command{
		Use:   "disarm",
		Short: "stop all fencing and all releases until `fenced arm`, or for a while",
		Long: "Stops all fencing and all releases. While an operation runs nothing new begins and the disarm waits for its end, at most ten minutes;\n" +
			"--now ends what runs instead. With --for the cluster arms itself again that long after the disarm took effect: whatever is not clean then is\n" +
			"fenced after post_join_delay, so have nodes leave before you switch them off (`fenced leave`), or pause them (`fenced pause`).",
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if arm.Reason == "" {
				return usage("disarm needs --reason: a cluster that does not fence must say why")
			}
			if cmd.Flags().Changed("for") && (forTime < time.Second || forTime > client.MaxFor) {
				return usage("--for is at least 1s and at most %s; without it the cluster stays disarmed until `fenced arm`", client.MaxFor)
			}
			arm.ForMS = forTime.Milliseconds()
			return a.setArmed(cmd.Context(), arm)
		},
	}
	cmd.Flags().StringVar(&arm.Reason, "reason", "", "why; it stays in the history")
	cmd.Flags().DurationVar(&forTime, "for", 0, "arm again so long after it took effect, as 30m")
	cmd.Flags().BoolVar(&arm.Now, "now", false, "end the operations that run instead of waiting for them")
	return cmd
}
