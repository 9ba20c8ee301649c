package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/fenced-project/fenced/client"
)

// The exit codes of fence_node and fence_tool, as their old manuals say.
const (
	oldSuccess     = 0
	oldFailure     = 1
	oldNoUnfencing = 2 // no unfencing is defined for the node
)

// fenceNodeLimit ends a fence_node whose operation does not end: the old one had no such option.
const fenceNodeLimit = 10 * time.Minute

// fenceNode is the old fence_node: it fences one node and never asks. It succeeds when the node's present life has a proven end, and does
// not wait for the machine to be switched on again.
func (a *app) fenceNode(ctx context.Context, args []string) int {
	f := pflag.NewFlagSet(a.name, pflag.ContinueOnError)
	f.SetOutput(a.err)
	f.Usage = func() {}
	unfence := f.BoolP("unfence", "U", false, "")
	verbose := f.CountP("verbose", "v", "")
	help := f.BoolP("help", "h", false, "")
	version := f.BoolP("version", "V", false, "")
	err := f.Parse(args)
	switch {
	case err != nil:
		fmt.Fprintf(a.err, "%s: %v\nPlease use '-h' for usage.\n", a.name, err)
		return oldFailure
	case *help:
		fmt.Fprintln(a.out, "Usage: fence_node [-v] [-vv] [-U] NODE\n\n  -U   give the node its access to storage back\n  -v   show the attempts, -vv also what devices answered\n  -V   show the version\n  -h   this help")
		return oldSuccess
	case *version:
		fmt.Fprintf(a.out, "%s %s\n", a.name, a.deps.Version)
		return oldSuccess
	case f.NArg() == 0:
		fmt.Fprintf(a.err, "%s: no node name specified\n", a.name)
		return oldFailure
	case f.NArg() > 1:
		fmt.Fprintf(a.err, "%s: unknown option %s\n", a.name, f.Arg(1))
		return oldFailure
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, fenceNodeLimit, errLimit)
	defer cancel()
	node := f.Arg(0)
	c := a.client()
	defer c.Close()
	if *unfence {
		return a.unfenceOld(ctx, c, node, *verbose)
	}
	s, err := a.fenceOld(ctx, c, client.Request{Node: node, Action: client.ActionReboot, Reason: a.name}, *verbose)
	a.oldLog(s, *verbose)
	if err != nil {
		_ = a.finish(err)
		fmt.Fprintf(a.err, "fence %s failed\n", node)
		return oldFailure
	}
	fmt.Fprintf(a.err, "fence %s success: %s\n", node, resultLine(s))
	return oldSuccess
}

// unfenceOld is fence_node -U. It asks for a plan first, so that a node that nobody knows is not taken for one without unfencing.
func (a *app) unfenceOld(ctx context.Context, c *client.Client, node string, verbose int) int {
	fail := func(err error) int {
		_ = a.finish(err)
		fmt.Fprintf(a.err, "unfence %s failed\n", node)
		return oldFailure
	}
	if _, err := a.askPlan(ctx, c, client.PlanQuery{Node: node, Action: client.ActionUnfence}); err != nil {
		return fail(err)
	}
	acc, err := a.request(ctx, c, client.Request{Node: node, Action: client.ActionUnfence, Reason: a.name})
	if client.CodeOf(err) == client.CodeNoSuch {
		fmt.Fprintf(a.err, "unfence %s: %v\n", node, err)
		return oldNoUnfencing
	}
	if err != nil {
		return fail(err)
	}
	s, err := a.waitFor(ctx, c, wait{
		id: acc.Operation, place: client.WatchFrom{Seq: acc.Seq, Stream: acc.Stream}, quiet: verbose == 0, until: func(s client.Show) bool { return s.Done },
	})
	a.oldLog(s, verbose)
	if err == nil {
		err = outcome(s)
	}
	if err != nil {
		return fail(err)
	}
	fmt.Fprintf(a.err, "unfence %s success\n", node)
	return oldSuccess
}

// fenceOld asks, and waits for the proof that the life which is meant is over.
func (a *app) fenceOld(ctx context.Context, c *client.Client, r client.Request, verbose int) (client.Show, error) {
	acc, err := a.request(ctx, c, r)
	if err != nil {
		return client.Show{}, err
	}
	s, err := a.waitFor(ctx, c, wait{
		id: acc.Operation, place: client.WatchFrom{Seq: acc.Seq, Stream: acc.Stream}, quiet: verbose == 0,
		until: func(s client.Show) bool { return s.Done || proven(s) },
	})
	if err == nil && !proven(s) {
		err = outcome(s)
		if err == nil {
			err = client.Errorf(client.CodeUnknown, "operation %d is over without a verdict", acc.Operation)
		}
	}
	return s, err
}

// proven reports whether the life that is meant is over, with a proof that has a name.
func proven(s client.Show) bool {
	h := s.History
	return (h.Resolution == client.ResolutionVerdict || h.Resolution == client.ResolutionRejoined) && h.Evidence.Kind != ""
}

func (a *app) oldLog(s client.Show, verbose int) {
	if verbose == 0 {
		return
	}
	for _, at := range s.History.Attempts {
		fmt.Fprintf(a.err, "fence %s dev %d agent %s result: %s\n", s.History.Victim, at.Level, at.Device, at.Class)
		if verbose > 1 && at.Text != "" {
			fmt.Fprintf(a.err, "agent said: %s\n", at.Text)
		}
	}
}
