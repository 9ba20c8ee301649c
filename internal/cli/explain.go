package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// explainCommand prints what a code of `fenced status` means. It needs no daemon: it is asked for most when there is none.
func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "what a code of `fenced status` means: cause, risk and remedy; all codes without one",
		Args:  words(0, 1, "at most one CODE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				all := client.Explanations()
				a.show(struct {
					API          string               `json:"api"`
					Explanations []client.Explanation `json:"explanations"`
				}{client.API, all}, func(w io.Writer) {
					for _, e := range all {
						fmt.Fprintf(w, "%s  %s\n", e.Code, e.Title)
					}
				})
				return nil
			}
			e, ok := client.Explain(strings.ToUpper(args[0]))
			if !ok {
				return client.Errorf(client.CodeNoSuch, "no such code: %q (`fenced explain` lists all)", args[0])
			}
			a.show(struct {
				API string `json:"api"`
				client.Explanation
			}{client.API, e}, func(w io.Writer) {
				fmt.Fprintf(w, "%s   %s\n  cause  %s\n  risk   %s\n  fix    %s\n", e.Code, e.Title, e.Cause, e.Risk, e.Fix)
			})
			return nil
		},
	}
}
