package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

func (a *app) residualCommand() *cobra.Command {
	if a.deps.Residual == nil {
		return nil
	}
	cmd := &cobra.Command{
		Use:   "residual",
		Short: "what an earlier time left in this machine, and what would follow from it",
		Long: `Looks at this machine with the same probes as fenced does before it says that it is clean, and says what policy would then do. It only
reads, and needs no daemon. Exit 0: clean; 95: something is left over; 96: it cannot be told, which counts the same.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			r, err := a.deps.Residual(ctx, config.Find(cmd.Flags()))
			if err != nil {
				return err
			}
			a.show(r, func(w io.Writer) { residualText(w, r) })
			switch r.Result {
			case client.ResidualClean:
				return nil
			case client.ResidualDirty:
				return silent(client.CodeDirty)
			}
			return silent(client.CodeResidualUnknown)
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

func residualText(w io.Writer, r client.Residual) {
	head := "result  " + r.Result
	if r.Simulated {
		head += "  (a fake system)"
	}
	fmt.Fprintln(w, head)
	for _, f := range r.Findings {
		cleared := ""
		if f.Class == "state" && !f.Reset {
			cleared = " (a reset does not clear it)"
		}
		fmt.Fprintf(w, "%-7s %s: %s, %s%s\n        %s\n", f.Class, f.Probe, f.What, f.Path, cleared, f.Why)
		if len(f.Holders) > 0 {
			held := make([]string, 0, len(f.Holders))
			for _, h := range f.Holders {
				held = append(held, fmt.Sprintf("%s (%d)", h.Comm, h.PID))
			}
			fmt.Fprintf(w, "        by %s\n", strings.Join(held, ", "))
		}
	}
	fmt.Fprintf(w, "policy  %s\nwould   %s\n", r.Policy, r.Would)
}
