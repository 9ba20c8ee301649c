package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// maxSeeds bounds one run of the simulator.
const maxSeeds = 10_000_000

func (a *app) simCommand() *cobra.Command {
	if a.deps.Sim == nil {
		return nil
	}
	var o SimRun
	var seeds string
	var seed uint64
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "simulate clusters with faults, and check every invariant",
		Long: "Runs the deciding code of this very build in simulated clusters: machines with power, BMCs that lie, networks that tear, disks that\n" +
			"stall, operators. Everything comes from the seed, and a seed gives the same run on every machine. Exit 0: no invariant broke; 1: at\n" +
			"least one did. A seed that fails is shown with the fault kinds that it needs and the command that replays it.",
		Args: words(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("seed") {
				if cmd.Flags().Changed("seeds") {
					return usage("--seed and --seeds exclude each other")
				}
				o.From, o.To = seed, seed
			} else if err := parseSeeds(seeds, &o); err != nil {
				return err
			}
			if o.Verbose && o.From != o.To {
				return usage("--verbose tells one seed: add --seed")
			}
			return a.sim(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&seeds, "seeds", "0..99", "the seeds FROM..TO, both included")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "one seed")
	cmd.Flags().IntVar(&o.Nodes, "nodes", 5, "nodes of each cluster, 3 to 64; 2 too with --membership corosync")
	cmd.Flags().StringVar(&o.Membership, "membership", "embedded", "what the clusters' membership is: embedded, corosync or two_node")
	cmd.Flags().IntVar(&o.Minutes, "minutes", 10, "virtual minutes of each seed, at least")
	cmd.Flags().BoolVar(&o.Verbose, "verbose", false, "tell everything that happens (one seed)")
	cmd.Flags().BoolVar(&o.Hash, "hash", false, "show the hash of each run: equal runs have equal hashes")
	cmd.Flags().StringSliceVar(&o.Without, "without", nil, "fault kinds to switch off")
	return cmd
}

func parseSeeds(s string, o *SimRun) error {
	from, to, ok := strings.Cut(s, "..")
	var err error
	if o.From, err = strconv.ParseUint(from, 10, 64); err == nil && ok {
		o.To, err = strconv.ParseUint(to, 10, 64)
	}
	switch {
	case !ok || err != nil:
		return usage("--seeds is FROM..TO with two numbers, not %q", s)
	case o.To < o.From:
		return usage("--seeds %s: the last seed is before the first", s)
	case o.To-o.From >= maxSeeds:
		return usage("--seeds %s: at most %d seeds in one run", s, maxSeeds)
	}
	return nil
}

func (a *app) sim(ctx context.Context, o SimRun) error {
	r, err := a.deps.Sim(ctx, o, func(line string) { fmt.Fprintln(a.err, line) })
	if err != nil {
		return err
	}
	a.show(r.Document, func(w io.Writer) { fmt.Fprint(w, r.Text) })
	if !r.Holds {
		return silent(client.CodeError)
	}
	return nil
}
