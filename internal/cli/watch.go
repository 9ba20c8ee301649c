package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) watchCommand() *cobra.Command {
	var from uint64
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "watch [OPERATION|NODE]",
		Short: "events as they happen, of everything, of one operation or of one node",
		Long: `Shows events until it is interrupted. With the number of an operation it shows that one from here on and ends when it is over, with
its exit code. Events that were missed are told as a gap.`,
		Args:              words(0, 1, "at most one OPERATION or NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			if limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeoutCause(ctx, limit, errLimit)
				defer cancel()
			}
			c := a.client()
			defer c.Close()
			place := client.WatchFrom{New: true}
			if cmd.Flags().Changed("from") {
				place = client.WatchFrom{Seq: from}
			}
			if len(args) == 0 {
				return a.watchAll(ctx, c, place, "")
			}
			if id, err := strconv.ParseUint(args[0], 10, 63); err == nil {
				return a.watchOperation(ctx, c, id, place)
			}
			if err := a.knownNode(ctx, c, args[0]); err != nil {
				return err
			}
			return a.watchAll(ctx, c, place, args[0])
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "begin after this event number; 0 is everything the daemon still has")
	cmd.Flags().DurationVar(&limit, "timeout", 0, "end after this time with exit code 124")
	return cmd
}

// errLimit tells a passed --timeout from an interruption.
var errLimit = errors.New("--timeout")

func (a *app) knownNode(ctx context.Context, c *client.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	_, err = nodeOf(s, name)
	return err
}

// watchAll shows events until somebody interrupts; being interrupted is its ordinary end.
func (a *app) watchAll(ctx context.Context, c *client.Client, place client.WatchFrom, node string) error {
	for e, err := range c.Watch(ctx, place) {
		if err != nil {
			if last := a.interrupted(ctx, err); last != nil {
				return *last
			}
			continue
		}
		if node == "" || e.Node == node {
			a.event(e)
		}
	}
	return nil
}

func (a *app) event(e client.Event) {
	if a.format == formatJSON {
		a.json(e)
		return
	}
	fmt.Fprintln(a.out, eventLine(e))
}

// interrupted judges an error of a watch: nil means that the watch goes on, else what the command ends with.
func (a *app) interrupted(ctx context.Context, err error) *error {
	var end error
	var gap *client.GapError
	switch {
	case errors.Is(context.Cause(ctx), errLimit):
		end = client.Errorf(client.CodeTimeout, "the time given by --timeout is over")
		return &end
	case ctx.Err() != nil:
		return &end
	case errors.As(err, &gap):
		fmt.Fprintf(a.err, "%s: gap: %v\n", a.name, gap)
		return nil
	}
	switch client.CodeOf(err) {
	case client.CodeUnreachable, client.CodeTryAgain, client.CodeError, client.CodeTimeout:
		if !a.lost {
			fmt.Fprintf(a.err, "%s: %v; trying again\n", a.name, err)
		}
		a.lost = true
		return nil
	}
	return &err
}

// watchOperation follows one operation to its end.
func (a *app) watchOperation(ctx context.Context, c *client.Client, id uint64, place client.WatchFrom) error {
	s, err := a.waitFor(ctx, c, wait{id: id, place: place, until: func(s client.Show) bool { return s.Done }})
	if err != nil {
		return err
	}
	a.show(s, func(w writer) { fmt.Fprintln(w, resultLine(s)) })
	return outcome(s)
}
