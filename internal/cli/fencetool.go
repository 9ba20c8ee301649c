package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/fenced-project/fenced/client"
)

// toolOptions are what fence_tool still understands.
type toolOptions struct {
	all  bool // -n
	wait int  // -w, seconds
}

// fenceTool is the old fence_tool: `ls` in its old form, `join` for old start scripts (fenced joins by itself, so it only waits), `leave`.
func (a *app) fenceTool(ctx context.Context, args []string) int {
	var o toolOptions
	f := pflag.NewFlagSet(a.name, pflag.ContinueOnError)
	f.SetOutput(a.err)
	f.Usage = func() {}
	f.BoolVarP(&o.all, "nodes", "n", false, "")
	f.IntVarP(&o.wait, "wait", "w", 0, "")
	help := f.BoolP("help", "h", false, "")
	version := f.BoolP("version", "V", false, "")
	err := f.Parse(args)
	fail := func(format string, args ...any) int {
		fmt.Fprintf(a.err, "%s: %s\n", a.name, fmt.Sprintf(format, args...))
		return oldFailure
	}
	switch {
	case err != nil:
		fmt.Fprintf(a.err, "%s: %v\nPlease use '-h' for usage.\n", a.name, err)
		return oldFailure
	case *help:
		fmt.Fprintln(a.out, "Usage: fence_tool ls [-n [NODE]] [-w SECONDS]\n       fence_tool join [-w SECONDS]\n       fence_tool leave [-w SECONDS]\n\n"+
			"  -n   all nodes, or only NODE\n  -w   wait so long until nothing is waited for (ls), until this node is a member (join), try so long (leave)\n  -V   show the version\n  -h   this help")
		return oldSuccess
	case *version:
		fmt.Fprintf(a.out, "%s %s\n", a.name, a.deps.Version)
		return oldSuccess
	case f.NArg() == 0:
		return fail("no operation specified")
	case o.wait < 0:
		return fail("-w wants a number of seconds, not %d: no command here waits for ever", o.wait)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	switch op := f.Arg(0); {
	case op == "ls" && (f.NArg() == 1 || f.NArg() == 2 && o.all):
		return a.toolList(ctx, o, f.Arg(1))
	case op == "join" && f.NArg() == 1:
		return a.toolJoin(ctx, o)
	case op == "leave" && f.NArg() == 1:
		return a.toolLeave(ctx, o)
	case op == "dump":
		return fail("%s: this version of fenced cannot do that; nothing was done", op)
	default:
		return fail("unknown option %s", f.Arg(f.NArg()-1))
	}
}

func (a *app) toolList(ctx context.Context, o toolOptions, node string) int {
	s, ready, err := a.toolWait(ctx, o, func(s client.Status) bool { return waitState(s) == "none" })
	if err == nil && node != "" {
		_, err = nodeOf(s, node)
	}
	if err != nil {
		_ = a.finish(err)
		return oldFailure
	}
	a.oldDomain(s)
	if o.all {
		a.oldNodes(s, node)
	}
	fmt.Fprintln(a.out)
	if o.wait > 0 && !ready {
		fmt.Fprintf(a.err, "%s: still waiting for %s after %d seconds\n", a.name, waitState(s), o.wait)
		return oldFailure
	}
	return oldSuccess
}

func (a *app) toolJoin(ctx context.Context, o toolOptions) int {
	joined := func(s client.Status) bool {
		n, err := nodeOf(s, s.Node)
		return err == nil && n.State == client.StateMember
	}
	s, ready, err := a.toolWait(ctx, o, joined)
	switch {
	case err != nil:
		_ = a.finish(err)
		return oldFailure
	case !ready && o.wait > 0:
		fmt.Fprintf(a.err, "%s: %s is not a member after %d seconds\n", a.name, s.Node, o.wait)
		return oldFailure
	}
	return oldSuccess
}

// toolLeave is the old `fence_tool leave`: as `fenced leave`, without force.
func (a *app) toolLeave(ctx context.Context, o toolOptions) int {
	limit := leaveTimeout
	if o.wait > 0 {
		limit = min(time.Duration(o.wait)*time.Second, leaveTimeoutMax)
	}
	if _, err := a.leave(ctx, client.Leave{Reason: "fence_tool leave", TimeoutMS: limit.Milliseconds()}); err != nil {
		_ = a.finish(err)
		return oldFailure
	}
	return oldSuccess
}

// toolWait asks for the status, until it is as wanted or -w is over. It reports whether it is.
func (a *app) toolWait(ctx context.Context, o toolOptions, want func(client.Status) bool) (client.Status, bool, error) {
	c := a.client()
	defer c.Close()
	end := time.NewTimer(time.Duration(o.wait) * time.Second)
	defer end.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		ask, cancel := context.WithTimeout(ctx, queryTimeout)
		s, err := c.Status(ask)
		cancel()
		if err == nil && want(s) {
			return s, true, nil
		}
		if o.wait == 0 {
			return s, false, err
		}
		select {
		case <-again.C:
		case <-end.C:
			return s, false, err
		case <-ctx.Done():
			return s, false, client.Errorf(client.CodeUnknown, "interrupted")
		}
	}
}

// waitState is the old word for what the domain waits for.
func waitState(s client.Status) string {
	own, err := nodeOf(s, s.Node)
	switch {
	case !s.Quorate:
		return "quorum"
	case len(s.Operations) > 0:
		return "fencing"
	case err != nil || own.State != client.StateMember:
		return "messages"
	}
	return "none"
}

// oldDomain prints the first block of the old `fence_tool ls`. There is no master any more: the first in rank stands there (R8).
func (a *app) oldDomain(s client.Status) {
	victims, now, master := victimIDs(s), uint32(0), uint32(0)
	if len(victims) > 0 {
		now = victims[0]
	}
	var members []uint32
	for _, n := range s.Nodes {
		if n.State == client.StateMember {
			members = append(members, n.ID)
			if master == 0 && n.Role != client.RoleWitness {
				master = n.ID
			}
		}
	}
	fmt.Fprintf(a.out, "fence domain\nmember count  %d\nvictim count  %d\nvictim now    %d\nmaster nodeid %d\nwait state    %s\nmembers       ",
		len(members), len(victims), now, master, waitState(s))
	for _, id := range members {
		fmt.Fprintf(a.out, "%d ", id)
	}
	fmt.Fprintln(a.out)
}

// victimIDs are the ids of the nodes with an open operation that ends a life, in the order of the operations.
func victimIDs(s client.Status) []uint32 {
	var ids []uint32
	for _, o := range s.Operations {
		n, err := nodeOf(s, o.Victim)
		if err == nil && o.Action != client.ActionOn && o.Action != client.ActionUnfence && o.Phase != client.PhasePoweringOn {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

func (a *app) oldNodes(s client.Status, only string) {
	victims := victimIDs(s)
	bit := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	fmt.Fprintln(a.out, "all nodes")
	for _, n := range s.Nodes {
		if only != "" && n.Name != only {
			continue
		}
		victim := false
		for _, id := range victims {
			victim = victim || id == n.ID
		}
		master, how := uint32(0), "none"
		if n.Last != nil {
			how = oldHow(n.Last.Evidence)
			if actor, err := nodeOf(s, n.Last.Actor); err == nil {
				master = actor.ID
			}
		}
		fmt.Fprintf(a.out, "nodeid %d member %d victim %d last fence master %d how %s\n", n.ID, bit(n.State == client.StateMember), bit(victim), master, how)
	}
}

// oldHow is the old word for how a victim ended.
func oldHow(evidence string) string {
	switch evidence {
	case client.EvidenceBootChanged:
		return "member"
	case client.EvidenceOperator:
		return "override"
	}
	return "agent"
}
