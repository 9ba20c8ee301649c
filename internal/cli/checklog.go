package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) checkLogCommand() *cobra.Command {
	if a.deps.CheckLog == nil {
		return nil
	}
	var o LogCheck
	cmd := &cobra.Command{
		Use:   "check-log EVENTS...",
		Short: "prove or refute the invariants from the event lines of any number of nodes, offline",
		Long: "Reads event lines (fenced watch -o json, one file for each node) and lines of ground truth, such as\n" +
			`{"event":"write","node":"node-3","incarnation":"BOOT","block":7,"seq":1,"at":"…"} for each write that the shared disk accepted,` + "\n" +
			"and says which invariant they break. Exit 0: none; 1: at least one.",
		Args: words(1, maxEventFiles, "one or more files of event lines"),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.deps.CheckLog(args, o)
			if err != nil {
				return err
			}
			a.show(r.Document, func(w io.Writer) { fmt.Fprint(w, r.Text) })
			if !r.Holds {
				return silent(client.CodeError)
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&o.Bound, "bound", 0, "every victim is resolved within this time (0: by the end of the log)")
	cmd.Flags().BoolVar(&o.OpenAllowed, "open", false, "victims may be open at the end: the log was collected in mid-operation")
	return cmd
}

// maxEventFiles bounds one check.
const maxEventFiles = 4096
