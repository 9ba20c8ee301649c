package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

// RecoverArgs says what `fenced recover` is to do.
type RecoverArgs struct {
	Lost     []string
	Unproven []string
	NewStore bool
	// Force gives up a store that nobody else may have the memory of.
	Force bool
}

// Recovery is a recovery that is prepared: the store is held, nothing has changed. Do performs it; Close lets the store go.
type Recovery struct {
	Plan  client.Recovery
	Do    func(reason string) (client.Recovery, error)
	Close func()
}

func (a *app) recoverCommand() *cobra.Command {
	if a.deps.Recover == nil {
		return nil
	}
	var args RecoverArgs
	var reason string
	var yes bool
	cmd := &cobra.Command{
		Use:   "recover --lost A,B | --new-store",
		Short: "when a majority is lost for ever, or this node's store is",
		Long: `Works on the store of this node while its daemon is stopped (systemctl stop fenced).

--lost A,B: those nodes will never come back, and without them there is no quorum. This makes another domain of what this node remembers.
The lost nodes become victims whose power is cut and held off when fenced starts here; until that is proven, or you vouch for it, nothing is
released. Their votes do not count until they have joined again. Every other node must give up its store (--new-store) and join again, and a
node that comes back with the old domain is refused. Never do this while the others may only be cut off: try fenced off, and their power, first.

--unproven A: releases what A had even if none of its devices can prove that it is off. If it still runs, file systems are corrupted. Without
it such a node waits for fenced ack A.

--new-store: this node's store is damaged, was restored from a copy, is another node's, or of a domain that was given up. It is moved aside,
and with its next start the daemon joins again as a newcomer, without a vote first. The others must have quorum without this node.

It always wants the names typed, or --yes with --reason. Your name and reason stay in the history.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkRecover(args, yes, reason, isTerminal(a.in)); err != nil {
				return err
			}
			o := a.find(cmd.Flags())
			o.Strict = true
			return a.recover(cmd.Context(), o, args, reason, yes)
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().StringSliceVar(&args.Lost, "lost", nil, "the nodes that are lost for ever, with commas between")
	cmd.Flags().StringSliceVar(&args.Unproven, "unproven", nil, "those of them for whose end you vouch if no device can prove it")
	cmd.Flags().BoolVar(&args.NewStore, "new-store", false, "give up this node's store")
	cmd.Flags().BoolVar(&args.Force, "force", false, "give up the store even if nobody else has what it remembers")
	cmd.Flags().StringVar(&reason, "reason", "", "why, and how you made sure")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func checkRecover(r RecoverArgs, yes bool, reason string, terminal bool) error {
	slices.Sort(r.Lost)
	switch {
	case r.NewStore == (len(r.Lost) > 0):
		return usage("recover needs either --lost with the nodes that are lost for ever, or --new-store")
	case len(slices.Compact(slices.Clone(r.Lost))) != len(r.Lost):
		return usage("--lost names a node twice")
	case r.Force && !r.NewStore:
		return usage("--force goes with --new-store only")
	case yes && reason == "":
		return usage("recover --yes needs --reason")
	case !yes && !terminal:
		return usage("recover needs --yes --reason where there is no terminal to ask")
	}
	for _, name := range r.Unproven {
		if !slices.Contains(r.Lost, name) {
			return usage("--unproven %s: it is not among the lost", name)
		}
	}
	return nil
}

func (a *app) recover(ctx context.Context, o config.Options, args RecoverArgs, reason string, yes bool) error {
	r, err := a.deps.Recover(ctx, o, args)
	if err != nil {
		return err
	}
	defer r.Close()
	if a.format != formatJSON {
		recoveryText(a.err, r.Plan)
	}
	if reason == "" {
		if reason, err = a.ask("why, and how did you make sure? "); err != nil {
			return err
		}
		if reason == "" {
			return client.Errorf(client.CodeError, "nothing was done: there is no reason")
		}
	}
	name := r.Plan.Node
	if !args.NewStore {
		name = strings.Join(r.Plan.Lost, ",")
	}
	if err := a.confirm(yes, "recover", name); err != nil {
		return err
	}
	done, err := r.Do(reason)
	if err != nil {
		return err
	}
	a.show(done, func(w io.Writer) { recoveredText(w, done) })
	if done.NewStore {
		a.say("next: start fenced here; it joins as soon as the others have quorum. Once it is a member, remove %s", done.Kept)
		return nil
	}
	a.say("next: start fenced here, then fenced status")
	for _, other := range done.Stay {
		a.say("next: on %s: systemctl stop fenced; fenced recover --new-store; systemctl start fenced", other)
	}
	return nil
}

// recoveryText says in plain words what is about to happen.
func recoveryText(w io.Writer, p client.Recovery) {
	switch {
	case p.Unread != "":
		fmt.Fprintf(w, "The store of %s cannot be read, so nobody knows what it remembered: %s\n", p.Node, p.Unread)
	case p.Was == "":
		fmt.Fprintf(w, "The store of %s is in no domain.\n", p.Node)
	default:
		fmt.Fprintf(w, "The store of %s is in domain %s of cluster %s and remembers %d entries.\n", p.Node, p.Was, p.Cluster, p.Index)
	}
	if len(p.Victims) > 0 {
		fmt.Fprintf(w, "  open       victims that nobody has proven off: %s\n", strings.Join(p.Victims, ", "))
	}
	if p.NewStore {
		fmt.Fprintf(w, "  given up   %s joins again as a newcomer, without a vote until it has caught up\n", p.Node)
		fmt.Fprintln(w, "  needs      quorum among the others without it: ask fenced status there first")
		return
	}
	fmt.Fprintln(w, "You are about to make another domain of it. The one before must never act again.")
	fmt.Fprintf(w, "  lost       %s: power cut and held off when fenced starts here\n", strings.Join(p.Lost, ", "))
	if len(p.Unproven) > 0 {
		fmt.Fprintf(w, "  unproven   %s: released even if no device proves it\n", strings.Join(p.Unproven, ", "))
	}
	if len(p.Stay) > 0 {
		fmt.Fprintf(w, "  stay       %s: must give up the store and join again\n", strings.Join(p.Stay, ", "))
	}
	fmt.Fprintf(w, "  votes      %d of the %d that quorum needs, before anybody joins\n", p.Votes.Have, p.Votes.Need)
	fmt.Fprintln(w, "If a lost node still runs and cannot be reached, both sides write to the same disks: FILE SYSTEMS WILL BE CORRUPTED.")
}

func recoveredText(w io.Writer, d client.Recovery) {
	if d.NewStore {
		fmt.Fprintf(w, "%s: its store is given up and kept in %s\n", d.Node, d.Kept)
		return
	}
	fmt.Fprintf(w, "%s: domain %s, made of domain %s; lost: %s\n", d.Node, d.Domain, d.Was, strings.Join(d.Lost, ", "))
}
