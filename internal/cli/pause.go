package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) pauseCommand() *cobra.Command {
	p := client.SetPause{On: true}
	var forTime time.Duration
	cmd := &cobra.Command{
		Use:   "pause NODE|--all",
		Short: "let nobody act on NODE, or on any node, by himself",
		Long: `While a node is paused no automatic operation begins on it: it is not fenced and not powered on by itself, and it does not fence others. If it
fails it is a victim all the same: whoever waits for what it held waits until it is resumed, acknowledged, or fenced by name
(fenced off|reboot NODE, which a pause does not hold). An operation that runs already is finished. A node that must end its own life still does.`,
		Args:              words(0, 1, "one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.Reason == "" {
				return usage("pause needs --reason: somebody will find it")
			}
			if cmd.Flags().Changed("for") && (forTime < time.Second || forTime > client.MaxFor) {
				return usage("--for is at least 1s and at most %s; without it the pause lasts until `fenced resume`", client.MaxFor)
			}
			p.ForMS = forTime.Milliseconds()
			return a.setPause(cmd.Context(), p, args)
		},
	}
	cmd.Flags().BoolVar(&p.All, "all", false, "every node")
	cmd.Flags().StringVar(&p.Reason, "reason", "", "why; status shows it")
	cmd.Flags().DurationVar(&forTime, "for", 0, "resume by itself after this time, as 2h")
	return cmd
}

func (a *app) resumeCommand() *cobra.Command {
	var p client.SetPause
	cmd := &cobra.Command{
		Use:               "resume NODE|--all",
		Short:             "end a pause",
		Long:              "Ends the pause of NODE, or the one of all nodes; pauses of single nodes stay. A victim that waited is fenced from here on.",
		Args:              words(0, 1, "one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.setPause(cmd.Context(), p, args) },
	}
	cmd.Flags().BoolVar(&p.All, "all", false, "the pause of all nodes")
	cmd.Flags().StringVar(&p.Reason, "reason", "", "why; it stays in the log")
	return cmd
}

// setPause pauses or resumes the node that is named, or all.
func (a *app) setPause(ctx context.Context, p client.SetPause, args []string) error {
	if p.All == (len(args) == 1) {
		return usage("name one node, or --all")
	}
	whom := "every node"
	if len(args) == 1 {
		p.Node, whom = args[0], args[0]
	}
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	c := a.client()
	defer c.Close()
	done, err := c.Pause(ctx, p)
	if err != nil {
		return err
	}
	a.show(done, func(w io.Writer) {
		if p.On {
			fmt.Fprintf(w, "%s is paused, committed at index %d: nobody acts on it by himself\n", whom, done.Index)
		} else {
			fmt.Fprintf(w, "%s is resumed, committed at index %d\n", whom, done.Index)
		}
	})
	return nil
}
