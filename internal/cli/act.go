package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// actFlags are those that off, on, reboot and unfence share.
type actFlags struct {
	reason  string
	yes     bool
	force   bool
	local   bool
	noWait  bool
	dryRun  bool
	timeout time.Duration
}

// actCommand makes off, on, reboot and unfence, which differ in their words only.
func (a *app) actCommand(action, short, long string) *cobra.Command {
	f := &actFlags{}
	cmd := &cobra.Command{
		Use:   action + " NODE",
		Short: short,
		Long: long + `

It shows what will happen, then waits until it is over, with a line for each step. Exit code: 0 only with a proof, which is named; 106 no
quorum; 107 refused without --force; 112 the outcome is unknown; 113 the cluster is not armed; 124 not over in time (it goes on).`,
		Args:              words(1, 1, "one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.act(cmd.Context(), action, args[0], f) },
	}
	cmd.Flags().StringVar(&f.reason, "reason", "", "why; it stays in the history")
	cmd.Flags().BoolVar(&f.force, "force", false, "do it although it would break quorum or exceed the brake")
	cmd.Flags().BoolVar(&f.noWait, "no-wait", false, "return when the request is committed, and print the operation's number")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would happen, log in to the devices and read, and switch nothing")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Minute, "how long to wait; what was asked for goes on after it")
	if !gentle(action) {
		cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
		cmd.Flags().BoolVar(&f.local, "local", false, "from this node alone, without quorum: no verdict, nobody is released (with --force and --reason)")
	}
	return cmd
}

// gentle reports whether an action ends nothing.
func gentle(action string) bool { return action == client.ActionOn || action == client.ActionUnfence }

func (a *app) act(ctx context.Context, action, node string, f *actFlags) error {
	if f.timeout <= 0 {
		return usage("--timeout must be longer than nothing")
	}
	if f.local {
		return a.actLocal(ctx, action, node, f)
	}
	c := a.client()
	defer c.Close()
	p, err := a.askPlan(ctx, c, client.PlanQuery{Node: node, Action: action, Read: f.dryRun})
	if err != nil {
		return err
	}
	if f.dryRun {
		a.show(p, func(w io.Writer) { planText(w, p); fmt.Fprintln(w, "  dry run    nothing was switched") })
		return code(blockedBy(p, f.force))
	}
	if a.format != formatJSON {
		planText(a.err, p)
	}
	if err := refusal(p, f.force); err != nil {
		return err
	}
	if !gentle(action) {
		if err := a.confirm(f.yes, action, node); err != nil {
			return err
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, errLimit)
	defer cancel()
	r := client.Request{Node: node, Action: action, Reason: f.reason, Force: f.force}
	if !gentle(action) {
		r.Boot = p.Incarnation // what was shown is what is meant: a node that rebooted while somebody typed its name is spared
	}
	acc, err := a.request(ctx, c, r)
	if err != nil {
		return err
	}
	return a.await(ctx, c, acc, f.noWait)
}

// refusal turns what forbids a plan into the error that the request would get, before anybody is asked to type a name.
func refusal(p client.Plan, force bool) error {
	for _, b := range p.BlockedBy {
		if !force || b.Code != client.CodeUnsafe {
			return client.Errorf(b.Code, "%s %s: %s", p.Action, p.Victim, b.Text)
		}
	}
	return nil
}

// request sends a request. One whose answer got lost is sent once more under the same id: it is the same request.
func (a *app) request(ctx context.Context, c *client.Client, r client.Request) (client.Accepted, error) {
	r.ID = strings.ToLower(rand.Text())
	for try := 1; ; try++ {
		limit, cancel := context.WithTimeout(ctx, actTimeout)
		acc, err := c.Request(limit, r)
		cancel()
		if err == nil || client.CodeOf(err) != client.CodeUnknown || try == 2 || ctx.Err() != nil {
			return acc, err
		}
		a.say("%v; asking again for the same request", err)
	}
}

// await shows the way of an accepted request to its end.
func (a *app) await(ctx context.Context, c *client.Client, acc client.Accepted, noWait bool) error {
	switch {
	case noWait:
		a.show(acc, func(w io.Writer) { fmt.Fprintln(w, acc.Operation) })
		a.say("next: fenced watch %d", acc.Operation)
		return nil
	case acc.Joined:
		a.say("joined operation %d, which was open already", acc.Operation)
	default:
		a.say("operation %d", acc.Operation)
	}
	s, err := a.waitFor(ctx, c, wait{
		id: acc.Operation, place: client.WatchFrom{Seq: acc.Seq, Stream: acc.Stream},
		until: func(s client.Show) bool { return s.Done },
	})
	if err != nil {
		return err
	}
	failed := outcome(s)
	if a.format == formatJSON || failed == nil || s.History.Action == client.ActionDrill {
		a.show(s, func(w io.Writer) {
			fmt.Fprintln(w, resultLine(s))
			drillLines(w, s.History)
		})
	}
	return failed
}
