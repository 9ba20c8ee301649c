package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) applyCommand() *cobra.Command {
	var q client.Apply
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "make the configuration file of this node's daemon the roster of the cluster",
		Long: `The daemon reads its configuration file again, checks it whole, and proposes its nodes, levels, devices, timings and policies as the
next version of the roster. Nothing changes unless all of it is right (exit code 78 with every mistake at once). --dry-run says in words what
would change, what it does to quorum, and what forbids it; its exit code is the one that the change would have.

Exit code: 0 committed, or the file says nothing new; 1 refused by a rule, which is named; 75 somebody else applied one meanwhile: look again;
106 no quorum; 107 refused without --force: the file was made from an older roster than the committed one, or those who are there would
have no quorum.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), actTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			r, err := c.Apply(ctx, q)
			if err != nil {
				return err
			}
			a.show(r, func(w io.Writer) { appliedText(w, r) })
			return code(firstBlock(r))
		},
	}
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why; it stays in the history")
	cmd.Flags().BoolVar(&q.DryRun, "dry-run", false, "only show what would change")
	cmd.Flags().BoolVar(&q.Force, "force", false, "apply a file that may be older than the committed roster, or that costs quorum")
	return cmd
}

// firstBlock is the code of the first thing that forbids a roster.
func firstBlock(r client.Applied) client.Code {
	if len(r.BlockedBy) > 0 {
		return r.BlockedBy[0].Code
	}
	return client.CodeOK
}

func appliedText(w io.Writer, r client.Applied) {
	changesText(w, r)
	switch {
	case len(r.Changes) == 0:
		fmt.Fprintf(w, "roster %d (%s): the file says nothing new\n", r.Version, r.Hash)
	case r.DryRun:
		fmt.Fprintf(w, "roster %d (%s) would have %s; nothing was applied\n", r.Version, r.Hash, plural(len(r.Changes), "change", "changes"))
	default:
		fmt.Fprintf(w, "roster %d (%s) is committed with %s\n", r.Version, r.Hash, plural(len(r.Changes), "change", "changes"))
	}
	todoText(w, r)
}

// changesText says what a roster changes, what it does to quorum, and what forbids it.
func changesText(w io.Writer, r client.Applied) {
	for _, c := range r.Changes {
		fmt.Fprintf(w, "  %s\n", c)
	}
	if q := r.Quorum; len(r.Changes) > 0 && q.Need > 0 {
		fmt.Fprintf(w, "  quorum     %d votes are there and %d are needed; after it %d and %d", q.Have, q.Need, q.HaveAfter, q.NeedAfter)
		if q.NeedWhenAllCame != q.NeedAfter {
			fmt.Fprintf(w, ", and %d when all nodes that are new have come", q.NeedWhenAllCame)
		}
		fmt.Fprintln(w)
	}
	for _, b := range r.BlockedBy {
		text := b.Text
		if b.Code == client.CodeUnsafe && !strings.Contains(text, "--force") {
			text += " (--force would allow it)"
		}
		fmt.Fprintf(w, "  forbidden  %s (exit code %d)\n", text, b.Code)
		if b.Next != "" {
			fmt.Fprintf(w, "  next       %s\n", b.Next)
		}
	}
}

func todoText(w io.Writer, r client.Applied) {
	if len(r.Todo) > 0 && len(r.BlockedBy) == 0 {
		fmt.Fprintln(w, "left to do")
		for _, t := range r.Todo {
			fmt.Fprintf(w, "  %s\n", t)
		}
	}
}
