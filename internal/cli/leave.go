package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// The bounds of --timeout; the daemon refuses more than the longest, because its own answer must still come.
const (
	leaveTimeout    = 10 * time.Second
	leaveTimeoutMax = 25 * time.Second
)

func (a *app) leaveCommand() *cobra.Command {
	var reason string
	var force bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "make this node leave the cluster cleanly, and stop its daemon",
		Long: `Nobody fences a node that has left, and it may come back without a reboot. It is refused while anything here is in use: unmount, stop
what uses shared state, and try again. A refused leave changes nothing.

Exit code: 0 this node has left and its daemon stops; 75 a local client may use shared state; 95 state is present, 96 a probe could not be
read; 106 no quorum: if the daemon stops, the others fence this node; 107 refused without --force, because those who stay would have no
quorum; 112 proposed, and it goes on; 124 not over in time, and nothing was proposed.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout < time.Millisecond || timeout > leaveTimeoutMax {
				return usage("--timeout must be between 1ms and %s", leaveTimeoutMax)
			}
			done, err := a.leave(cmd.Context(), client.Leave{Reason: reason, Force: force, TimeoutMS: timeout.Milliseconds()})
			if err != nil {
				return err
			}
			a.show(done, func(w io.Writer) { fmt.Fprintln(w, done.Text) })
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; the log of every member keeps it")
	cmd.Flags().BoolVar(&force, "force", false, "leave although those who stay have no quorum then; never with state present")
	cmd.Flags().DurationVar(&timeout, "timeout", leaveTimeout, "how long to try, at most "+leaveTimeoutMax.String())
	return cmd
}

// leave asks the daemon of this node to leave.
func (a *app) leave(ctx context.Context, l client.Leave) (client.Committed, error) {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	c := a.client()
	defer c.Close()
	return c.Leave(ctx, l)
}
