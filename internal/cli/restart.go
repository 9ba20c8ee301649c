package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// restartBack is how long the new daemon is waited for, or --timeout where that is longer: a lease, by which the others have decided, may be longer too.
const restartBack = 60 * time.Second

func (a *app) restartCommand() *cobra.Command {
	var reason string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "restart this node's daemon, also while its file systems are mounted",
		Long: `The daemon says in the log that it ends, and starts the program that is installed now in its place, which goes on if the kernel holds exactly what
it held, within the lease. Nobody fences the node meanwhile, nobody is released from it, and nobody is granted anything. If the new daemon is late, or
finds something else, this node ends its life and the others fence it. It is refused while a program holds a grant, within an hour of the last
restart, while another node restarts, and where the others are no quorum.

Exit code: 0 the new daemon is a member; 75 try again later; 96 a probe could not be read; 106 no quorum; 107 those who stay would have no quorum; 112 the
outcome is unknown; 124 it was not committed in time, and nothing happens, or the new daemon is not a member yet.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout < time.Millisecond || timeout > leaveTimeoutMax {
				return usage("--timeout must be between 1ms and %s", leaveTimeoutMax)
			}
			done, err := a.restart(cmd.Context(), client.Restart{Reason: reason, TimeoutMS: timeout.Milliseconds()})
			if err != nil {
				return err
			}
			a.show(done, func(w io.Writer) { fmt.Fprintln(w, done.Text) })
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; the log of every member keeps it")
	cmd.Flags().DurationVar(&timeout, "timeout", leaveTimeout, "how long to try until it is committed, at most "+leaveTimeoutMax.String())
	return cmd
}

// restart asks the daemon of this node to restart, and waits until another one answers as a member.
func (a *app) restart(ctx context.Context, r client.Restart) (client.Committed, error) {
	c := a.client()
	defer c.Close()
	ask, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	before, err := c.Status(ask)
	if err != nil {
		return client.Committed{}, err
	}
	done, err := c.Restart(ask, r)
	if err != nil {
		return done, err
	}
	was, _ := nodeOf(before, before.Node)
	wait := max(restartBack, time.Duration(r.TimeoutMS)*time.Millisecond)
	_, back, err := a.toolWait(ctx, toolOptions{wait: int(wait / time.Second)}, func(s client.Status) bool {
		n, err := nodeOf(s, s.Node)
		return err == nil && n.State == client.StateMember && n.Instance != was.Instance
	})
	switch {
	case back:
		done.Text = before.Node + " is a member again, with its next daemon"
		return done, nil
	case err != nil:
		return done, err
	}
	e := client.Errorf(client.CodeTimeout, "the daemon went, and the next one is not a member after %s", wait)
	e.Next = "fenced status"
	return done, e
}
